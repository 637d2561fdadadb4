'use strict'
// Turns the stream of `go test -json` into one line a test, with what a test said behind it when it failed. A test that has
// subtests is not counted, unless it failed by itself.

const { createInterface } = require('node:readline')

const said = new Map() // test -> its output
const parents = new Map() // test with subtests -> whether one of them failed
let failed = false

const noise = /^\s*(=== |--- |(PASS|FAIL)$|(ok|FAIL|\?)\s+\S)/

function shown(key) {
	const lines = (said.get(key) ?? '').split('\n').filter((line) => line !== '' && !noise.test(line))
	return lines.map((line) => `    ${line}\n`).join('')
}

createInterface({ input: process.stdin }).on('line', (line) => {
	let event
	try {
		event = JSON.parse(line)
	} catch {
		console.log(line) // the go command itself
		return
	}
	const { Action, Package, Test, Output, Elapsed } = event
	const name = Package?.split('/').pop()
	const key = `${Package} ${Test ?? ''}`
	if (Action === 'output' || Action === 'build-output') {
		const place = Action === 'output' ? key : `${event.ImportPath?.split(' ')[0]} `
		said.set(place, (said.get(place) ?? '') + Output)
		return
	}
	if (Test === undefined) {
		if (Action === 'fail') {
			failed = true
			if (!parents.get(`${Package} `)) console.log(`FAIL ${name}`)
			process.stdout.write(shown(key))
		}
		return
	}
	if (Action !== 'pass' && Action !== 'fail') return
	const above = Test.includes('/') ? `${Package} ${Test.slice(0, Test.lastIndexOf('/'))}` : `${Package} `
	parents.set(above, (parents.get(above) ?? false) || Action === 'fail')
	const own = shown(key)
	if (parents.has(key) && (Action === 'pass' || (parents.get(key) && own === ''))) return
	console.log(`${Action === 'pass' ? 'PASS' : 'FAIL'} ${name}: ${Test.replaceAll('_', ' ')} (${Elapsed.toFixed(2)} s)`)
	if (Action === 'fail') process.stdout.write(own)
}).on('close', () => { process.exitCode = failed ? 1 : 0 })
