package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// startup fills a broker with sessions whose clients are away, messages that wait for them and retained messages, has it
// killed and started again, and counts what that takes. Then some of the clients return, and one more asks for what is
// retained: all of it has to be there. What was left with the broker otherwise is for whoever restarts it to take away.
var startup = Scenario{
	Name:    "startup",
	Summary: "a broker full of queued and retained messages is killed and started again (by bench compare only)",
	Default: Config{
		Clients: 100_000, Messages: 1_000_000, Topics: 100_000, Payload: 200, QoS: 1, Publishers: 2, Window: 500, Warmup: 30 * time.Second,
		Drain: time.Minute,
	},
	Check: checkStartup,
	run:   runStartup,
}

func checkStartup(c *Config) error {
	if c.Rate > 0 {
		return within("rate", int(c.Rate), 0, 0, "what is queued is sent as fast as it is acknowledged")
	}
	if err := within("qos", int(c.QoS), 1, 2, "QoS 0 is not kept"); err != nil {
		return err
	}
	if err := within("publishers", c.Publishers, 1, c.Clients, "each publishes to its share of the clients"); err != nil {
		return err
	}
	return within("messages", c.Messages, c.Clients, 100_000_000, "one for each client at least")
}

// Restarted is what came of ending a broker and starting it again.
type Restarted struct {
	PID  int           // of the new process
	Took time.Duration // from its start until it had accepted a CONNECT
	Data int64         // bytes that the state took on the disk when the old process had ended; 0: not known
}

// returning is how many of the clients look for their messages after the restart.
const returning = 1000

func runStartup(ctx context.Context, r *run) error {
	c := &r.cfg
	if c.Restart == nil {
		return errors.New("it ends the broker and starts it again, which only a comparison can do: bench/specs/startup.yaml is one")
	}
	r.sources = manySources // one address has too few ports for so many short connections
	var pubs, away, back []*client
	var queue []*feed
	for i := range c.Publishers {
		pub := r.client(i, numbered("pub", i))
		f := r.feed(pub, c.QoS)
		pubs, queue = append(pubs, pub), append(queue, f)
	}
	data := 0
	for i := range c.Clients {
		f := queue[i%len(queue)]
		k, name := r.client(i%len(queue), numbered("away", i)), r.topic("startup/%d", i)
		k.filters = []filter{{name, c.QoS}}
		k.last()
		s := r.stream(f, name, 0)
		each := uint32(c.Messages / c.Clients)
		f.limit += each
		data += len(k.id) + len(name) + int(each)*(len(name)+s.size)
		if i%max(1, c.Clients/returning) == 0 {
			r.expect(k, s, c.QoS).awry = true
			back = append(back, k)
		}
		away = append(away, k)
	}
	keep := r.feed(pubs[0], 1)
	late := r.client(0, "late")
	late.filters = []filter{{r.topic("kept/#"), 1}}
	for i := range c.Topics {
		s := r.stream(keep, r.topic("kept/%d/%d", i/100, i%100), 0)
		s.retain = true
		t := r.expect(late, s, 1)
		t.retain, t.awry = true, true
		keep.limit++
		data += len(s.topic) + s.size
	}
	r.open = max(maxUnanswered, len(back)) + len(pubs) + 1
	if err := r.launch(); err != nil {
		return err
	}
	defer r.onEach(r.clients, func(k *client) { k.resume = false }) // nothing to wipe: the whole state is thrown away
	if err := r.fillUp(ctx, pubs, away, append(queue, keep)); err != nil {
		return err
	}
	if err := r.startAgain(ctx, float64(data)); err != nil {
		return err
	}
	return r.lookFor(ctx, append(back, late))
}

// fillUp makes the state: sessions, then messages.
func (r *run) fillUp(ctx context.Context, pubs, away []*client, feeds []*feed) error {
	r.enter("sessions", 0)
	from := r.now()
	if err := r.throng(ctx, away, 0, visit); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	r.figure("sessions made", float64(len(away))/(r.now()-from).Seconds(), "1/s", false)
	if err := r.connect(ctx, pubs...); err != nil {
		return err
	}
	r.enter("messages", 0)
	from = r.now()
	if err := r.publishAll(ctx, feeds...); err != nil {
		return err
	}
	sent := r.counts()
	if sent.open > 0 {
		return fmt.Errorf("messages: %d were not acknowledged", sent.open)
	}
	r.figure("messages stored", float64(sent.sent)/(r.lastHeard(pubs)-from).Seconds(), "1/s", false)
	return r.throng(ctx, pubs, 0, part)
}

// visit is a step of throng: the client connects, subscribes and leaves, and has settled when it is gone.
func visit(k *client) {
	k.awaited = false
	k.onUp = func(k *client) { k.subscribe() }
	k.onSubscribed = func(k *client) { k.leave() }
	k.onDown = func(k *client, _ error) {
		k.awaited = true
		k.onUp, k.onSubscribed, k.onDown = nil, nil, nil
	}
	k.dial()
}

// startAgain is what is counted: the broker ends, starts, and rests.
func (r *run) startAgain(ctx context.Context, data float64) error {
	c := &r.cfg
	r.enter("restart", 0)
	again, err := c.Restart(ctx)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if r.meter.broker, err = proc.Open(again.PID); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	then, err := r.meter.broker.Read()
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	millions := float64(c.Messages) / 1e6
	r.figure("serves again after", again.Took.Seconds(), "s", true)
	r.figure("serves again after, a million messages", again.Took.Seconds()/millions, "s", true)
	r.figure("CPU until it serves", then.CPU.Seconds(), "s", true)
	r.figure("RSS when it serves", float64(then.RSS), "B", true)
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	later := float64(r.meter.to.broker.RSS)
	r.figure("RSS at rest", later, "B", true)
	r.figure("data as sent", data, "B", true)
	r.figure("data on disk", float64(again.Data), "B", true)
	r.figure("RSS at rest, of the data as sent", 100*later/data, "%", true)
	r.note("data as sent are payloads and topics of what is queued and retained, client identifiers and filters; RSS at rest was read after %v", c.Warmup)
	return nil
}

// lookFor has clients return, and a new one come, and waits for what the broker has kept for them.
func (r *run) lookFor(ctx context.Context, clients []*client) error {
	r.enter("look", 0)
	owed := uint64(0)
	for _, s := range r.streams {
		owed += s.owed * uint64(s.sent)
	}
	if err := r.connect(ctx, clients...); err != nil {
		return err
	}
	late := clients[len(clients)-1]
	r.checkSessions(clients[:len(clients)-1])
	if err := r.subscribe(ctx, late); err != nil {
		return err
	}
	if err := r.delivered(ctx, owed); err != nil {
		return err
	}
	return r.drain(ctx)
}
