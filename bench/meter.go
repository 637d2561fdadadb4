package bench

import (
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// meter reads what broker and generator use. Without Config.PID it knows nothing of the broker.
type meter struct {
	r      *run
	broker *proc.Process
	self   *proc.Process
	before uint64 // the broker's RSS before the first connection
	peak   uint64
	last   proc.Usage // of the broker, at the last sample

	from, to struct {
		broker, self proc.Usage
		clock        proc.Clock
		shaken       uint64 // TLS handshakes until then
	}
}

func (m *meter) open(r *run) (err error) {
	m.r = r
	if m.self, err = proc.Self(); err != nil {
		r.note("CPU of the generator is not known: %v", err)
		m.self = nil
	}
	if r.cfg.PID == 0 {
		return nil
	}
	if m.broker, err = proc.Open(r.cfg.PID); err != nil {
		return fmt.Errorf("pid: %w", err)
	}
	m.last, err = m.broker.Read()
	m.before, m.peak = m.last.RSS, m.last.RSS
	return err
}

func (m *meter) begin() error {
	m.peak = max(m.peak, m.last.RSS)
	m.from.shaken = m.r.group.Handshakes().Done
	return m.read(&m.from.broker, &m.from.self, &m.from.clock)
}

func (m *meter) end() error {
	m.to.shaken = m.r.group.Handshakes().Done
	return m.read(&m.to.broker, &m.to.self, &m.to.clock)
}

func (m *meter) read(broker, self *proc.Usage, clock *proc.Clock) (err error) {
	if m.broker != nil {
		if *broker, err = m.broker.Read(); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		m.peak = max(m.peak, broker.RSS)
	}
	if m.self == nil {
		return nil
	}
	if *self, err = m.self.Read(); err != nil {
		return err
	}
	*clock, _ = proc.ReadClock()
	return nil
}

// costing takes a step that is not the counted one, and tells what CPU of the broker n units of it have cost.
func (r *run) costing(name string, n int, step func() error) error {
	b := r.meter.broker
	if b == nil {
		return step()
	}
	from, err := b.Read()
	if err == nil {
		err = step()
	}
	to, reading := b.Read()
	if err == nil && reading == nil && n > 0 {
		r.figure("CPU per "+name, float64(to.CPU-from.CPU)/1e3/float64(n), "µs", true)
	}
	return err
}

// live reads the broker for a sample: cores used since the one before, and memory.
func (m *meter) live(since time.Duration) (cores float64, rss uint64) {
	if m.broker == nil || since <= 0 {
		return 0, 0
	}
	u, err := m.broker.Read()
	if err != nil {
		return 0, 0
	}
	cores = float64(u.CPU-m.last.CPU) / float64(since)
	m.last = u
	m.peak = max(m.peak, u.RSS)
	return cores, u.RSS
}

// A generator whose loops worked for this share of the time was the limit: between two rounds a loop always waits a
// little. A machine that was busy for this share had nothing left for anybody.
const (
	busyLimit    = 0.9
	machineLimit = 0.97
)

// report fills in what was used in the counted time.
func (m *meter) report() {
	rep := m.r.report
	elapsed := rep.Elapsed
	if elapsed <= 0 {
		return
	}
	if m.self != nil {
		used := m.to.self.CPU - m.from.self.CPU
		rep.Load.CPU, rep.Load.Cores = used, float64(used)/float64(elapsed)
		workers := len(m.r.lanes)
		if m.to.shaken > m.from.shaken {
			workers += max(1, cores/2) // that TLS handshakes compute on, beside the loops
		}
		rep.Load.Busy = min(1, rep.Load.Cores/float64(workers))
		rep.Load.Limit = rep.Load.Busy >= busyLimit
	}
	if m.broker != nil {
		b := &Process{
			CPU: m.to.broker.CPU - m.from.broker.CPU, RSSBefore: m.before, RSS: m.to.broker.RSS, RSSPeak: m.peak,
			Threads: m.to.broker.Threads,
			Disk:    m.to.broker.Disk - m.from.broker.Disk,
			Reads:   m.to.broker.Reads - m.from.broker.Reads, Writes: m.to.broker.Writes - m.from.broker.Writes,
		}
		b.Cores = float64(b.CPU) / float64(elapsed)
		if rep.Delivered > 0 {
			b.CPUPerDelivery = float64(b.CPU) / 1e3 / float64(rep.Delivered)
			b.WritesPerDeliv = float64(b.Writes) / float64(rep.Delivered)
		}
		rep.Broker = b
	}
	if total := m.to.clock.Total - m.from.clock.Total; total >= time.Second &&
		float64(m.to.clock.Busy-m.from.clock.Busy) >= machineLimit*float64(total) {
		m.r.note("the machine had no core to spare: what broker and generator reached is how they shared it with each other and with others; CPU per delivery still holds")
	}
	rep.Env.Others = proc.Others(m.from.clock, m.to.clock, m.to.broker.CPU-m.from.broker.CPU, rep.Load.CPU)
}
