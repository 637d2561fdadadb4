package engine

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/auth"
)

// keeper keeps the requests that it decides at once: they belong to it.
type keeper struct {
	mu   sync.Mutex
	kept []*auth.Request
}

func (k *keeper) AuthenticateNow(r *auth.Request) auth.Decision {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, r)
	return auth.Decision{Result: auth.Allow}
}

func (k *keeper) Authenticate(_ context.Context, r *auth.Request) auth.Decision {
	return k.AuthenticateNow(r)
}

func TestARequestBelongsToWhoeverDecidedIt(t *testing.T) {
	k := &keeper{}
	_, at := listening(t, Parts{Authenticator: k}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	for _, id := range []string{"first", "second", "third"} {
		nc := dialTCP(t, at[0])
		say(t, nc, hello(id))
		if _, err := io.ReadFull(nc, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, want := range []string{"first", "second", "third"} {
		if got := k.kept[i].ClientID; got != want {
			t.Errorf("request %d: got client %q, want %q", i, got, want)
		}
	}
}

// panicky panics when it is asked.
type panicky struct{ keeper }

func (p *panicky) AuthenticateNow(*auth.Request) auth.Decision { panic("asked") }

func TestAnAuthenticatorThatPanicsAtOnceHasSaidNo(t *testing.T) {
	b, at := listening(t, Parts{Authenticator: &panicky{}}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	nc := dialTCP(t, at[0])
	say(t, nc, hello("c"))
	got, err := io.ReadAll(nc)
	if err != nil || string(got) != "\x20\x02\x00\x03" {
		t.Errorf("got % x, %v, want a CONNACK that refuses", got, err)
	}
	if got := b.Stats().Panics; got != 1 {
		t.Errorf("panics counted: got %d, want 1", got)
	}
}
