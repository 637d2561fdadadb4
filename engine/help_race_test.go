package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// crowd is publishers that number what they say, and listeners that come back on another connection while the one before
// still stands: all of it so seldom that the loops help each other.
type crowd struct {
	addr             string
	heard, takeovers atomic.Int64
}

// greet connects a client whose session stays; nil: the broker takes nobody any more.
func (w *crowd) greet(id string, more ...byte) net.Conn {
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		return nil
	}
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	p := mqtt.Connect{Version: mqtt.V311, ClientID: []byte(id)}
	_, _ = nc.Write(append(p.AppendTo(nil), more...)) // an error comes back from reading
	return nc
}

// publish sends numbered messages at QoS 0, and leaves now and then, with a DISCONNECT or without.
func (w *crowd) publish(topic string) {
	pace := time.NewTicker(300 * time.Microsecond)
	defer pace.Stop()
	n := uint64(0)
	for {
		nc := w.greet("p-" + topic)
		if nc == nil {
			return
		}
		for range 20 + rand.IntN(100) {
			<-pace.C
			n++
			m := mqtt.Publish{Topic: []byte(topic), Payload: binary.BigEndian.AppendUint64(nil, n)}
			if _, err := nc.Write(m.AppendTo(nil, mqtt.V311)); err != nil {
				break
			}
		}
		if rand.IntN(2) == 0 {
			_, _ = nc.Write(goodbye)
		}
		_ = nc.Close()
	}
}

// listen hears a topic through connections that take the session from one another. What comes must be in order over all
// of them: each is read to its end before the next.
func (w *crowd) listen(topic string) error {
	id, last := "s-"+topic, uint64(0)
	s := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte(topic)}}}
	nc := w.greet(id, s.AppendTo(nil, mqtt.V311, 0)...)
	for nc != nil {
		r := bufio.NewReader(nc)
		err := w.hear(r, &last, 1+rand.IntN(30))
		next := w.greet(id)
		if next != nil {
			w.takeovers.Add(1)
		}
		for err == nil {
			err = w.hear(r, &last, 1)
		}
		_ = nc.Close()
		if errors.Is(err, errDisorder) || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s, after %d: %w", topic, last, err)
		}
		nc = next
	}
	return nil
}

var errDisorder = errors.New("not in order")

// hear reads so many messages.
func (w *crowd) hear(r *bufio.Reader, last *uint64, n int) error {
	for n > 0 {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		body := make([]byte, head[1])
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		if mqtt.Type(head[0]>>4) != mqtt.PUBLISH {
			continue
		}
		got := binary.BigEndian.Uint64(body[len(body)-8:])
		if got <= *last {
			return fmt.Errorf("%w: %d", errDisorder, got)
		}
		*last = got
		w.heard.Add(1)
		n--
	}
	return nil
}

func TestHelpAmongTakeoversKeepsTheOrder(t *testing.T) {
	var hooks atomic.Int64
	boom := func() {
		if hooks.Add(1)%20 == 0 {
			panic("an observer's")
		}
	}
	b, addr := withLoops(t, 4, Parts{Hooks: &Hooks{
		Published:    func(ClientInfo, []byte, []byte, uint8, bool) { boom() },
		Disconnected: func(ClientInfo, mqtt.Reason) { boom() },
	}})
	w := &crowd{addr: addr}
	var all sync.WaitGroup
	failed := make(chan error, 4)
	for i := range 4 {
		topic := fmt.Sprintf("t%d", i)
		all.Go(func() { w.publish(topic) })
		all.Go(func() { failed <- w.listen(topic) })
	}
	helped := func() (n uint64) {
		for _, l := range b.loops {
			n += l.count.helped.v.Load()
		}
		return n
	}
	until(t, "enough of everything", func() bool {
		return len(failed) > 0 || helped() > 200 && w.heard.Load() > 2000 && w.takeovers.Load() > 100
	})
	stop(t, b) // in the middle
	all.Wait()
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d messages, %d takeovers, %d passes helped, %d panics", w.heard.Load(), w.takeovers.Load(), helped(), b.Stats().Panics)
}
