package engine

import (
	"sync/atomic"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// counter has one writer, its loop, so it needs no locked add; readers sum over the loops.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { c.v.Store(c.v.Load() + n) }

// set makes it a gauge, which mostly has not changed.
func (c *counter) set(n uint64) {
	if c.v.Load() != n {
		c.v.Store(n)
	}
}

func (c *counter) sub(n uint64) { c.v.Store(c.v.Load() - n) }

// Drop says why a message did not reach a receiver.
type Drop uint8

// The reasons for which messages are dropped.
const (
	DropOffline      Drop = iota // QoS 0 for a client that is away
	DropOutbound                 // QoS 0 beyond limits.max_outbound_bytes
	DropQueueFull                // beyond session.max_queued_messages or _bytes
	DropExpired                  // its Message Expiry Interval ran out
	DropTooLarge                 // larger than the client's Maximum Packet Size
	DropSessionEnd               // queued for a session that ended
	DropRefused                  // answered by the receiver with a code of 0x80 or above
	DropNoMember                 // a shared subscription had no member that could take it
	DropUnauthorized             // the publisher may not publish to this topic
	DropRetainFull               // beyond retain.max_messages
	DropLost                     // queued, and not in the store any more
	DropStoreFull                // the store has no room
	DropStoreFailed              // the store has failed
	DropTotalFull                // beyond session.max_total_queued_messages or _bytes
	DropQueueRefused             // a full queue, and session.queue_policy is refuse: the publisher was told, or its connection closed
	drops
)

var dropNames = [drops]string{"offline", "outbound", "queue_full", "expired", "too_large", "session_end", "refused", "no_member", "unauthorized", "retain_full", "lost", "store_full", "store_failed", "total_full", "queue_refused"}

// String is the reason's label.
func (d Drop) String() string { return dropNames[d] }

// Ending says why a session without a connection has ended.
type Ending uint8

// The reasons for which sessions without a connection end.
const (
	EndExpired      Ending = iota // its Session Expiry Interval ran out
	EndOfflineAge                 // session.max_offline_age
	EndOfflineLimit               // session.max_offline_sessions
	endings
)

var endingNames = [endings]string{"expired", "offline_age", "offline_limit"}

// String is the reason's label.
func (e Ending) String() string { return endingNames[e] }

// counters belong to one loop.
type counters struct {
	traffic
	connects, disconnects counter
	dropped               [drops]counter
	ended                 [endings]counter
	closed                [256]counter // connections ended by the broker, by reason code
	refused               [256]counter // those of them that ended before they were accepted
	owed                  counter      // bytes queued for connections, as of the last pass
	queued, queuedBytes   counter      // in the queues of sessions, as of the last pass
	flying                counter      // batches that the store has not confirmed, as of the last pass
	panics                counter
	helped                counter // passes of other loops that were done here
	messages, frames      counter // alive, as of the last pass; taken here less given back here, so one loop's may be negative
	online, sessions      counter
	offline               counter // sessions without a connection, as of the last pass
}

// Stats is a sum over all loops as of their last pass or tick.
type Stats struct {
	PacketsReceived, PacketsSent uint64
	BytesReceived, BytesSent     uint64
	PublishReceived, PublishSent uint64
	PayloadReceived, PayloadSent uint64
	Connects, Disconnects        uint64
	ClientsConnected, Sessions   uint64
	Subscriptions, Retained      uint64
	SharedGroups, Filters        uint64
	MessagesHeld                 int64 // messages alive in memory, retained ones aside
	FramesHeld                   int64 // packets encoded and not written
	Panics, Writes               uint64
	Dropped                      map[string]uint64 // messages, by reason
	ClosedByBroker               map[string]uint64 // connections, by reason code; those refused among them
	ConnectsRefused              map[string]uint64 // connections that were not accepted, by reason code
	Accepted                     uint64            // sockets handed to the loops
	AcceptShed                   uint64            // connections not taken for want of descriptors

	PublishReceivedByQoS, PublishSentByQoS   [3]uint64
	PacketsReceivedByType, PacketsSentByType [16]uint64 // by mqtt.Type

	SessionsOffline uint64            // sessions without a connection
	SessionsEnded   map[string]uint64 // those that ended, by reason
	QueuedMessages  uint64            // in the queues of sessions, once for each
	QueuedBytes     uint64            // of those

	OutboundBytes  int64  // queued for connections and not written
	RetainedBytes  uint64 // of retained messages and their topics
	OffloadWorkers int    // goroutines for what may block
	OffloadWaiting int    // jobs that wait for one of them
	StorePending   uint64 // batches that the store has not confirmed
	ClockDoubts    uint64 // times the machine's clock could not be believed at a start, or has jumped since

	HandshakesActive, HandshakesWaiting int    // TLS handshakes on their way, and beyond those: that wait for their turn
	HandshakesFull, HandshakesResumed   uint64 // that succeeded: anew, and by taking up an earlier session
	HandshakesFailed                    uint64 // also those whose connection ended before
}

// Drops lists the reasons for which messages are dropped.
func Drops() []Drop {
	all := make([]Drop, drops)
	for i := range all {
		all[i] = Drop(i)
	}
	return all
}

// Endings lists the reasons for which sessions without a connection end.
func Endings() []Ending {
	all := make([]Ending, endings)
	for i := range all {
		all[i] = Ending(i)
	}
	return all
}

// Stats sums the counters of all loops. Before the broker has started all of them are zero.
func (b *Broker) Stats() Stats {
	s := Stats{Dropped: map[string]uint64{}, ClosedByBroker: map[string]uint64{}, ConnectsRefused: map[string]uint64{}, SessionsEnded: map[string]uint64{}}
	if !b.started.Load() {
		return s
	}
	for _, l := range b.loops {
		c := &l.count
		for t := range c.packetsIn {
			in, out := c.packetsIn[t].v.Load(), c.packetsOut[t].v.Load()
			s.PacketsReceivedByType[t] += in
			s.PacketsSentByType[t] += out
			s.PacketsReceived += in
			s.PacketsSent += out
		}
		for qos := range c.publishIn {
			in, out := c.publishIn[qos].v.Load(), c.publishOut[qos].v.Load()
			s.PublishReceivedByQoS[qos] += in
			s.PublishSentByQoS[qos] += out
			s.PublishReceived += in
			s.PublishSent += out
		}
		s.BytesReceived += c.bytesIn.v.Load()
		s.BytesSent += c.bytesOut.v.Load()
		s.PayloadReceived += c.payloadIn.v.Load()
		s.PayloadSent += c.payloadOut.v.Load()
		s.Connects += c.connects.v.Load()
		s.Disconnects += c.disconnects.v.Load()
		s.ClientsConnected += c.online.v.Load()
		s.Sessions += c.sessions.v.Load()
		s.Panics += c.panics.v.Load()
		s.Writes += c.writes.v.Load()
		s.MessagesHeld += int64(c.messages.v.Load())
		s.FramesHeld += int64(c.frames.v.Load())
		s.OutboundBytes += int64(c.owed.v.Load())
		s.SessionsOffline += c.offline.v.Load()
		s.QueuedMessages += c.queued.v.Load()
		s.QueuedBytes += c.queuedBytes.v.Load()
		s.StorePending += c.flying.v.Load()
		for d := range drops {
			if n := c.dropped[d].v.Load(); n > 0 {
				s.Dropped[d.String()] += n
			}
		}
		for e := range endings {
			if n := c.ended[e].v.Load(); n > 0 {
				s.SessionsEnded[e.String()] += n
			}
		}
		sumReasons(s.ClosedByBroker, &c.closed)
		sumReasons(s.ConnectsRefused, &c.refused)
	}
	for _, l := range b.listeners {
		s.AcceptShed += l.shed.Load() + l.acceptor.Load().Shed() + l.refused[refusedMax].Load() + l.refused[refusedPerAddress].Load()
		s.Accepted += l.accepted.Load() + l.acceptor.Load().Accepted()
	}
	s.Subscriptions = uint64(max(b.subscriptions.Load(), 0))
	s.Filters = uint64(b.index.Filters())
	s.SharedGroups = uint64(b.groups.Len())
	s.Retained = uint64(b.retained.Len())
	s.RetainedBytes = uint64(b.retained.Bytes())
	s.ClockDoubts = b.steady.doubts.Load()
	s.OffloadWorkers, s.OffloadWaiting = b.offload.Workers(), b.offload.Waiting()
	h := b.handshakes.Stats()
	s.HandshakesActive, s.HandshakesWaiting, s.HandshakesFailed = h.Active, h.Waiting, h.Failed
	s.HandshakesFull, s.HandshakesResumed = h.Done-min(h.Resumed, h.Done), h.Resumed // they are read apart
	return s
}

func sumReasons(into map[string]uint64, by *[256]counter) {
	for r := range by {
		if n := by[r].v.Load(); n > 0 {
			into[mqtt.Reason(r).String()] += n
		}
	}
}
