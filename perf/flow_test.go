package perf

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/flow"
)

// exchanges is one side's exchanges with many clients.
type exchanges struct {
	senders []flow.Sender[*int]
	seqs    []uint64
}

func openExchanges(clients, quota int) *exchanges {
	x := &exchanges{senders: make([]flow.Sender[*int], clients), seqs: make([]uint64, clients)}
	for i := range x.senders {
		x.senders[i].SetQuota(quota)
	}
	return x
}

// BenchmarkFlowFanout is the QoS machine of a fan-out: a window of messages opened with each client in turn, then
// acknowledged by each in turn. One client's window stays in the first cache, those of 500 do not. An operation is one
// exchange from PUBLISH to PUBACK or PUBCOMP.
func BenchmarkFlowFanout(b *testing.B) {
	for _, qos := range []byte{1, 2} {
		for _, clients := range []int{1, 500} {
			b.Run(fmt.Sprintf("qos%d/clients%d", qos, clients), func(b *testing.B) {
				x := openExchanges(clients, 2*window)
				body := new(int)
				b.ReportAllocs()
				done := 0
				for b.Loop() {
					if done--; done >= 0 {
						continue
					}
					x.deliver(window, qos, body)
					x.acknowledge(window, qos)
					done = window * clients
				}
			})
		}
	}
}

// deliver opens n exchanges with every client, as a fan-out does: message by message, client by client.
func (x *exchanges) deliver(n int, qos byte, m *int) {
	for range n {
		for i := range x.senders {
			if s := &x.senders[i]; s.CanSend(x.seqs[i]) {
				s.Start(x.seqs[i], qos, m)
				x.seqs[i]++
			}
		}
	}
}

// acknowledge ends the last n exchanges of every client, as reads bring the answers: client by client.
func (x *exchanges) acknowledge(n int, qos byte) {
	for i := range x.senders {
		s := &x.senders[i]
		for k := range uint64(n) {
			id := flow.ID(x.seqs[i] - uint64(n) + k)
			if qos == 1 {
				s.Puback(id)
				continue
			}
			s.Pubrec(id, 0)
			s.Pubcomp(id)
		}
	}
}

// BenchmarkFlowReceive is the other side: a window of QoS 2 PUBLISHes of each of many publishers, answered and released.
func BenchmarkFlowReceive(b *testing.B) {
	for _, clients := range []int{1, 500} {
		b.Run(fmt.Sprintf("clients%d", clients), func(b *testing.B) {
			receivers := make([]flow.Receiver, clients)
			b.ReportAllocs()
			done := 0
			for b.Loop() {
				if done--; done >= 0 {
					continue
				}
				for i := range receivers {
					receiveWindow(&receivers[i])
				}
				done = window * clients
			}
		})
	}
}

func receiveWindow(r *flow.Receiver) {
	for id := range uint16(window) {
		r.Publish(id+1, 2)
		r.Acked(id+1, 2, 0)
	}
	for id := range uint16(window) {
		r.Pubrel(id + 1)
		r.Completed(id + 1)
	}
}
