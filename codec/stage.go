package codec

// Sink takes what is left of the bytes when all stages are taken off.
type Sink interface {
	// Bytes takes the next of them; p lives until it returns. false: the connection is over and nothing more is wanted.
	Bytes(p []byte) (more bool)
}

// Scratch is what a loop lends to the chains of its connections. All of it is used anew at each call.
type Scratch struct {
	// Wire is what is to be written to the socket: stages append to it, and whoever called them writes it.
	Wire []byte
	// Plain is where TLS decrypts to: at least 16 KB.
	Plain []byte
	frame []byte // WebSocket frames on their way into TLS
}

// NewScratch makes the buffers of one loop.
func NewScratch() *Scratch {
	return &Scratch{Plain: make([]byte, 16<<10)}
}

// keepScratch is how large a buffer may have grown that is kept for the next call.
const keepScratch = 256 << 10

// Reset empties Wire and lets go of what one large flush has made.
func (s *Scratch) Reset() {
	if s.Wire = s.Wire[:0]; cap(s.Wire) > keepScratch {
		s.Wire = nil
	}
	if s.frame = s.frame[:0]; cap(s.frame) > keepScratch {
		s.frame = nil
	}
}

// Chain is the stages of one connection. Give it the stages there are and leave the others nil.
type Chain struct {
	Proxy *Proxy // nil again when its header has been read
	TLS   *TLS
	WS    *WebSocket

	s    *Scratch
	to   Sink
	fail error // what a stage said in the middle of another's call
}

// Attach gives the chain its loop's buffers and says who takes the bytes; before anything else. A Sink must not call the
// chain.
func (c *Chain) Attach(s *Scratch, to Sink) { c.s, c.to = s, to }

// Introduce takes bytes of the socket as long as Proxy is there. h is the header once it is whole, and rest is what
// follows it, for Feed.
func (c *Chain) Introduce(b []byte) (h *ProxyHeader, rest []byte, err error) {
	rest, done, err := c.Proxy.Feed(b)
	if err != nil || !done {
		return nil, nil, err
	}
	h, c.Proxy = c.Proxy.Header(), nil
	return h, rest, nil
}

// Feed takes bytes of the socket behind a PROXY header. Answers of the stages are in Scratch.Wire when it returns, also
// with an error: io.EOF when the peer has ended its side in order, else a *Fault.
func (c *Chain) Feed(b []byte) error {
	if c.TLS == nil {
		c.Bytes(b)
	} else if err := c.TLS.Feed(b, c.s, c); err != nil && c.fail == nil {
		c.fail = err
	}
	return c.failure()
}

// Bytes takes what TLS has taken off.
func (c *Chain) Bytes(p []byte) (more bool) {
	if c.WS == nil {
		return c.to.Bytes(p)
	}
	answers := &c.s.Wire
	if c.TLS != nil {
		c.s.frame = c.s.frame[:0]
		answers = &c.s.frame
	}
	more, err := c.WS.Feed(p, answers, c.to)
	if c.TLS != nil && len(c.s.frame) > 0 {
		if e := c.TLS.Seal(c.s.frame, c.s); e != nil && err == nil {
			err = e
		}
	}
	if err != nil && c.fail == nil {
		c.fail = err
	}
	return more && err == nil
}

// Step takes the news of a TLS handshake, after the call that announced it. done is said once, when it has succeeded: then
// Continue hands on what the client sent behind it.
func (c *Chain) Step() (done bool, err error) {
	return c.TLS.Step(c.s)
}

// Continue hands on what arrived behind the handshake; once, after Step has said done and its identity was taken.
func (c *Chain) Continue() error {
	if err := c.TLS.Continue(c.s, c); err != nil && c.fail == nil {
		c.fail = err
	}
	return c.failure()
}

func (c *Chain) failure() error {
	err := c.fail
	c.fail = nil
	return err
}

// Open tells whether Seal may be called: all handshakes are done.
func (c *Chain) Open() bool {
	return c.Proxy == nil && (c.TLS == nil || c.TLS.Open()) && (c.WS == nil || c.WS.Open())
}

// Seal puts p, bytes of MQTT, into the stages and appends what is to be written to Scratch.Wire: one WebSocket frame, one
// run of TLS records.
func (c *Chain) Seal(p []byte) error {
	switch {
	case c.WS == nil && c.TLS == nil:
		c.s.Wire = append(c.s.Wire, p...)
		return nil
	case c.WS == nil:
		return c.TLS.Seal(p, c.s)
	case c.TLS == nil:
		c.s.Wire = c.WS.Seal(c.s.Wire, p)
		return nil
	}
	c.s.frame = c.WS.Seal(c.s.frame[:0], p)
	return c.TLS.Seal(c.s.frame, c.s)
}

// Ping appends a WebSocket ping to Scratch.Wire, if there is a WebSocket.
func (c *Chain) Ping() error {
	if c.WS == nil || !c.Open() {
		return nil
	}
	if c.TLS == nil {
		c.s.Wire = c.WS.Ping(c.s.Wire)
		return nil
	}
	c.s.frame = c.WS.Ping(c.s.frame[:0])
	return c.TLS.Seal(c.s.frame, c.s)
}

// End appends the orderly end of our side to Scratch.Wire: a WebSocket close frame with the code, unless one was sent, and
// TLS's close_notify. Nothing may be sealed after it.
func (c *Chain) End(code uint16) {
	if c.WS != nil && c.Open() {
		if c.TLS == nil {
			c.s.Wire = c.WS.Close(c.s.Wire, code)
		} else if c.s.frame = c.WS.Close(c.s.frame[:0], code); len(c.s.frame) > 0 {
			_ = c.TLS.Seal(c.s.frame, c.s)
		}
	}
	if c.TLS != nil {
		c.TLS.CloseNotify(c.s)
	}
}

// Gone tells the chain that its connection is no more: a handshake that still computes ends.
func (c *Chain) Gone() {
	if c.TLS != nil {
		c.TLS.Gone()
	}
}

// Pending is how many bytes the stages hold of what arrived and is not whole yet.
func (c *Chain) Pending() (n int) {
	if c.Proxy != nil {
		n += c.Proxy.Pending()
	}
	if c.TLS != nil {
		n += c.TLS.Pending()
	}
	if c.WS != nil {
		n += c.WS.Pending()
	}
	return n
}
