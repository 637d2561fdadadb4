'use strict'
// A web page in headless Chromium, driven by playwright-core, that has MQTT.js's bundle for browsers. It comes from a server
// of the test's own; Chromium resolves every .example to that server's address, so that a page may be of any origin.

const { createServer } = require('node:http')
const { once } = require('node:events')
const { X509Certificate, createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join, dirname } = require('node:path')
const { chromium } = require('playwright-core')
const { pem } = require('../mqttjs/rig.js')

const bundle = readFileSync(join(dirname(require.resolve('mqtt/package.json')), 'dist', 'mqtt.min.js'))

// spki is what Chromium takes for the name of a key: it accepts the server's certificate by it, and any other as it always does.
function spki(file) {
	const key = new X509Certificate(readFileSync(file)).publicKey.export({ type: 'spki', format: 'der' })
	return createHash('sha256').update(key).digest('base64')
}

// pages serves the page on a port the system chose.
async function pages() {
	const server = createServer((request, response) => {
		if (request.url === '/mqtt.js') return response.setHeader('content-type', 'text/javascript').end(bundle)
		response.setHeader('content-type', 'text/html').end('<!doctype html><title>MQTT</title><script src="/mqtt.js"></script>')
	})
	server.listen(0, '127.0.0.1')
	await once(server, 'listening')
	return server
}

// Browser is a Chromium with the server of its pages.
class Browser {
	static async start() {
		const b = new Browser()
		b.server = await pages()
		b.port = b.server.address().port
		b.chromium = await chromium.launch({
			executablePath: '/usr/bin/chromium',
			args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server',
				'--host-resolver-rules=MAP *.example 127.0.0.1', `--ignore-certificate-errors-spki-list=${spki(pem('server.crt'))}`],
		})
		return b
	}

	// open loads the page from a host name, in a profile of its own.
	async open(t, host) {
		const context = await this.chromium.newContext()
		t.after(() => context.close())
		const page = await context.newPage()
		await page.goto(`http://${host}:${this.port}/`)
		return page
	}

	async stop() {
		await this.chromium.close()
		this.server.closeAllConnections()
		this.server.close()
	}
}

module.exports = { Browser }
