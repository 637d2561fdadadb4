'use strict'
// A page connects by WebSocket with what a browser brings: its own TLS, its own Origin.

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { Broker, connect, eventually, transports, versions } = require('../mqttjs/rig.js')
const { Browser } = require('./page.js')

let browser
before(async () => { browser = await Browser.start() })
after(() => browser?.stop())

// inPage has the page connect and subscribe; what it receives it keeps. Returns how it went: connected, or closed.
function inPage(page, url, options) {
	return page.evaluate(([url, options]) => new Promise((resolve) => {
		window.got = []
		window.client = window.mqtt.connect(url, { reconnectPeriod: 0, ...options })
		window.client.on('message', (topic, payload, packet) => window.got.push([topic, packet.qos, payload.length, payload.toString().slice(0, 100)]))
		window.client.on('connect', () => window.client.subscribe('to/page', { qos: 2 }, (e) => resolve(e ? String(e) : 'connected')))
		window.client.on('close', () => resolve('closed'))
		window.client.on('error', () => {})
	}), [url, options])
}

// received waits until the page has got n messages, and returns them.
async function received(page, n) {
	await page.waitForFunction((n) => window.got.length >= n, n)
	return page.evaluate(() => window.got.splice(0))
}

// publish has the page publish, and waits until it was acknowledged.
const publish = (page, payload, qos) => page.evaluate(([payload, qos]) => window.client.publishAsync('from/page', payload, { qos }), [payload, qos])

const large = 'x'.repeat(300_000)

for (const transport of ['ws', 'wss']) {
	for (const [name, version] of Object.entries(versions)) {
		test(`${name} over ${transport}: a page and a device exchange messages`, async (t) => {
			const broker = await Broker.over(t, transports[transport])
			const device = await connect(t, broker, version)
			await device.subscribeAsync('from/page', { qos: 2 })
			const page = await browser.open(t, 'localhost')
			assert.equal(await inPage(page, broker.url, version), 'connected')
			for (const qos of [0, 1, 2]) {
				for (const payload of ['hello', large]) {
					await publish(page, payload, qos)
					const [up] = await device.inbox.take(1)
					assert.deepEqual([up.packet.qos, up.text.length, up.text === payload], [qos, payload.length, true])
					await device.publishAsync('to/page', payload, { qos })
					assert.deepEqual(await received(page, 1), [['to/page', qos, payload.length, payload.slice(0, 100)]])
				}
			}
		})
	}
}

test('a page that is closed leaves its will', async (t) => {
	const broker = await Broker.over(t, transports.wss)
	const device = await connect(t, broker, versions['5.0'])
	await device.subscribeAsync('wills')
	const page = await browser.open(t, 'localhost')
	assert.equal(await inPage(page, broker.url, { ...versions['5.0'], will: { topic: 'wills', payload: 'closed', qos: 0 } }), 'connected')
	await page.close()
	assert.deepEqual(await device.inbox.texts(1), ['closed'])
})

// Any page that somebody visits could connect to a broker on the visitor's machine.
test('a page of another site is refused where clients need no credentials', async (t) => {
	const broker = await Broker.over(t, transports.ws, '--log-level', 'debug')
	const foreign = await browser.open(t, 'evil.example')
	assert.equal(await inPage(foreign, broker.url, versions['5.0']), 'closed')
	await eventually('the reason in the log', () => broker.program.err.includes('reason=ws_origin'))
	for (const host of ['localhost', '127.0.0.1']) {
		assert.equal(await inPage(await browser.open(t, host), broker.url, versions['5.0']), 'connected', host)
	}
})

test('a page of a site that is listed is let in, and no other', async (t) => {
	const listed = { ...transports.ws, query: { origins: `http://good.example:${browser.port}` } }
	const broker = await Broker.over(t, listed)
	assert.equal(await inPage(await browser.open(t, 'good.example'), broker.url, versions['5.0']), 'connected')
	assert.equal(await inPage(await browser.open(t, 'evil.example'), broker.url, versions['5.0']), 'closed')
})

test('a page of any site is let in where all are', async (t) => {
	const broker = await Broker.over(t, { ...transports.ws, query: { origins: '*' } })
	assert.equal(await inPage(await browser.open(t, 'evil.example'), broker.url, versions['5.0']), 'connected')
})
