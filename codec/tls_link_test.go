package codec

import (
	"crypto/tls"
	"io"
	"testing"
)

// link is a server's stage that has shaken hands with a client of crypto/tls, with no loop: the test plays it.
type link struct {
	stage  *TLS
	client *tls.Conn
	up     chan []byte // what the client has written
	down   *half       // what it reads
}

// linked makes a connection over which a CONNECT's worth of bytes and an answer have gone.
func linked(t testing.TB, s *Scratch, turns *Handshakes, cfg, ccfg *tls.Config) link {
	t.Helper()
	kicks := make(chan struct{}, 1)
	l := link{up: make(chan []byte, 64), down: newHalf()}
	l.stage = NewTLS(cfg, false, turns, func() { kicks <- struct{}{} })
	l.client = tls.Client(&lean{up: l.up, down: l.down}, ccfg)
	end := make(chan error, 1)
	go func() {
		_, err := l.client.Write(make([]byte, 70))
		if err == nil {
			_, err = io.ReadFull(l.client, make([]byte, 4))
		}
		end <- err
	}()
	got := 0
	sink := sinkFunc(func(p []byte) bool { got += len(p); return true })
	for answered := false; ; {
		select {
		case b := <-l.up:
			must(t, l.stage.Feed(b, s, sink))
		case <-kicks:
			done, err := l.stage.Step(s)
			if must(t, err); done {
				must(t, l.stage.Continue(s, sink))
			}
		case err := <-end:
			must(t, err)
			return l
		}
		if got == 70 && !answered {
			answered = true
			must(t, l.stage.Seal(make([]byte, 4), s))
		}
		l.down.add(s.Wire)
		s.Reset()
	}
}

type sinkFunc func([]byte) bool

func (f sinkFunc) Bytes(p []byte) bool { return f(p) }

// lean is the client's end of a link.
type lean struct {
	conn
	up   chan []byte
	down *half
}

func (l *lean) Read(p []byte) (int, error)  { return l.down.read(p) }
func (l *lean) Write(p []byte) (int, error) { l.up <- append([]byte(nil), p...); return len(p), nil }
