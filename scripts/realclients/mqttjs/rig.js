'use strict'
// What the tests with MQTT.js stand on: a penstock process for a test, clients that end with it, and conditions awaited with
// a deadline. Everything is on loopback and on ports the system chose.

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const assert = require('node:assert/strict')
const mqtt = require('mqtt')

const patience = 20_000

// within bounds a wait for something that must happen.
async function within(what, promise) {
	let timer
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`waited ${patience} ms for ${what}`)), patience)
	})
	try {
		return await Promise.race([promise, late])
	} finally {
		clearTimeout(timer)
	}
}

// Program is a running program with its output; the test it belongs to ends it.
class Program {
	constructor(t, command, args, options = {}) {
		this.title = [command, ...args].join(' ')
		this.out = ''
		this.err = ''
		this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
		this.child.stdout.on('data', (chunk) => { this.out += chunk })
		this.child.stderr.on('data', (chunk) => { this.err += chunk })
		this.ended = once(this.child, 'close')
		t.after(async () => {
			this.signal('SIGKILL')
			await this.ended
		})
	}

	signal(name) {
		if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(name)
	}

	// prints waits until the standard output fulfils a condition.
	async prints(what, condition) {
		const done = new Promise((resolve, reject) => {
			const look = () => condition(this.out) && resolve()
			this.child.stdout.on('data', look)
			this.child.on('close', () => reject(new Error(`${this.title} ended before ${what}; it said ${this.out}${this.err}`)))
			look()
		})
		await within(`${this.title} to print ${what}`, done)
	}

	async exit() {
		const [code] = await within(`the end of ${this.title}`, this.ended)
		return code
	}
}

// pem is the path of a certificate or a key that pki.sh made.
const pem = (name) => join(process.env.PKI, name)
const read = (name) => readFileSync(pem(name))

const path = '/mqtt'
const server = { cert: pem('server.crt'), key: pem('server.key') }
const mutual = { ...server, ca: pem('ca.crt'), 'client-auth': 'require' }
const trust = () => ({ ca: read('ca.crt') })
const identity = (name) => ({ cert: read(`${name}.crt`), key: read(`${name}.key`) })

// transports are the kinds of listener: the query of its URL, the scheme and path of MQTT.js's URL, and what a client brings.
const transports = {
	tcp: { kind: 'tcp', scheme: 'mqtt', path: '', query: {}, options: () => ({}) },
	tls: { kind: 'tls', scheme: 'mqtts', path: '', query: server, options: trust },
	mtls: { kind: 'tls', scheme: 'mqtts', path: '', query: mutual, options: () => ({ ...trust(), ...identity('device-1') }) },
	ws: { kind: 'ws', scheme: 'ws', path, query: {}, options: () => ({}) },
	wss: { kind: 'wss', scheme: 'wss', path, query: server, options: trust },
}

// Broker is a penstock process that may be ended and started again at the same address.
class Broker {
	static start(t, ...args) {
		return Broker.over(t, transports.tcp, ...args)
	}

	static async over(t, transport, ...args) {
		const b = new Broker()
		b.t = t
		b.transport = transport
		b.args = args
		b.address = '127.0.0.1:0'
		await b.restart()
		return b
	}

	async restart() {
		const { kind, scheme, path, query, options } = this.transport
		const listen = `${kind}://${this.address}${path}?${new URLSearchParams(query)}`
		const args = ['--admin', 'off', '--listen', listen, '--log-level', 'warn', ...this.args]
		const p = new Program(this.t, process.env.PENSTOCK, args)
		const listening = new RegExp(`^penstock: listening on ${kind}://([^/\\s]+)${path}$`, 'm')
		await p.prints('its address', (out) => listening.test(out))
		this.address = listening.exec(p.out)[1]
		this.port = this.address.split(':').pop()
		this.url = `${scheme}://${this.address}${path}`
		this.options = options() // what a client needs to be let in
		this.program = p
		this.t.after(async () => {
			if (p.child.signalCode === 'SIGKILL') return
			p.signal('SIGTERM')
			assert.equal(await p.exit(), 0, `penstock on SIGTERM; it said ${p.err}`)
			assert.doesNotMatch(p.err, /level=ERROR|panic/)
		})
	}

	async kill() {
		this.program.signal('SIGKILL')
		await this.program.exit()
	}
}

// Inbox collects what a client receives.
class Inbox {
	constructor(client) {
		this.got = []
		this.wake = () => {}
		client.on('message', (topic, payload, packet) => {
			this.got.push({ topic, payload, packet, text: payload.toString() })
			this.wake()
		})
	}

	// take waits for n messages and takes out all that came.
	async take(n) {
		const enough = new Promise((resolve) => {
			this.wake = () => this.got.length >= n && resolve()
			this.wake()
		})
		await within(`${n} messages`, enough).catch((e) => {
			throw new Error(`${e.message}; got ${this.got.length}: ${this.got.slice(0, 20).map((m) => m.text.slice(0, 50)).join(' | ')}`)
		})
		return this.got.splice(0)
	}

	async texts(n) {
		return (await this.take(n)).map((m) => m.text)
	}
}

// connect returns a connected client with its inbox and the CONNACK. It does not reconnect unless options say so.
async function connect(t, broker, options = {}) {
	const client = mqtt.connect(broker.url, { reconnectPeriod: 0, ...broker.options, ...options })
	client.inbox = new Inbox(client)
	t.after(() => new Promise((resolve) => client.end(true, resolve)))
	client.connack = (await within('CONNACK', once(client, 'connect')))[0] // an error instead is thrown
	client.on('error', () => {}) // from now on a test that kills the broker may see some
	return client
}

// happens waits for an event and returns its first argument.
const happens = (client, event) => within(event, new Promise((resolve) => client.once(event, resolve)))

// eventually waits for a condition that nobody announces, by asking again and again.
async function eventually(what, condition) {
	for (const until = Date.now() + patience; !(await condition()); await new Promise((r) => setTimeout(r, 10))) {
		if (Date.now() > until) throw new Error(`waited ${patience} ms for ${what}`)
	}
}

// numbered are n distinct payloads.
const numbered = (what, n) => Array.from({ length: n }, (_, i) => `${what} ${i}`)

const versions = {
	'3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
	'3.1.1': { protocolVersion: 4 },
	'5.0': { protocolVersion: 5 },
}

module.exports = { Broker, Inbox, Program, connect, eventually, happens, identity, numbered, path, pem, transports, trust, versions, within }
