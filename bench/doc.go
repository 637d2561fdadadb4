// Package bench is a load generator for MQTT brokers: a [Config] says which scenario to run against which broker, [Run] runs
// it, a [Report] says what was seen. It works from outside, over TCP, TLS, WebSocket or a unix socket, against any broker of
// MQTT 3.1.1 or 5.0.
//
// It is built to be believed. Every payload carries its stream, its number in the stream, the time it was meant to be sent
// and a checksum, so that messages lost, doubled, out of order and damaged are counted apart, and any of them fails the run.
// Load at a given rate is timed from the intended send, not from when the generator got round to it, so that a broker that
// stalls is charged for the wait. When the generator itself was the limit, the report says so.
package bench
