package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// member connects a 5.0 client whose session outlives it.
func member(t *testing.T, addr, id string) *client.Client {
	t.Helper()
	o := client.Options{Addr: addr, ClientID: id, Version: mqtt.V5, CleanStart: true, KeepAlive: 30}
	o.Props.SessionExpiry = 3600
	o.Props.Set(mqtt.PropSessionExpiry)
	c, _, err := client.Dial(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// everyClient pages through all clients and fails when one comes twice.
func everyClient(t *testing.T, b *Broker, q ClientQuery) (ids []string) {
	t.Helper()
	for {
		page, err := b.Clients(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Clients) > q.Limit {
			t.Errorf("a page of %d holds %d clients", q.Limit, len(page.Clients))
		}
		for _, c := range page.Clients {
			if slices.Contains(ids, c.ClientID) {
				t.Errorf("%s was listed twice", c.ClientID)
			}
			ids = append(ids, c.ClientID)
		}
		if page.Next == 0 {
			slices.Sort(ids)
			return ids
		}
		q.After = page.Next
	}
}

func TestPagesHoldEveryClientOnce(t *testing.T) {
	b, addr := twoLoops(t)
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("dev-%02d", i)
		want = append(want, id)
		c := member(t, addr, id)
		if i%2 == 1 {
			c.Close()
		}
	}
	until(t, "the end of connections", func() bool { return b.Stats().ClientsConnected == 13 })
	for _, limit := range []int{1, 7, 25, 100} {
		if got := everyClient(t, b, ClientQuery{Limit: limit}); !slices.Equal(got, want) {
			t.Errorf("pages of %d: got %q, want %q", limit, got, want)
		}
	}
	for _, tt := range []struct {
		q    ClientQuery
		want []string
	}{
		{ClientQuery{Prefix: "dev-1", Online: true}, []string{"dev-10", "dev-12", "dev-14", "dev-16", "dev-18"}},
		{ClientQuery{Contains: "-2"}, []string{"dev-20", "dev-21", "dev-22", "dev-23", "dev-24"}},
		{ClientQuery{Prefix: "v"}, nil},
	} {
		tt.q.Limit = 4
		if got := everyClient(t, b, tt.q); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %q, want %q", tt.q, got, tt.want)
		}
	}
}

func TestAPageBeginsWhereTheLastOneEndedAcrossChunks(t *testing.T) {
	b, addr := twoLoops(t)
	member(t, addr, "first")
	for range 2*tableChunk + 10 { // the next session is two chunks on
		b.slots.Take(0)
	}
	member(t, addr, "last")
	if got, want := everyClient(t, b, ClientQuery{Limit: 1}), []string{"first", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAClientIsDescribed(t *testing.T) {
	ctx := context.Background()
	b, addr := twoLoops(t)
	c := member(t, addr, "me")
	filters := []client.Filter{{Filter: "a/#", QoS: 1, NoLocal: true}, {Filter: "$share/g/b", QoS: 2}}
	if _, err := c.Subscribe(ctx, filters, nil); err != nil {
		t.Fatal(err)
	}
	got, subs, ok, err := b.Client(ctx, "me")
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want the client", ok, err)
	}
	if !got.Connected || got.Version != mqtt.V5 || got.Expiry != 3600 || got.KeepAlive != 30*time.Second || got.Subscriptions != 2 ||
		!got.Remote.IsValid() || got.Listener != b.Addrs()[0].Name || time.Since(got.Since).Abs() > time.Minute {
		t.Errorf("got %+v", got)
	}
	want := []ClientSubscription{{Filter: "$share/g/b", QoS: 2}, {Filter: "a/#", QoS: 1, NoLocal: true}}
	if !slices.Equal(subs, want) {
		t.Errorf("subscriptions: got %+v, want %+v", subs, want)
	}
	if _, _, ok, err := b.Client(ctx, "nobody"); ok || err != nil {
		t.Errorf("nobody: got %v, %v, want none", ok, err)
	}
}

func TestAnEndedSessionIsGone(t *testing.T) {
	ctx := context.Background()
	b, addr := twoLoops(t)
	member(t, addr, "here")
	member(t, addr, "away").Close()
	until(t, "the end of a connection", func() bool { return b.Stats().ClientsConnected == 1 })
	for _, id := range []string{"here", "away"} {
		if ok, err := b.EndSession(ctx, id, mqtt.AdministrativeAction); !ok || err != nil {
			t.Errorf("%s: got %v, %v, want that it ended", id, ok, err)
		}
		if ok, err := b.EndSession(ctx, id, mqtt.AdministrativeAction); ok || err != nil {
			t.Errorf("%s again: got %v, %v, want that there is none", id, ok, err)
		}
	}
	until(t, "an empty broker", func() bool { v := inventory(t, b); return v.Sessions == 0 && v.ClientIDs == 0 && v.OutputBytes == 0 })
	until(t, "nothing queued", func() bool { return b.Stats().OutboundBytes == 0 })
}
