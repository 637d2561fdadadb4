// Package faulty is a small MQTT broker for testing the load generator: right by default, and wrong where it is told to be,
// at deliveries, acknowledgements and connections that can be counted off beforehand. It speaks 3.1.1 and 5.0, QoS 0 to 2,
// with retained messages, wills, shared subscriptions and sessions that outlive their connection (for as long as the
// broker runs), and says what it is on $SYS/broker/version. Properties of messages are not forwarded, keep alive is not
// watched, and it is not made for speed.
//
// One lock guards everything, so that "the tenth delivery" is a fact. Each connection has a goroutine that reads and one
// that writes what waits; nothing is written with the lock held, so no client can hold up another.
package faulty
