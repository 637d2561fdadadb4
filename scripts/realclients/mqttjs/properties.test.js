'use strict'
// What 5.0 adds.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Broker, connect, happens, numbered } = require('./rig.js')

const v5 = (options = {}) => ({ protocolVersion: 5, ...options })
const on = (what, run) => test(`5.0: ${what}`, async (t) => run(t, await Broker.start(t)))

on('properties and user properties reach the subscriber', async (t, broker) => {
	const c = await connect(t, broker, v5())
	await c.subscribeAsync('p', { qos: 1 })
	const properties = {
		payloadFormatIndicator: true, messageExpiryInterval: 1000, responseTopic: 'answers', contentType: 'text/plain',
		correlationData: Buffer.from([0, 1, 255]), userProperties: { unit: ['C', 'F'], room: 'küche' },
	}
	await c.publishAsync('p', 'x', { qos: 1, properties })
	const [{ packet }] = await c.inbox.take(1)
	const { messageExpiryInterval, ...rest } = packet.properties
	assert.ok(messageExpiryInterval > 990 && messageExpiryInterval <= 1000)
	delete properties.messageExpiryInterval
	properties.userProperties = Object.assign(Object.create(null), properties.userProperties)
	assert.deepEqual(rest, properties)
})

on('topic aliases from the client', async (t, broker) => {
	const sub = await connect(t, broker, v5())
	await sub.subscribeAsync('long/topic/+', { qos: 1 })
	const pub = await connect(t, broker, v5({ autoAssignTopicAlias: true }))
	assert.ok(pub.connack.properties.topicAliasMaximum > 0)
	let aliased = 0
	pub.on('packetsend', (p) => { if (p.cmd === 'publish' && p.topic === '') aliased++ })
	const want = numbered('message', 30)
	for (const [i, m] of want.entries()) await pub.publishAsync(`long/topic/${i % 3}`, m, { qos: i % 2 })
	const got = await sub.inbox.take(want.length)
	assert.deepEqual(got.map((m) => `${m.topic} ${m.text}`), want.map((m, i) => `long/topic/${i % 3} ${m}`))
	assert.ok(aliased > 0, 'the client used no alias')
})

on('topic aliases from the broker', async (t, broker) => {
	const sub = await connect(t, broker, v5({ properties: { topicAliasMaximum: 2 } }))
	let aliased = 0
	sub.on('packetreceive', (p) => {
		if (p.cmd !== 'publish') return
		if (p.topic === '') aliased++
		assert.ok((p.properties?.topicAlias ?? 1) <= 2)
	})
	await sub.subscribeAsync('long/topic/+', { qos: 1 })
	const pub = await connect(t, broker, v5())
	const want = numbered('message', 40)
	for (const [i, m] of want.entries()) await pub.publishAsync(`long/topic/${i % 4}`, m, { qos: i % 2 })
	const got = await sub.inbox.take(want.length)
	assert.deepEqual(got.map((m) => `${m.topic} ${m.text}`), want.map((m, i) => `long/topic/${i % 4} ${m}`))
	assert.ok(aliased > 0, 'the broker used no alias')
})

on('request and response', async (t, broker) => {
	const answers = await connect(t, broker, v5())
	await answers.subscribeAsync('questions', { qos: 1 })
	answers.on('message', (_, payload, { properties }) => {
		answers.publish(properties.responseTopic, `answer to ${payload}`, { qos: 1, properties: { correlationData: properties.correlationData } })
	})
	const asks = await connect(t, broker, v5())
	await asks.subscribeAsync('answers/me', { qos: 1 })
	for (const q of numbered('question', 5)) {
		await asks.publishAsync('questions', q, { qos: 1, properties: { responseTopic: 'answers/me', correlationData: Buffer.from(q) } })
		const [m] = await asks.inbox.take(1)
		assert.deepEqual([m.text, m.packet.properties.correlationData.toString()], [`answer to ${q}`, q])
	}
})

on('receiveMaximum is kept to', async (t, broker) => {
	const sub = await connect(t, broker, v5({ properties: { receiveMaximum: 1 } }))
	let open = 0
	sub.on('packetreceive', (p) => {
		if (p.cmd === 'publish' && p.qos > 0) assert.ok(++open <= 1, 'two unacknowledged messages')
	})
	sub.on('packetsend', (p) => { if (p.cmd === 'puback' || p.cmd === 'pubcomp') open-- })
	await sub.subscribeAsync('many', { qos: 2 })
	const pub = await connect(t, broker, v5())
	const want = numbered('message', 200)
	await Promise.all(want.map((m, i) => pub.publishAsync('many', m, { qos: i < 100 ? 1 : 2 })))
	assert.deepEqual(await sub.inbox.texts(want.length), want)
})

on('maximumPacketSize is kept to', async (t, broker) => {
	const sub = await connect(t, broker, v5({ properties: { maximumPacketSize: 100 } }))
	await sub.subscribeAsync('sizes', { qos: 1 })
	const pub = await connect(t, broker, v5())
	await pub.publishAsync('sizes', 'x'.repeat(200), { qos: 1 })
	await pub.publishAsync('sizes', 'fits', { qos: 1 })
	assert.deepEqual(await sub.inbox.texts(1), ['fits'])
})

