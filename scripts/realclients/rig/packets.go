package rig

// Packets of MQTT by hand, for programs that carry bytes and know nothing of them: nothing in them needs a length of more
// than one byte.

// Connect is a CONNECT with Clean Session, of protocol level 4 or 5.
func Connect(level byte, clientID string) string {
	body := "\x00\x04MQTT" + string([]byte{level}) + "\x02\x00\x3c"
	if level == 5 {
		body += "\x00" // no properties
	}
	return packet(0x10, body+text(clientID))
}

// Subscribe is a SUBSCRIBE of level 4 to one filter, at QoS 0.
func Subscribe(filter string) string { return packet(0x82, "\x00\x01"+text(filter)+"\x00") }

// Publish is a PUBLISH of level 4 at QoS 0.
func Publish(topic, payload string) string { return packet(0x30, text(topic)+payload) }

// What a server of level 4 says when it lets a client in, and when it does not.
const (
	Connack    = "\x20\x02\x00\x00"
	NotAllowed = "\x20\x02\x00\x05"
	Suback     = "\x90\x03\x00\x01\x00"
)

func packet(first byte, body string) string {
	return string([]byte{first, byte(len(body))}) + body
}

func text(s string) string { return string([]byte{0, byte(len(s))}) + s }
