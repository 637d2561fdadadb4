'use strict'
// Who is let in by certificates, and what a client is told by TLS and by HTTP when it is not.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { get } = require('node:http')
const { test } = require('node:test')
const mqtt = require('mqtt')
const { Broker, connect, happens, identity, transports, trust, within } = require('./rig.js')

// refused waits for the error a client ends with instead of a CONNACK.
async function refused(t, broker, options) {
	const client = mqtt.connect(broker.url, { reconnectPeriod: 0, ...options })
	t.after(() => new Promise((resolve) => client.end(true, resolve)))
	const failed = happens(client, 'error')
	client.once('connect', () => client.emit('error', new Error('was let in')))
	return within('an error', failed)
}

test('a client certificate is demanded, and of the right authority', async (t) => {
	const broker = await Broker.over(t, transports.mtls)
	for (const [what, options, want] of [
		['none', trust(), /alert certificate required/],
		['one of another authority', { ...trust(), ...identity('stranger') }, /alert unknown ca/],
		['none, in TLS 1.2', { ...trust(), maxVersion: 'TLSv1.2' }, /alert (bad certificate|handshake failure)/],
	]) {
		const error = await refused(t, broker, options)
		assert.match(error.message, want, what)
	}
	await connect(t, broker)
})

test('a client that does not know the authority turns away', async (t) => {
	for (const transport of [transports.tls, transports.wss]) {
		const broker = await Broker.over(t, transport)
		const error = await refused(t, broker, {})
		assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
		await connect(t, broker)
	}
})

test('TLS 1.2 and 1.3, a session taken up again, and the protocol by name', async (t) => {
	const broker = await Broker.over(t, transports.tls)
	for (const version of ['TLSv1.2', 'TLSv1.3']) {
		const options = { minVersion: version, maxVersion: version, ALPNProtocols: ['mqtt'] }
		let session
		const first = mqtt.connect(broker.url, { reconnectPeriod: 0, ...broker.options, ...options })
		t.after(() => new Promise((resolve) => first.end(true, resolve)))
		first.stream.on('session', (s) => { session = s })
		await within('CONNACK', once(first, 'connect'))
		assert.deepEqual([first.stream.getProtocol(), first.stream.alpnProtocol], [version, 'mqtt'])
		if (session === undefined) await within('a session ticket', once(first.stream, 'session'))
		const second = await connect(t, broker, { ...options, session })
		assert.equal(second.stream.isSessionReused(), true, version)
		await second.publishAsync('a', 'x', { qos: 1 })
	}
	const error = await refused(t, broker, { ...broker.options, ALPNProtocols: ['h2'] })
	assert.match(error.message, /alert no application protocol/)
})

test('a browser that looks in on a WebSocket listener gets an answer it can show', async (t) => {
	const broker = await Broker.over(t, transports.ws)
	for (const [path, want] of [['/mqtt', 426], ['/elsewhere', 404]]) {
		const [response] = await within('an answer', once(get(`http://${broker.address}${path}`), 'response'))
		response.resume()
		assert.equal(response.statusCode, want, path)
	}
})
