package codec

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// corked holds back what is written after the first flight until uncorked, so that data goes out in one write with Finished.
type corked struct {
	*conn
	hold bool
	held []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if !c.hold {
		c.hold = true // the ClientHello goes at once
		return c.conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

func (c *corked) uncork() error {
	_, err := c.conn.Write(c.held)
	c.held, c.hold = nil, false
	return err
}

func TestDataRightBehindFinishedArrives(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t, false, false)
	for _, records := range []int{1, 3, 40} {
		p, end := serve(t, cfg, false, plenty(), 0)
		cork := &corked{conn: end.(*conn)}
		c := tls.Client(cork, a.client())
		must(t, c.Handshake())
		var want []byte
		for i := range records {
			b := bytes.Repeat([]byte{byte(i)}, 20)
			want = append(want, b...)
			_, err := c.Write(b)
			must(t, err)
		}
		must(t, c.CloseWrite())
		must(t, cork.uncork())
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d records behind Finished: %d bytes came back, %v; want %d", records, len(got), err, len(want))
		}
		if err := p.result(t); err != io.EOF {
			t.Errorf("%d records behind Finished: ended with %v, want io.EOF", records, err)
		}
	}
}

// small makes hellos short, so that all positions can be tried.
func small(c *tls.Config, version uint16) *tls.Config {
	c.CurvePreferences, c.MinVersion, c.MaxVersion = []tls.CurveID{tls.X25519}, version, version
	c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	return c
}

func TestInputMayBeCutAnywhere(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t, false, false)
	turns := plenty()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		talk := func(cut int) (length int) {
			p, end := serve(t, cfg, false, turns, 0)
			defer p.stop()
			wire := end.(*conn)
			wire.cut = cut
			cork := &corked{conn: wire}
			c := tls.Client(end, small(a.client(), version))
			if version == tls.VersionTLS13 { // with data in one write with Finished
				c = tls.Client(cork, small(a.client(), version))
			}
			must(t, c.Handshake())
			_, err := c.Write([]byte("behind it"))
			must(t, err)
			if version == tls.VersionTLS13 {
				must(t, cork.uncork())
			}
			got := make([]byte, 9)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "behind it" {
				t.Fatalf("%s cut at byte %d: %q came back, %v", tls.VersionName(version), cut, got, err)
			}
			return len(wire.recorded)
		}
		length := talk(0)
		t.Logf("%s: %d bytes", tls.VersionName(version), length)
		for cut := 1; cut < length; cut++ {
			talk(cut)
		}
	}
}

// The records are followed rightly however the bytes come and whatever room there is: nothing is lost or reordered, no more
// than the rest of a record and whole ones are handed over, and whole counts their ends.
func TestRecordsAreFollowedLikeByANaiveTwin(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var stream []byte
		ends := map[int]bool{0: true}
		count := 0
		for range 30 {
			size := r.IntN(40)
			if r.IntN(5) == 0 {
				size = r.IntN(3000)
			}
			stream = append(stream, 23, 3, 3, byte(size>>8), byte(size))
			stream = append(stream, make([]byte, size)...)
			ends[len(stream)] = true
			count++
		}
		var rec records
		for at := 0; at < len(stream); {
			in := stream[at:min(len(stream), at+1+r.IntN(600))]
			for len(in) > 0 {
				room := 1 + r.IntN(700)
				n := rec.cut(in, room)
				if n < 1 || n > min(room, len(in)) {
					t.Fatalf("seed %d at %d: cut %d of %d with room %d", seed, at, n, len(in), room)
				}
				crossed := 0
				for i := at + 1; i < at+n; i++ {
					if ends[i] {
						crossed++
					}
				}
				if crossed > 0 && !ends[at+n] {
					t.Fatalf("seed %d at %d: handed over %d bytes, beyond the end of a record into one that is not whole", seed, at, n)
				}
				at, in = at+n, in[n:]
				if whole := rec.begun() == 0; whole != ends[at] {
					t.Fatalf("seed %d at %d: at a border is %v, want %v", seed, at, whole, ends[at])
				}
			}
		}
		if int(rec.whole) != count {
			t.Fatalf("seed %d: counted %d records, want %d", seed, rec.whole, count)
		}
	}
}

func TestOneSinkCallMayEndTheConnection(t *testing.T) {
	a, s := newAuthority(t), NewScratch()
	l := linked(t, s, plenty(), a.server(t, false, false), a.client())
	var flight []byte
	for i := range 5 {
		_, err := fmt.Fprintf(l.client, "message %d", i)
		must(t, err)
		flight = append(flight, <-l.up...)
	}
	var got []string
	stop := sinkFunc(func(p []byte) bool { got = append(got, string(p)); return len(got) < 2 })
	must(t, l.stage.Feed(flight, s, stop))
	must(t, l.stage.Feed(flight, s, stop))
	if len(got) != 2 || got[1] != "message 1" {
		t.Errorf("handed on %q, want the first two of five", got)
	}
	if err := l.stage.Seal([]byte("bye"), s); err != nil || len(s.Wire) == 0 {
		t.Errorf("last words after the sink has ended it: %d bytes, %v", len(s.Wire), err)
	}
}
