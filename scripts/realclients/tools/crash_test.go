package tools

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// mosquitto_sub and mosquitto_pub come back by themselves, a second after the broker has died. Publishers live for a lot of
// messages each, so that there is always one that has not to wait. The subscriber is at QoS 1, where DUP tells what the broker
// repeats: libmosquitto 2.0.11 keeps a PUBLISH of QoS 2 that is repeated a second time, and hands it on in place of a later one.
func TestMosquittosToolsLoseNothingWhenTheBrokerDies(t *testing.T) {
	rig.EachDeath(t, func(t *testing.T, m *rig.Mortal) {
		p := pair{at(m.Addr), mosquitto(), mosquitto()}
		sub := p.Sub(t, "-V", "311", "-c", "-i", "sub", "-q", "1", "-t", "crash/#")
		l := lots{t: t, pair: p, book: rig.NewBook()}
		done := make(chan struct{})
		var publishers sync.WaitGroup
		stop := sync.OnceFunc(func() {
			close(done)
			publishers.Wait()
		})
		defer stop()
		for qos := 1; qos <= 2; qos++ {
			publishers.Go(func() { l.publish(qos, done) })
		}
		m.Deaths(6, l.book.Promised, 5*lot)
		stop()

		came := 0
		l.book.Settle(t, func() {
			all := arrivals(sub.Out())
			for _, a := range all[came:] {
				l.book.Got(a.text, a.dup)
			}
			came = len(all)
		})
		l.book.Check(t, rig.Part{Ordered: !l.mixed.Load(), Once: true, ByDup: true})
	})
}

// arrival is a message that mosquitto_sub has printed.
type arrival struct {
	text string
	dup  bool
}

// arrivals are what mosquitto_sub -d has printed of messages at QoS 1: what it says of the packet stands before the text.
func arrivals(out string) (all []arrival) {
	dup := false
	for line := range strings.Lines(out[:strings.LastIndexByte(out, '\n')+1]) {
		switch {
		case strings.Contains(line, " received PUBLISH (d"):
			dup = strings.Contains(line, " received PUBLISH (d1,")
		case strings.HasPrefix(line, "crash/"):
			all = append(all, arrival{strings.TrimSuffix(line, "\n"), dup})
		}
	}
	return all
}

// lot is how many messages a publisher sends in its life. A broker takes more than these at a time.
const lot = 20

// lots are what mosquitto_pub sends, one lot after the other on each topic.
type lots struct {
	t     *testing.T
	pair  pair
	book  *rig.Book
	mixed atomic.Bool // a publisher was so slow that it had new messages after its return, which it sends between those that it repeats
}

func (l *lots) publish(qos int, done <-chan struct{}) {
	for first := 0; ; first += lot {
		select {
		case <-done:
			return
		default:
		}
		if err := l.one(qos, first); err != nil {
			l.t.Error(err)
			return
		}
	}
}

// acknowledged is what mosquitto_pub -d says when an exchange is over. It gives its messages the identifiers from 1 on.
var acknowledged = regexp.MustCompile(`(?m)^Client \S+ received PUB(?:ACK|COMP) \(Mid: (\d+),`)

// one has a publisher send a lot. It may end before it is through, when it finds no broker.
func (l *lots) one(qos, first int) error {
	topic := fmt.Sprint("crash/", qos)
	var texts []string
	for n := first; n < first+lot; n++ {
		texts = append(texts, rig.Text(topic, n))
	}
	c := l.pair.command(l.pair.pub.pub, []string{"-d", "-V", "311", "-c", "-i", fmt.Sprint("pub", qos, "-", first), "-q", strconv.Itoa(qos), "-t", topic, "-l"})
	c.Stdin = strings.Join(texts, "\n") + "\n"
	p := rig.Spawn(l.t, c)
	if _, err := p.End(); err != nil {
		return err
	}
	out := p.Out()
	for _, line := range acknowledged.FindAllStringSubmatch(out, -1) {
		id, err := strconv.Atoi(line[1])
		if err != nil || id < 1 || id > lot {
			return fmt.Errorf("mosquitto_pub says %q of %d messages", line[0], lot)
		}
		l.book.Acked(texts[id-1])
	}
	if last := strings.LastIndex(out, " sending CONNECT\n"); strings.Count(out, " sending CONNECT\n") > 1 && strings.Contains(out[last:], " sending PUBLISH (d0,") {
		l.mixed.Store(true)
	}
	return nil
}