// A will that would wait longer is published when the session ends: that tells when it has.
on('session expiry', async (t, broker) => {
	const watch = await connect(t, broker, v5())
	await watch.subscribeAsync('wills', { qos: 1 })
	const mine = (sessionExpiryInterval) => v5({
		clientId: 'expires', clean: false, properties: { sessionExpiryInterval },
		will: { topic: 'wills', payload: 'the session ended', properties: { willDelayInterval: 60 } },
	})
	await (await connect(t, broker, mine(60))).endAsync()
	const there = await connect(t, broker, mine(1))
	assert.equal(there.connack.sessionPresent, true)
	there.stream.destroy()
	assert.deepEqual(await watch.inbox.texts(1), ['the session ended'])
	const gone = await connect(t, broker, mine(60))
	assert.equal(gone.connack.sessionPresent, false)
	await gone.endAsync(false, { properties: { sessionExpiryInterval: 0 } }) // DISCONNECT may shorten it
	assert.equal((await connect(t, broker, mine(0))).connack.sessionPresent, false)
})

on('subscription identifiers', async (t, broker) => {
	const c = await connect(t, broker, v5())
	const ids = (packet) => [packet.properties.subscriptionIdentifier].flat().sort((a, b) => a - b)
	await c.subscribeAsync('a/+', { qos: 1, properties: { subscriptionIdentifier: 7 } })
	await c.publishAsync('a/b', 'x', { qos: 1 })
	assert.deepEqual(ids((await c.inbox.take(1))[0].packet), [7])
	await c.subscribeAsync('a/#', { qos: 1, properties: { subscriptionIdentifier: 268435455 } })
	await c.publishAsync('a/b', 'x', { qos: 1 })
	await c.publishAsync('a/b/c', 'end', { qos: 1 })
	// The broker may deliver once for each overlapping subscription or once for both; no identifier is missing.
	const got = []
	while (got.at(-1)?.text !== 'end') got.push(...(await c.inbox.take(1)))
	assert.deepEqual(got.slice(0, -1).flatMap((m) => ids(m.packet)).sort((a, b) => a - b), [7, 268435455])
})

on('noLocal, retain as published, retain handling', async (t, broker) => {
	const c = await connect(t, broker, v5())
	const other = await connect(t, broker, v5())
	await other.publishAsync('r/kept', 'kept', { qos: 1, retain: true })
	const flags = (m) => `${m.text} ${m.packet.retain}`

	await c.subscribeAsync('r/#', { qos: 1, nl: true, rap: true, rh: 1 })
	assert.deepEqual((await c.inbox.take(1)).map(flags), ['kept true'])
	await c.subscribeAsync('r/#', { qos: 1, nl: true, rap: true, rh: 1 }) // the subscription is not new
	await c.subscribeAsync('r/kept', { qos: 1, nl: true, rap: true, rh: 2 }) // never
	await c.unsubscribeAsync('r/kept')
	await c.publishAsync('r/own', 'own', { qos: 1 })
	await other.publishAsync('r/flag', 'flag', { qos: 1, retain: true })
	assert.deepEqual((await c.inbox.take(1)).map(flags), ['flag true'])
	await c.subscribeAsync('r/#', { qos: 1, nl: false, rap: false, rh: 0 })
	assert.deepEqual((await c.inbox.take(2)).map(flags).sort(), ['flag true', 'kept true'])
	await c.publishAsync('r/own', 'own', { qos: 1, retain: true })
	assert.deepEqual((await c.inbox.take(1)).map(flags), ['own false'])
})

on('reason codes', async (t, broker) => {
	const c = await connect(t, broker, v5())
	const said = {}
	c.on('packetreceive', (p) => { said[p.cmd] = p })
	await c.publishAsync('nobody', 'x', { qos: 1 })
	assert.equal(said.puback.reasonCode, 0x10)
	await c.publishAsync('nobody', 'x', { qos: 2 })
	assert.equal(said.pubrec.reasonCode, 0x10)
	await c.unsubscribeAsync('never/subscribed')
	assert.deepEqual([...said.unsuback.granted], [0x11])
})

on('DISCONNECT 0x04 leaves the will, with its properties', async (t, broker) => {
	const watch = await connect(t, broker, v5())
	await watch.subscribeAsync('wills', { qos: 1 })
	const leaves = await connect(t, broker, v5({
		will: { topic: 'wills', payload: 'x', qos: 1, properties: { contentType: 'text/plain', userProperties: { who: 'me' }, responseTopic: 'r' } },
	}))
	await leaves.endAsync(false, { reasonCode: 4 })
	const [{ packet }] = await watch.inbox.take(1)
	assert.deepEqual([packet.properties.contentType, packet.properties.userProperties.who, packet.properties.responseTopic], ['text/plain', 'me', 'r'])
})

on('an identifier that the server assigns', async (t, broker) => {
	const c = await connect(t, broker, v5({ clientId: '' }))
	const id = c.connack.properties.assignedClientIdentifier
	assert.ok(id, 'none was assigned')
	const said = happens(c, 'disconnect')
	await connect(t, broker, v5({ clientId: id }))
	assert.equal((await said).reasonCode, 0x8e)
})
