package main

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// What a broker's queues look like here: sessions, messages of 200 bytes half of which do not compress, acknowledged after so
// many others have come.
const (
	sessions    = 10_000
	payloadSize = 200
	lag         = 20_000
	large       = 500 // messages of a commit while a state is only made
)

// source makes messages, to sessions in turn that stand in no order.
type source struct {
	next    uint64
	seqs    [sessions + 1]uint64
	random  *rand.Rand
	waiting []message // without topic and payload, oldest first
	in      []message
	over    []message
	text    []byte
}

func newSource() *source {
	return &source{random: rand.New(rand.NewPCG(1, 2)), text: make([]byte, 0, large*256)}
}

// make makes n messages, good until the next call.
func (s *source) make(n int) []message {
	s.in, s.text = s.in[:0], s.text[:0]
	if need := n * 256; cap(s.text) < need {
		s.text = make([]byte, 0, need)
	}
	for range n {
		s.next++
		to := s.random.Uint64N(sessions) + 1
		s.seqs[to]++
		m := message{id: s.next, session: to, seq: s.seqs[to]}
		s.waiting = append(s.waiting, m)
		from := len(s.text)
		s.text = strconv.AppendUint(append(s.text, "sensor/"...), to, 10)
		m.topic = s.text[from:]
		from = len(s.text)
		s.text = s.text[:from+payloadSize]
		m.payload = s.text[from:]
		for i := range payloadSize / 2 {
			m.payload[i] = byte(s.random.Uint32())
		}
		s.in = append(s.in, m)
	}
	return s.in
}

// oldest takes the n messages that have waited longest, good until the next call.
func (s *source) oldest(n int) []message {
	s.over = append(s.over[:0], s.waiting[:n]...)
	s.waiting = s.waiting[n:]
	return s.over
}

// usage is what a piece of work has taken.
type usage struct {
	Messages int
	Took     time.Duration
	CPU      time.Duration
	Written  uint64 // bytes, to the disk
	RSS      uint64 // bytes, at its end
}

// measured does a piece of work that returns how many messages it was.
func measured(work func() (int, error)) (u usage, err error) {
	self, err := proc.Self()
	if err != nil {
		return u, err
	}
	before, err := self.Read()
	if err != nil {
		return u, err
	}
	from := time.Now()
	if u.Messages, err = work(); err != nil {
		return u, err
	}
	u.Took = time.Since(from)
	after, err := self.Read()
	u.CPU, u.Written, u.RSS = after.CPU-before.CPU, after.Disk-before.Disk, after.RSS
	return u, err
}

// fill brings n messages in.
func fill(k keeper, s *source, n int) error {
	if err := k.begin(sessions); err != nil {
		return err
	}
	for ; n > 0; n -= large {
		if err := k.commit(s.make(min(n, large)), nil); err != nil {
			return err
		}
	}
	return nil
}

// churn has, for so long, as many messages acknowledged with each commit as come with it.
func churn(k keeper, s *source, commit int, d time.Duration) (int, error) {
	n := 0
	for from := time.Now(); time.Since(from) < d; n += commit {
		if err := k.commit(s.make(commit), s.oldest(commit)); err != nil {
			return n, err
		}
	}
	return n, nil
}
