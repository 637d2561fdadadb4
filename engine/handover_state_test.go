package engine

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

func TestAStateThatIsBrokenStartsNothing(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	sub := r.join("sub")
	sub.subscribe(0, 2, "t")
	pub := r.join("pub")
	pub.publish("t", "x", 2, 1)
	pub.expect("pubrec #1")
	_, whole := r.leave()
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	good := whole.Bytes()
	stream := func(fill func(b *store.Batch)) []byte {
		var out bytes.Buffer
		s := store.NewStreamWriter(&out)
		fill(&s.Batch)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	ses := func(b *store.Batch) { b.Session(&store.Session{ID: 1, ClientID: []byte("c"), Version: 5, Expiry: 10}) }
	enq := func(b *store.Batch, seq uint64, qos byte) {
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: seq, QoS: qos}})
	}
	sent := func(b *store.Batch) { b.Meta([]byte(sentMeta+"\x01"), []byte{9}) }
	for name, c := range map[string]struct {
		state []byte
		want  string
	}{
		"nothing":               {nil, "no beginning"},
		"something else":        {[]byte("GET / HTTP/1.1\r\n\r\n"), "it begins with"},
		"a newer format":        {append([]byte("PNSTKREC\x02"), good[9:]...), "version 2"},
		"half":                  {good[:len(good)/2], "cut"},
		"all but the last byte": {good[:len(good)-1], "does not end"},
		"a bit":                 {append(append([]byte{}, good[:40]...), append([]byte{good[40] ^ 1}, good[41:]...)...), "checksum"},
		"a kind of the future":  {stream(func(b *store.Batch) { b.Record(&store.Record{Kind: 0x90, Raw: []byte{0x90, 1, 0}}) }), "kind 144"},
		"deliveries to nobody":  {stream(func(b *store.Batch) { enq(b, 1, 1) }), "does not exist"},
		"a session's record too late": {stream(func(b *store.Batch) {
			ses(b)
			b.Session(&store.Session{ID: 2, ClientID: []byte("d"), Version: 5, Expiry: 10})
			enq(b, 1, 1)
		}), "has come before"},
		"a release of nothing":    {stream(func(b *store.Batch) { ses(b); b.Release(1, 1) }), "does not exist"},
		"a release of another":    {stream(func(b *store.Batch) { ses(b); enq(b, 1, 2); b.Release(1, 2) }), "not sent last"},
		"a release at QoS 1":      {stream(func(b *store.Batch) { ses(b); enq(b, 1, 1); b.Release(1, 1) }), "not sent last"},
		"an exchange twice":       {stream(func(b *store.Batch) { ses(b); sent(b); enq(b, 1, 1); enq(b, 1, 1) }), "is open beside"},
		"exchanges far apart":     {stream(func(b *store.Batch) { ses(b); sent(b); enq(b, 1, 1); enq(b, 1<<40, 1) }), "is open beside"},
		"an exchange at QoS 0":    {stream(func(b *store.Batch) { ses(b); sent(b); enq(b, 1, 0) }), "is open beside"},
		"a filter that is none":   {stream(func(b *store.Batch) { ses(b); b.Subscribe(1, &store.Subscription{Filter: []byte("a/#/b")}) }), "subscription"},
		"a group without a name":  {stream(func(b *store.Batch) { ses(b); b.Subscribe(1, &store.Subscription{Filter: []byte("$share//a")}) }), "subscription"},
		"QoS 3":                   {stream(func(b *store.Batch) { ses(b); b.Subscribe(1, &store.Subscription{Filter: []byte("a"), Options: 3}) }), "subscription"},
		"a retained wildcard":     {stream(func(b *store.Batch) { b.Retain(&store.Message{Topic: []byte("#")}) }), "topic"},
		"a message without topic": {stream(func(b *store.Batch) { b.Message(&store.Message{ID: 1, Topic: []byte("a\x00")}) }), "topic"},
	} {
		cfg := settings()
		b := unstarted(t, cfg, Parts{State: bytes.NewReader(c.state)})
		err := b.Start()
		if err == nil || !strings.HasPrefix(err.Error(), "state of the process before: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		for _, a := range b.Addrs() {
			if nc, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "tcp://")); err == nil {
				nc.Close()
				t.Errorf("%s: %s still listens", name, a.URL)
			}
		}
		if err := b.Stop(soon(t)); err != nil {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
	// A client twice: the later one counts. A kind that says nothing to us is passed over.
	b := unstarted(t, settings(), Parts{State: bytes.NewReader(stream(func(b *store.Batch) {
		ses(b)
		b.Subscribe(1, &store.Subscription{Filter: []byte("old")})
		b.Session(&store.Session{ID: 2, ClientID: []byte("c"), Version: 5, Expiry: 20})
		b.Subscribe(2, &store.Subscription{Filter: []byte("new")})
		b.Record(&store.Record{Kind: 0x30, Raw: []byte{0x30, 1, 0}})
	}))})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer stop(t, b)
	c, subs, ok, err := b.Client(soon(t), "c")
	if err != nil || !ok || c.Expiry != 20 || len(subs) != 1 || subs[0].Filter != "new" {
		t.Errorf("a client twice: got %+v %+v %v %v", c, subs, ok, err)
	}
	if v := inventory(t, b); v.Sessions != 1 || v.Subscriptions != 1 || v.ClientIDs != 1 || v.Slots != 1 {
		t.Errorf("a client twice: got %+v", v)
	}
}
