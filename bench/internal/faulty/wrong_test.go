package faulty_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestADeliveryGoesWrongWhereTheRuleSays(t *testing.T) {
	for _, c := range []struct {
		do   faulty.Fault
		want string // payloads of "aa bb cc dd", the second and fourth of which are hit
	}{
		{faulty.None, "aa bb cc dd"},
		{faulty.Drop, "aa cc"},
		{faulty.Double, "aa bb bb cc dd dd"},
		{faulty.DoubleDup, "aa bb bb+dup cc dd dd+dup"},
		{faulty.Swap, "aa cc bb dd"}, // the fourth waits for a fifth in vain, which is no fault
		{faulty.Corrupt, "aa bB cc dD"},
		{faulty.Truncate, "aa b cc d"},
		{faulty.Extend, "aa bbx cc ddx"},
		{faulty.FlipRetain, "aa bb+retain cc dd+retain"},
		{faulty.ChangeQoS, "aa bb+0 cc dd+0"},
		{faulty.Retopic, "aa cc"}, // the client has no handler for the other topic
	} {
		b := start(t, faulty.Rule{Do: c.do, Every: 2})
		sub, _ := dial(t, b, client.Options{CleanStart: true})
		pub, _ := dial(t, b, client.Options{CleanStart: true})
		got := inbox(t, sub, 1, "topic")
		publish(t, pub, 1, "topic", strings.Fields("aa bb cc dd")...)
		var words []string
		for range strings.Fields(c.want) {
			select {
			case m := <-got:
				word := string(m.Payload)
				if m.Dup {
					word += "+dup"
				}
				if m.Retain {
					word += "+retain"
				}
				if m.QoS == 0 {
					word += "+0"
				}
				words = append(words, word)
			case <-patience(t).Done():
			}
		}
		if have := strings.Join(words, " "); have != c.want {
			t.Errorf("fault %d at every second: got %q, want %q", c.do, have, c.want)
		}
		times := 2
		switch c.do {
		case faulty.None:
			times = 0
		case faulty.Swap:
			times = 1
		}
		if n := b.Done(c.do); n != times {
			t.Errorf("fault %d was done %d times, want %d", c.do, n, times)
		}
	}
}

func TestAStrangerGetsWhatItDidNotAskFor(t *testing.T) {
	b := start(t, faulty.Rule{Do: faulty.Stray, Every: 1})
	got := make(chan client.Message, 1)
	dial(t, b, client.Options{CleanStart: true, Handler: handler(got)})
	sub, _ := dial(t, b, client.Options{CleanStart: true})
	pub, _ := dial(t, b, client.Options{CleanStart: true})
	asked := inbox(t, sub, 0, "t")
	publish(t, pub, 0, "t", "x")
	expect(t, asked, "x")
	expect(t, got, "x")
}

func TestARuleKeepsToItsBoundsAndItsSeed(t *testing.T) {
	pattern := func(r faulty.Rule) string {
		b := start(t, r)
		sub, _ := dial(t, b, client.Options{CleanStart: true})
		got := inbox(t, sub, 1, "t")
		publish(t, sub, 1, "t", strings.Split("abcdefghijklmnopqrst", "")...)
		var all string
		for range 20 - b.Done(faulty.Drop) {
			all += string((<-got).Payload)
		}
		return all
	}
	if got, want := pattern(faulty.Rule{Do: faulty.Drop, Every: 3, After: 4, Times: 2}), "abcdefhiklmnopqrst"; got != want {
		t.Errorf("every third after four, twice: %q came, want %q", got, want)
	}
	seeded := faulty.Rule{Do: faulty.Drop, Every: 4, Seed: 7}
	first := pattern(seeded)
	if again := pattern(seeded); again != first {
		t.Errorf("the same seed let %q come, then %q", first, again)
	}
	if seeded.Seed++; pattern(seeded) == first {
		t.Errorf("another seed let the same come: %q", first)
	}
}

