'use strict'
// One line a test, with why behind it when it failed.

const { basename, dirname } = require('node:path')

module.exports = async function* (events) {
	for await (const { type, data } of events) {
		if (type === 'test:stderr' || type === 'test:stdout') yield data.message
		if (type !== 'test:pass' && type !== 'test:fail') continue
		const passed = type === 'test:pass'
		// What the name pattern leaves out counts as passed and skipped; some versions of node report the file as well.
		if (passed && (data.skip !== undefined || data.name.endsWith('.test.js'))) continue
		const suite = basename(dirname(data.file ?? __filename))
		yield `${passed ? 'PASS' : 'FAIL'} ${suite}: ${data.name} (${(data.details.duration_ms / 1000).toFixed(2)} s)\n`
		if (!passed) {
			const error = data.details.error
			yield String(error?.cause?.stack ?? error?.stack ?? error).trimEnd().replace(/^/gm, '    ') + '\n'
		}
	}
}
