package engine

import "time"

// TLS is what all tls and wss listeners have in common.
type TLS struct {
	// MinVersion is the oldest version that is spoken.
	MinVersion TLSVersion `yaml:"min_version"`
	// MaxHandshakes is how many handshakes may be on their way; others wait for their turn.
	MaxHandshakes int `yaml:"max_handshakes"`
	// HandshakeCores is how many of them may compute at a time; 0 is half the cores, at least one.
	HandshakeCores int `yaml:"handshake_cores"`
	// ReloadInterval is how often the files are looked at for a change; 0 never: SIGHUP alone reloads them.
	ReloadInterval time.Duration `yaml:"reload_interval"`
	// TicketRotation is how often the key of session tickets is replaced, up to 42 hours: a ticket is good for four times as
	// long, and TLS allows it a week.
	TicketRotation time.Duration `yaml:"ticket_rotation"`
}

// WebSocket is what all ws and wss listeners have in common.
type WebSocket struct {
	// MaxHeaderSize bounds the header of the HTTP request.
	MaxHeaderSize Size `yaml:"max_header_size"`
	// MaxFrameSize bounds the payload of a frame from a client. Packets may span frames.
	MaxFrameSize Size `yaml:"max_frame_size"`
	// PingInterval is after how much silence of the client a ping is sent, for proxies that end what is idle; 0 sends none.
	PingInterval time.Duration `yaml:"ping_interval"`
}

// Drain is about the hand-over to the next process.
type Drain struct {
	// Timeout is how long the broker may take to take leave of its clients; then they are cut.
	Timeout time.Duration `yaml:"timeout"`
	// WillGrace is how long a client may take to come back to the next process before its will is published, where the
	// will has no longer delay of its own.
	WillGrace time.Duration `yaml:"will_grace"`
}
