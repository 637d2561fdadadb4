package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// source is what the collector reads; a broker is one.
type source interface {
	Stats() engine.Stats
	Loops() []engine.LoopStats
	Listeners() []engine.ListenerStats
	StoreStats() (store.Stats, bool)
}

// collector turns the engine's counters into metrics when it is asked. Nothing is counted twice: the engine counts per
// loop, and the sums are made here.
type collector struct{ from source }

// metric is one family. A counter's name ends in _total, and all else is a gauge.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("penstock_"+name+"_total", help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("penstock_"+name, help, labels, nil), prometheus.GaugeValue}
}

// Families of the whole broker.
var (
	messagesReceived = counter("messages_received", "PUBLISH packets from clients.", "qos")
	messagesSent     = counter("messages_sent", "PUBLISH packets to clients, repeated ones included.", "qos")
	payloadReceived  = counter("payload_received_bytes", "Payload bytes of PUBLISH packets from clients.")
	payloadSent      = counter("payload_sent_bytes", "Payload bytes of PUBLISH packets to clients.")
	packetsReceived  = counter("packets_received", "MQTT packets from clients.", "type")
	packetsSent      = counter("packets_sent", "MQTT packets to clients.", "type")
	bytesReceived    = counter("received_bytes", "Bytes read from clients.")
	bytesSent        = counter("sent_bytes", "Bytes written to clients.")
	writes           = counter("writes", "Write calls to clients' sockets.")
	dropped          = counter("messages_dropped", "Messages that did not reach a receiver.", "reason")

	accepted    = counter("sockets_accepted", "Sockets handed to the event loops.")
	shed        = counter("sockets_shed", "Sockets closed at once: too many connections, or no descriptor left.")
	connects    = counter("connects", "CONNECT packets that were accepted.")
	refused     = counter("connects_refused", "Connections that ended before their CONNECT was accepted.", "reason")
	disconnects = counter("disconnects", "Connections of accepted clients that ended, whoever ended them.")
	closed      = counter("connections_closed", "Connections ended by the broker, those refused among them.", "reason")
	panics      = counter("panics", "Steps and parts of an embedder that panicked; each is in the log.")

	clients       = gauge("clients_connected", "Clients with an accepted connection.")
	sessions      = gauge("sessions", "Sessions, with a connection or without.")
	offline       = gauge("sessions_offline", "Sessions without a connection.")
	sessionsEnded = counter("sessions_ended", "Sessions without a connection that ended: of themselves, or by a bound.", "reason")
	queued        = gauge("queued_messages", "Messages in the queues of sessions, each counted for every session that it waits for.")
	queuedBytes   = gauge("queued_bytes", "Bytes of the messages in the queues of sessions, counted in the same way.")
	subscriptions = gauge("subscriptions", "Subscriptions of all sessions, memberships of shared ones included.")
	filters       = gauge("filters", "Different topic filters in the index.")
	sharedGroups  = gauge("shared_subscriptions", "Shared subscriptions with at least one member.")
	retained      = gauge("retained_messages", "Retained messages.")
	retainedBytes = gauge("retained_bytes", "Memory of retained messages and their topics.")
	messagesHeld  = gauge("messages_held", "Message bodies in memory, retained ones aside.")
	framesHeld    = gauge("frames_held", "Encoded packets that were not written yet.")
	outbound      = gauge("outbound_bytes", "Bytes queued for connections and not written yet.")

	offloadWorkers = gauge("offload_workers", "Goroutines that run what may block.")
	offloadWaiting = gauge("offload_waiting", "Jobs that wait for such a goroutine.")
	storePending   = gauge("store_pending", "Batches that the store has not confirmed.")
	clockDoubts    = counter("clock_doubts", "Times that the machine's clock could not be believed at the start, or has jumped since.")
)

// Families by event loop.
var (
	loopConnections = gauge("loop_connections", "Open sockets of the loop.", "loop")
	loopInbox       = gauge("loop_inbox", "Items that others posted to the loop and that wait for it.", "loop")
	loopBusy        = counter("loop_busy_seconds", "Time the loop spent in the broker's steps, writes included; reading sockets is not in it.", "loop")
	loopLag         = prometheus.NewDesc("penstock_loop_lag_seconds", "How late the loop handled what was posted to it, as its ticks tell.", []string{"loop"}, nil)
)

