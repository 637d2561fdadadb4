package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// party is a client of one of the twins and what it has not acknowledged.
type party struct {
	*wire
	id   string
	open []exchange // in the order in which they came
}

type exchange struct {
	packet   uint16
	message  string
	qos      byte
	released bool
}

// observe tells what has come, with the names of messages in place of packet identifiers, which may differ.
func (p *party) observe() (all []string) {
	p.say(mqtt.AppendPingreq(nil))
	for {
		s := p.hear()
		if s == "pingresp" || strings.HasPrefix(s, "end") {
			return append(all, s)
		}
		words := strings.Fields(s)
		i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' })
		var packet uint16
		if i >= 0 {
			fmt.Sscanf(words[i], "#%d", &packet)
		}
		switch {
		case words[0] == "publish" && i >= 0:
			x := exchange{packet: packet, message: words[1], qos: words[2][1] - '0'}
			if n := slices.IndexFunc(p.open, func(o exchange) bool { return o.packet == packet }); n >= 0 {
				p.open[n] = x
			} else {
				p.open = append(p.open, x)
			}
			words[i] = ""
		case words[0] == "pubrel":
			n := slices.IndexFunc(p.open, func(o exchange) bool { return o.packet == packet })
			if n < 0 {
				return append(all, "a pubrel for nothing: "+s)
			}
			words[i] = p.open[n].message
		}
		all = append(all, strings.Join(words, " "))
	}
}

// acknowledge takes the next step of an open exchange.
func (p *party) acknowledge(n int) {
	switch x := &p.open[n]; {
	case x.qos == 1:
		p.ack(mqtt.PUBACK, x.packet)
	case !x.released:
		p.ack(mqtt.PUBREC, x.packet)
		x.released = true
		return
	default:
		p.ack(mqtt.PUBCOMP, x.packet)
	}
	p.open = slices.Delete(p.open, n, n+1)
}

// Two brokers are told the same: one hands over to the next now and then, the other's clients just connect again. Nobody
// is to see a difference.
func TestAHandOverIsALostConnectionAndNothingElse(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { twins(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func twins(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	cfg := settings()
	cfg.Loops = 1 // what comes is then in one order
	cfg.Session.MaxQueuedMessages = 6
	pair := []*relay{newRelay(t, cfg, Parts{}), newRelay(t, cfg, Parts{})}
	parties := make([][]*party, 2)
	join := func(k, i int) []string {
		id := fmt.Sprint("c", i)
		w, present := pair[k].joined(id, window(uint16(2+i)))
		parties[k][i].wire = w
		return []string{fmt.Sprint("present ", present)}
	}
	for k := range pair {
		for i := range 3 {
			parties[k] = append(parties[k], &party{id: fmt.Sprint("c", i)})
			join(k, i)
		}
	}
	filters, topics := []string{"a/+", "a/1", "b/#", "#"}, []string{"a/1", "a/2", "b"}
	released := map[int][]uint16{}
	var history []string
	both := func(what string, do func(k int) []string) {
		t.Helper()
		history = append(history, what)
		one, two := do(0), do(1)
		if !slices.Equal(one, two) {
			t.Fatalf("after %q:\nwith hand-overs %q\n   without them %q", history[max(0, len(history)-12):], one, two)
		}
	}
	look := func(what string) {
		t.Helper()
		for i := range 3 {
			both(fmt.Sprint(what, ", what c", i, " hears"), func(k int) []string { return parties[k][i].observe() })
		}
	}
	packet := uint16(0)
	for step := range 120 {
		i := rnd.IntN(3)
		switch what := rnd.IntN(20); {
		case what < 3:
			options, filter, id := mqtt.SubscriptionOptions(byte(rnd.IntN(3)), rnd.IntN(2) == 0, rnd.IntN(2) == 0, 0), filters[rnd.IntN(4)], uint32(rnd.IntN(3))
			p := mqtt.Subscribe{ID: 60000, Filters: []mqtt.Subscription{{Filter: []byte(filter), Options: options}}}
			if id > 0 {
				p.Props.SubscriptionIDs = []uint32{id}
			}
			both(fmt.Sprintf("c%d subscribes %s %x %d", i, filter, options, id), func(k int) []string { parties[k][i].say(p.AppendTo(nil, mqtt.V5, 0)); return nil })
		case what < 4:
			p := mqtt.Unsubscribe{ID: 60000, Filters: [][]byte{[]byte(filters[rnd.IntN(4)])}}
			both("unsubscribe", func(k int) []string { parties[k][i].say(p.AppendTo(nil, mqtt.V5, 0)); return nil })
		case what < 10:
			packet++
			topic, qos, retain := topics[rnd.IntN(3)], byte(rnd.IntN(3)), rnd.IntN(5) == 0
			both(fmt.Sprintf("c%d publishes %s q%d %v", i, topic, qos, retain), func(k int) []string {
				parties[k][i].publish(topic, fmt.Sprint("m", step), qos, packet, func(p *mqtt.Publish) {
					if p.Retain = retain; qos == 0 {
						p.ID = 0
					}
				})
				return nil
			})
			if qos == 2 {
				released[i] = append(released[i], packet)
			}
		case what < 11 && len(released[i]) > 0:
			id := released[i][0]
			released[i] = released[i][1:]
			both("pubrel", func(k int) []string { parties[k][i].ack(mqtt.PUBREL, id); return nil })
		case what < 17 && len(parties[0][i].open) > 0:
			n := rnd.IntN(len(parties[0][i].open))
			both("acknowledge", func(k int) []string { parties[k][i].acknowledge(n); return nil })
		case what == 17:
			pair[0].pass()
			for k := range pair {
				for _, p := range parties[k] {
					_ = p.Close()
				}
			}
			until(t, "the ends", func() bool {
				return inventory(t, pair[0].Broker).Connections+inventory(t, pair[1].Broker).Connections == 0
			})
			order := rnd.Perm(3)
			from := order[0]
			both("hand-over", func(k int) []string { return join(k, from) })
			for n := range rnd.IntN(4) { // while the others are away
				packet++
				both("publish meanwhile", func(k int) []string {
					parties[k][from].publish("a/1", fmt.Sprintf("away%d.%d", step, n), 1, packet)
					return parties[k][from].observe()
				})
			}
			for _, i := range order[1:] {
				both("hand-over", func(k int) []string { return join(k, i) })
			}
		}
		look(fmt.Sprint("step ", step))
	}
}