func TestAnswersGoWrongWhereTheRuleSays(t *testing.T) {
	b := start(t, faulty.Rule{Do: faulty.RefuseAck, Every: 2}, faulty.Rule{Do: faulty.RefuseSubscribe, Every: 2})
	c, _ := dial(t, b, client.Options{CleanStart: true})
	publish(t, c, 2, "t", "x")
	if err := c.Publish(patience(t), client.Message{Topic: "t", QoS: 2}); !errors.Is(err, mqtt.QuotaExceeded) {
		t.Errorf("the second PUBLISH ended with %v, want %v", err, mqtt.QuotaExceeded)
	}
	for i, want := range []mqtt.Reason{mqtt.GrantedQoS1, mqtt.UnspecifiedError} {
		codes, err := c.Subscribe(patience(t), []client.Filter{{Filter: "t", QoS: 1}}, nil)
		if err != nil || !slices.Equal(codes, []mqtt.Reason{want}) {
			t.Errorf("SUBSCRIBE %d was answered with %v (%v), want %v", i, codes, err, want)
		}
	}
}

func TestAnAnswerIsWithheld(t *testing.T) {
	for _, do := range []faulty.Fault{faulty.WithholdAck, faulty.WrongAck, faulty.WithholdComp} {
		b := start(t, faulty.Rule{Do: do, Every: 1})
		c, _ := dial(t, b, client.Options{CleanStart: true})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := c.Publish(ctx, client.Message{Topic: "t", QoS: 2}); err == nil {
			t.Errorf("fault %d: PUBLISH was answered", do)
		}
		cancel()
	}
}

func TestConnectingGoesWrongWhereTheRuleSays(t *testing.T) {
	for _, do := range []faulty.Fault{faulty.RefuseConnect, faulty.MuteConnect, faulty.WrongConnect, faulty.FalsePresent} {
		b := start(t, faulty.Rule{Do: do, Every: 2})
		dial(t, b, client.Options{CleanStart: true})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if c, ack, err := client.Dial(ctx, client.Options{Addr: b.Addr(), CleanStart: true}); err == nil {
			t.Errorf("fault %d: the second CONNECT was answered with %+v", do, ack)
			c.Close()
		}
		cancel()
	}
}

func TestAForgottenSessionIsNotPresent(t *testing.T) {
	b := start(t, faulty.Rule{Do: faulty.ForgetSession, Every: 1})
	o := client.Options{Version: mqtt.V311, ClientID: "c", Session: client.NewSession()}
	for range 2 {
		c, ack := dial(t, b, o)
		if ack.SessionPresent {
			t.Error("a session is present")
		}
		c.Close()
	}
	if b.Done(faulty.ForgetSession) != 1 {
		t.Errorf("%d sessions were forgotten, want 1", b.Done(faulty.ForgetSession))
	}
}

func TestConnectionsAreEnded(t *testing.T) {
	for _, do := range []faulty.Fault{faulty.Sever, faulty.Malformed, faulty.SeverSender} {
		b := start(t, faulty.Rule{Do: do, Every: 3})
		c, _ := dial(t, b, client.Options{CleanStart: true})
		got := inbox(t, c, 0, "t")
		publish(t, c, 0, "t", "1", "2")
		expect(t, got, "1", "2")
		// Whether the third is taken for sent depends on how soon the end of the connection is seen.
		_ = c.Publish(patience(t), client.Message{Topic: "t", Payload: []byte("3")})
		select {
		case <-c.Done():
		case <-patience(t).Done():
			t.Errorf("fault %d: the connection lives on", do)
		}
	}
}

func TestAStallHoldsUpEverybody(t *testing.T) {
	const pause = 100 * time.Millisecond
	b := start(t, faulty.Rule{Do: faulty.Stall, Every: 2, Times: 1, For: pause})
	sub, _ := dial(t, b, client.Options{CleanStart: true})
	other, _ := dial(t, b, client.Options{CleanStart: true})
	got := inbox(t, sub, 0, "t")
	begin := time.Now()
	publish(t, sub, 0, "t", "1", "2")
	publish(t, other, 1, "elsewhere", "x")
	expect(t, got, "1", "2")
	if took := time.Since(begin); took < pause {
		t.Errorf("both were served after %v, want %v or more", took, pause)
	}
}