// Describe implements prometheus.Collector. It says nothing, which makes the collector an unchecked one: a reason code is
// not there before it has happened.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.from.Stats()
	out := sink(to)
	out.traffic(&s)
	out.connections(&s)
	out.contents(&s)
	out.handshakes(&s)
	for _, l := range c.from.Loops() {
		out.loop(&l)
	}
	for _, l := range c.from.Listeners() {
		out.listener(&l)
	}
	if s, ok := c.from.StoreStats(); ok {
		out.store(&s)
	}
}

type sink chan<- prometheus.Metric

func (out sink) put(m metric, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

func (out sink) traffic(s *engine.Stats) {
	for qos := range s.PublishReceivedByQoS {
		out.put(messagesReceived, float64(s.PublishReceivedByQoS[qos]), strconv.Itoa(qos))
		out.put(messagesSent, float64(s.PublishSentByQoS[qos]), strconv.Itoa(qos))
	}
	for t := mqtt.CONNECT; t <= mqtt.AUTH; t++ {
		out.put(packetsReceived, float64(s.PacketsReceivedByType[t]), t.String())
		out.put(packetsSent, float64(s.PacketsSentByType[t]), t.String())
	}
	out.put(payloadReceived, float64(s.PayloadReceived))
	out.put(payloadSent, float64(s.PayloadSent))
	out.put(bytesReceived, float64(s.BytesReceived))
	out.put(bytesSent, float64(s.BytesSent))
	out.put(writes, float64(s.Writes))
	for _, d := range engine.Drops() { // those that never happened, too: a rate needs a beginning
		out.put(dropped, float64(s.Dropped[d.String()]), d.String())
	}
}

func (out sink) connections(s *engine.Stats) {
	out.put(accepted, float64(s.Accepted))
	out.put(shed, float64(s.AcceptShed))
	out.put(connects, float64(s.Connects))
	out.put(disconnects, float64(s.Disconnects))
	for reason, n := range s.ConnectsRefused {
		out.put(refused, float64(n), reason)
	}
	for reason, n := range s.ClosedByBroker {
		out.put(closed, float64(n), reason)
	}
	out.put(clients, float64(s.ClientsConnected))
	out.put(panics, float64(s.Panics))
}

func (out sink) contents(s *engine.Stats) {
	out.put(sessions, float64(s.Sessions))
	out.put(offline, float64(s.SessionsOffline))
	for _, e := range engine.Endings() {
		out.put(sessionsEnded, float64(s.SessionsEnded[e.String()]), e.String())
	}
	out.put(queued, float64(s.QueuedMessages))
	out.put(queuedBytes, float64(s.QueuedBytes))
	out.put(subscriptions, float64(s.Subscriptions))
	out.put(filters, float64(s.Filters))
	out.put(sharedGroups, float64(s.SharedGroups))
	out.put(retained, float64(s.Retained))
	out.put(retainedBytes, float64(s.RetainedBytes))
	out.put(messagesHeld, float64(s.MessagesHeld))
	out.put(framesHeld, float64(s.FramesHeld))
	out.put(outbound, float64(s.OutboundBytes))
	out.put(offloadWorkers, float64(s.OffloadWorkers))
	out.put(offloadWaiting, float64(s.OffloadWaiting))
	out.put(storePending, float64(s.StorePending))
	out.put(clockDoubts, float64(s.ClockDoubts))
}

func (out sink) loop(l *engine.LoopStats) {
	name := strconv.Itoa(l.Loop)
	out.put(loopConnections, float64(l.Connections), name)
	out.put(loopInbox, float64(l.Inbox), name)
	out.put(loopBusy, l.Busy.Seconds(), name)
	buckets, n := make(map[float64]uint64, len(l.Lag.Bounds)), uint64(0)
	for i, bound := range l.Lag.Bounds {
		n += l.Lag.Counts[i]
		buckets[bound.Seconds()] = n
	}
	n += l.Lag.Counts[len(l.Lag.Bounds)]
	out <- prometheus.MustNewConstHistogram(loopLag, n, l.Lag.Sum.Seconds(), buckets, name)
}
