'use strict'
// What MQTT.js's own README tells people to type.

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { test } = require('node:test')
const { Broker, Program } = require('./rig.js')

const home = dirname(require.resolve('mqtt/package.json'))
const readme = readFileSync(join(home, 'README.md'), 'utf8')
const command = join(home, require('mqtt/package.json').bin.mqtt)

// fences returns the fenced blocks between two headings.
function fences(from, to) {
	const section = readme.slice(readme.indexOf(`\n${from}\n`), readme.indexOf(`\n${to}\n`))
	return [...section.matchAll(/```\w+\n([^]*?)```/g)].map((m) => m[1])
}

test('presence example of the README, word for word but for the host', async (t) => {
	const broker = await Broker.start(t)
	const [code, output] = fences('## Example', '### React Native')
	assert.match(code, /client\.subscribe\("presence"/)
	const program = new Program(t, process.execPath, ['-e', code.replace('mqtt://test.mosquitto.org', broker.url)])
	assert.equal(await program.exit(), 0, program.err)
	assert.equal(program.out, output)
})

test('mqtt sub and mqtt pub of the README', async (t) => {
	const broker = await Broker.start(t)
	const [, sub, pub] = fences('## Command Line Tools', '## Debug Logs')
	const words = (line) => {
		const args = [...line.trim().matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2])
		assert.equal(args.shift(), 'mqtt')
		return [command, ...args.map((a) => (a === 'test.mosquitto.org' ? '127.0.0.1' : a)), '-p', broker.port]
	}
	const pubs = async (...more) => {
		const p = new Program(t, process.execPath, [...words(pub), ...more])
		assert.equal(await p.exit(), 0, p.err)
	}
	await pubs('-r') // retained first: when it is printed, the subscription stands
	const subscriber = new Program(t, process.execPath, words(sub))
	await subscriber.prints('the retained message', (out) => out === 'hello from MQTT.js\n')
	await pubs()
	await subscriber.prints('the live message', (out) => out === 'hello from MQTT.js\n'.repeat(2))
})

test('mqtt pub and mqtt sub with QoS, stdin, will and a session that waits', async (t) => {
	const broker = await Broker.start(t)
	const run = async (args, stdin) => {
		const p = new Program(t, process.execPath, [command, ...args, '-p', broker.port, '-h', '127.0.0.1'], { stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
		if (stdin !== undefined) p.child.stdin.end(stdin)
		return p
	}
	const done = async (program) => assert.equal(await (await program).exit(), 0)

	// A message kept for the topic tells when the subscription stands.
	await done(run(['pub', '-t', 'queue/ready', '-r', '-q', '1', '-m', 'ready']))
	const mine = ['sub', '-t', 'queue/#', '-i', 'waits', '--no-clean', '-q', '2', '-v', '--will-topic', 'wills', '--will-message', 'killed']
	const first = await run(mine)
	await first.prints('that it subscribed', (out) => out.includes('queue/ready ready\n'))
	const watch = await run(['sub', '-t', 'wills', '-t', 'queue/ready', '-v'])
	await watch.prints('that it subscribed', (out) => out.includes('queue/ready ready\n'))
	first.signal('SIGKILL')
	await watch.prints('the will', (out) => out.includes('wills killed\n'))

	await done(run(['pub', '-t', 'queue/a', '-q', '1', '-s'], 'from stdin'))
	await done(run(['pub', '-t', 'queue/a', '-q', '2', '-m', 'next']))
	const second = await run(mine)
	await second.prints('what waited', (out) => out.includes('queue/a from stdin\n') && out.includes('queue/a next\n'))
	assert.ok(second.out.indexOf('from stdin') < second.out.indexOf('next'), second.out)
})
