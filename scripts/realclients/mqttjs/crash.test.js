'use strict'
// Brokers that lose their process or their power in the midst of things: what was acknowledged arrives, at QoS 2 once. MQTT.js
// keeps its half of a session in memory over its reconnects.

const assert = require('node:assert/strict')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { test } = require('node:test')
const { Program, connect, eventually, versions, within } = require('./rig.js')

const deaths = {
	'kill -9': (dir, address) => [process.env.PENSTOCK, ['--listen', `tcp://${address}`, '--data', dir, '--admin', 'off', '--set', 'admin.socket=off']],
	'a power cut': (dir, address) => [process.env.VICTIM, ['-listen', address, '-data', dir, '-volatile', '-lag', '3ms']],
}

// Mortal is a broker with a data directory that comes back at the same address.
class Mortal {
	constructor(t, command) {
		this.t = t
		this.command = command
		this.address = '127.0.0.1:0'
		this.options = {}
		this.dir = mkdtempSync(join(tmpdir(), 'penstock-'))
		t.after(() => rmSync(this.dir, { recursive: true, force: true }))
	}

	async start() {
		const [name, args] = this.command(this.dir, this.address)
		this.program = new Program(this.t, name, args, { stdio: ['pipe', 'pipe', 'pipe'] }) // the end of its input would end it
		const listening = /^penstock: listening on tcp:\/\/(\S+)$/m
		await this.program.prints('its address', (out) => listening.test(out))
		this.address = listening.exec(this.program.out)[1]
		this.url = `mqtt://${this.address}`
	}

	async die() {
		this.program.signal('SIGKILL')
		await this.program.exit()
		assert.doesNotMatch(this.program.err, /level=ERROR|panic/)
		await this.start()
	}
}

// publish sends numbered messages until told to stop, a few at a time, and notes which were acknowledged. It starts nothing new
// while the connection is down, so that what is repeated comes first.
async function publish(client, topic, qos, acked, going) {
	const open = new Set()
	for (let n = 0; going(); n++) {
		await eventually('a connection with room', () => (client.connected && open.size < 8) || !going())
		const text = `${topic} ${n}`
		const sent = client.publishAsync(topic, text, { qos }).then(() => acked.add(text), () => {}).finally(() => open.delete(sent))
		open.add(sent)
	}
	await Promise.all(open)
}

for (const [name, version] of Object.entries(versions)) {
	if (name === '3.1') continue
	for (const [death, command] of Object.entries(deaths)) {
		test(`${name}: ${death} loses nothing that was acknowledged`, async (t) => {
			const broker = new Mortal(t, command)
			await broker.start()
			const lasting = { ...version, clean: false, reconnectPeriod: 20, ...(name === '5.0' && { properties: { sessionExpiryInterval: 3600 } }) }
			const sub = await connect(t, broker, { ...lasting, clientId: 'sub' })
			const got = []
			sub.on('message', (_, payload) => got.push(payload.toString()))
			await sub.subscribeAsync('crash/#', { qos: 2 })
			const acked = new Set()
			let going = true
			const publishers = [1, 2].map(async (qos) => {
				const client = await connect(t, broker, { ...lasting, clientId: `pub${qos}` })
				await publish(client, `crash/${qos}`, qos, acked, () => going)
			})
			for (let i = 0; i < 4; i++) {
				const before = acked.size
				await eventually('traffic between two deaths', () => acked.size >= before + 60)
				await broker.die()
			}
			going = false
			await within('the last acknowledgements', Promise.all(publishers))
			await eventually('all that was acknowledged', () => {
				const came = new Set(got)
				return [...acked].every((text) => came.has(text))
			})
			const times = new Map()
			const last = new Map()
			for (const text of got) {
				const [topic, number] = text.split(' ')
				if (!times.has(text)) {
					assert.ok(Number(number) > (last.get(topic) ?? -1), `${text} came for the first time after ${last.get(topic)}`)
					last.set(topic, Number(number))
				}
				times.set(text, (times.get(text) ?? 0) + 1)
				assert.ok(topic === 'crash/1' || times.get(text) === 1, `${text} came ${times.get(text)} times`)
			}
		})
	}
}
