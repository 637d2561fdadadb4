'use strict'
// What every version of the protocol has.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const mqtt = require('mqtt')
const { Broker, connect, eventually, happens, numbered, transports, versions } = require('./rig.js')

// Every version over TCP; over the others those of today, and 3.1 where it has a name of its own: WebSocket's mqttv3.1.
for (const [transport, over] of Object.entries(transports)) {
	for (const [name, version] of Object.entries(versions)) {
		if (name !== '3.1' || transport === 'tcp' || transport === 'ws') messages(name, version, transport, over)
	}
}

function messages(name, version, transport, over) {
	const five = name === '5.0'
	const title = transport === 'tcp' ? name : `${name} over ${transport}`
	const each = (what, run) => test(`${title}: ${what}`, async (t) => run(t, await Broker.over(t, over)))

	for (const qos of [0, 1, 2]) {
		each(`400 messages in order at QoS ${qos}`, async (t, broker) => {
			const sub = await connect(t, broker, version)
			const [grant] = await sub.subscribeAsync('a/+', { qos })
			assert.equal(grant.qos, qos)
			const pub = await connect(t, broker, version)
			const want = numbered('message', 400)
			await Promise.all(want.map((m) => pub.publishAsync('a/b', m, { qos })))
			const got = await sub.inbox.take(want.length)
			assert.deepEqual(got.map((m) => m.text), want)
			for (const { topic, packet } of got) {
				assert.deepEqual([topic, packet.qos, packet.retain, packet.dup], ['a/b', qos, false, false])
			}
		})
	}

	each('granted QoS is the ceiling; unsubscribed topics stay away', async (t, broker) => {
		const c = await connect(t, broker, version)
		const granted = await c.subscribeAsync({ zero: { qos: 0 }, one: { qos: 1 }, two: { qos: 2 } })
		assert.deepEqual(granted.map((g) => g.qos), [0, 1, 2])
		for (const topic of ['zero', 'one', 'two']) {
			await c.publishAsync(topic, topic, { qos: 2 })
			const [m] = await c.inbox.take(1)
			assert.deepEqual([m.topic, m.packet.qos], [topic, granted.find((g) => g.topic === topic).qos])
		}
		await c.unsubscribeAsync(['zero', 'two'])
		for (const topic of ['zero', 'two', 'one']) await c.publishAsync(topic, topic, { qos: 1 })
		assert.deepEqual(await c.inbox.texts(1), ['one'])
	})

	each('retained messages', async (t, broker) => {
		const pub = await connect(t, broker, version)
		await pub.publishAsync('room/temp', '20', { qos: 1, retain: true })
		await pub.publishAsync('room/temp', '21', { qos: 1, retain: true })
		await pub.publishAsync('room/hum', '50', { qos: 0, retain: true })
		await pub.publishAsync('room/end', '', { qos: 1 })
		const sub = await connect(t, broker, version)
		await sub.subscribeAsync('room/#', { qos: 1 })
		const got = await sub.inbox.take(2)
		assert.deepEqual(got.map((m) => `${m.topic} ${m.text} ${m.packet.qos} ${m.packet.retain}`).sort(), ['room/hum 50 0 true', 'room/temp 21 1 true'])
		await pub.publishAsync('room/temp', '', { qos: 1, retain: true })
		const [cleared] = await sub.inbox.take(1)
		assert.deepEqual([cleared.text, cleared.packet.retain], ['', false])
		const later = await connect(t, broker, version)
		await later.subscribeAsync(['room/temp', 'room/hum'], { qos: 1 })
		assert.deepEqual(await later.inbox.texts(1), ['50'])
	})

	each('a large binary payload', async (t, broker) => {
		const c = await connect(t, broker, version)
		await c.subscribeAsync('large', { qos: 2 })
		const payload = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))
		for (const qos of [0, 1, 2]) {
			await c.publishAsync('large', payload, { qos })
			const [m] = await c.inbox.take(1)
			assert.ok(m.payload.equals(payload), `QoS ${qos}: ${m.payload.length} bytes came, not as they were`)
		}
	})

	each('a will when the connection breaks, none after a goodbye', async (t, broker) => {
		const watch = await connect(t, broker, version)
		await watch.subscribeAsync('wills', { qos: 2 })
		const will = (payload) => ({ ...version, will: { topic: 'wills', payload, qos: 1, retain: true } })
		await (await connect(t, broker, will('said goodbye'))).endAsync()
		await watch.publishAsync('wills', 'nobody died', { qos: 1 })
		assert.deepEqual(await watch.inbox.texts(1), ['nobody died'])
		const breaks = await connect(t, broker, will('broke'))
		breaks.stream.destroy()
		const [m] = await watch.inbox.take(1)
		assert.deepEqual([m.text, m.packet.qos, m.packet.retain], ['broke', 1, false])
		const later = await connect(t, broker, version)
		await later.subscribeAsync('wills')
		assert.equal((await later.inbox.take(1))[0].packet.retain, true)
	})

	each('clean: false resumes with what waited', async (t, broker) => {
		const mine = { ...version, clientId: 'waits', clean: false, ...(five && { properties: { sessionExpiryInterval: 600 } }) }
		const first = await connect(t, broker, mine)
		assert.equal(first.connack.sessionPresent, false)
		await first.subscribeAsync('queue/#', { qos: 2 })
		await first.endAsync()
		const pub = await connect(t, broker, version)
		const want = numbered('waits', 200)
		for (const [i, m] of want.entries()) await pub.publishAsync('queue/x', m, { qos: i < 100 ? 1 : 2 })
		await pub.publishAsync('queue/x', 'QoS 0 does not wait', { qos: 0 })
		await pub.publishAsync('nobody', 'so that the one before is through', { qos: 1 })

		const second = await connect(t, broker, mine)
		if (name !== '3.1') assert.equal(second.connack.sessionPresent, true) // 3.1's CONNACK cannot say so
		assert.deepEqual(await second.inbox.texts(want.length), want)
		await pub.publishAsync('queue/x', 'live', { qos: 1 })
		assert.deepEqual(await second.inbox.texts(1), ['live'])
		await second.endAsync()

		const clean = await connect(t, broker, { ...mine, clean: true })
		assert.equal(clean.connack.sessionPresent, false)
	})

	each('reconnects and subscribes again after the broker was killed', async (t, broker) => {
		const c = await connect(t, broker, { ...version, reconnectPeriod: 50 })
		await c.subscribeAsync('state', { qos: 1 })
		await c.publishAsync('state', 'before', { qos: 1 })
		assert.deepEqual(await c.inbox.texts(1), ['before'])
		const offline = happens(c, 'offline')
		await broker.kill()
		await offline
		const meanwhile = Promise.all([1, 2].map((qos) => c.publishAsync('state', `meanwhile ${qos}`, { qos })))
		const connected = happens(c, 'connect')
		await broker.restart()
		assert.equal((await connected).sessionPresent, false)
		await meanwhile
		await eventually('a message by the renewed subscription', async () => {
			await c.publishAsync('state', 'after', { qos: 1 })
			return c.inbox.got.some((m) => m.text === 'after')
		})
	})

	each('another client of the same name takes over', async (t, broker) => {
		const mine = { ...version, clientId: 'twice' }
		const first = await connect(t, broker, mine)
		const said = five ? happens(first, 'disconnect') : undefined
		const closed = happens(first, 'close')
		const second = await connect(t, broker, mine)
		await closed
		if (five) assert.equal((await said).reasonCode, 0x8e)
		await second.publishAsync('a', 'x', { qos: 1 })
	})

	each('shared subscriptions', async (t, broker) => {
		const members = []
		for (let i = 0; i < 3; i++) {
			members.push(await connect(t, broker, version))
			await members[i].subscribeAsync('$share/group/jobs/+', { qos: 1 })
		}
		const pub = await connect(t, broker, version)
		const want = numbered('job', 90)
		await Promise.all(want.map((m) => pub.publishAsync('jobs/x', m, { qos: 1 })))
		const got = () => members.flatMap((c) => c.inbox.got.map((m) => m.text))
		await eventually('each job to reach one member', () => got().length >= want.length)
		assert.deepEqual(got().sort(), want.sort())
		for (const c of members) assert.notEqual(c.inbox.got.length, 0)
	})

	if (transport === 'tcp') each('pings keep a silent connection', async (t, broker) => {
		const c = await connect(t, broker, { ...version, keepalive: 1 })
		let answers = 0
		c.on('packetreceive', (p) => { if (p.cmd === 'pingresp') answers++ })
		await eventually('two answers', () => answers >= 2)
		assert.equal(c.connected, true)
	})
}

for (const [name, version] of Object.entries(versions)) {
	test(`${name}: a client that is not let in is told so`, async (t) => {
		const broker = await Broker.start(t, '--set', 'auth.anonymous=never')
		const client = mqtt.connect(broker.url, { ...version, reconnectPeriod: 0 })
		t.after(() => client.end(true))
		const error = await happens(client, 'error')
		assert.equal(error.code, name === '5.0' ? 0x87 : 5)
	})
}
