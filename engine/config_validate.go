package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxPacketSize    = 268435460      // a fixed header of five bytes and the largest Remaining Length
	maxUint16        = 65535          // what two bytes of a packet can say
	maxExpirySeconds = 0xFFFFFFFF - 1 // 0xFFFFFFFF means "for ever"
)

// Validate reports the first thing that is wrong with the configuration as a *FieldError.
func (c *Config) Validate() error {
	var k checker
	k.number("loops", c.Loops, 0, 256)
	c.checkListeners(&k)
	c.TLS.check(&k)
	c.WebSocket.check(&k)
	c.Auth.check(&k)
	c.Limits.check(&k)
	c.Session.check(&k)
	k.number("retain.max_messages", c.Retain.MaxMessages, 0, maxInt)
	if c.Retain.MaxBytes != 0 {
		k.size("retain.max_bytes", c.Retain.MaxBytes, KiB, 0)
	}
	c.Store.check(&k)
	c.checkQuota(&k)
	k.duration("drain.timeout", c.Drain.Timeout, time.Millisecond, 0)
	k.duration("drain.will_grace", c.Drain.WillGrace, 0, 0)
	oneOf(&k, "log.level", c.Log.Level, LogDebug, LogInfo, LogWarn, LogError)
	oneOf(&k, "log.format", c.Log.Format, LogText, LogJSON)
	k.interval("sys.interval", c.Sys.Interval, time.Second)
	return k.err()
}

const maxInt = int(^uint(0) >> 1)

// maxTicketRotation is a quarter of the longest time that TLS allows a session ticket, which is good for four rotations.
const maxTicketRotation = 7 * 24 * time.Hour / 4

func (t TLS) check(k *checker) {
	oneOf(k, "tls.min_version", t.MinVersion, TLS12, TLS13)
	k.number("tls.max_handshakes", t.MaxHandshakes, 1, maxInt)
	k.number("tls.handshake_cores", t.HandshakeCores, 0, maxInt)
	k.interval("tls.reload_interval", t.ReloadInterval, 100*time.Millisecond)
	k.duration("tls.ticket_rotation", t.TicketRotation, time.Minute, maxTicketRotation)
}

func (w WebSocket) check(k *checker) {
	k.size("websocket.max_header_size", w.MaxHeaderSize, 512, MiB)
	k.size("websocket.max_frame_size", w.MaxFrameSize, KiB, 0)
	k.interval("websocket.ping_interval", w.PingInterval, time.Second)
}

func (s Store) check(k *checker) {
	oneOf(k, "store.sync", s.Sync, SyncAlways, SyncInterval, SyncNone)
	k.duration("store.interval", s.Interval, time.Millisecond, time.Hour)
	k.duration("store.gather", s.Gather, 0, time.Second)
	if s.SegmentSize != 0 {
		k.size("store.segment_size", s.SegmentSize, 64*KiB, GiB)
	}
	if s.Quota != 0 {
		k.size("store.quota", s.Quota, MiB, 0)
	}
	k.number("store.high_water", s.HighWater, 2, 100)
	k.number("store.low_water", s.LowWater, 1, s.HighWater-1)
}

// quotaMessages is for how many of the largest messages a quota has room at least: a batch may have one twice, queued and
// retained, the files that are written and made ahead take as much, and what is still needed of the oldest file is written
// again before that goes.
const quotaMessages = 8

// checkQuota refuses a quota in which the largest message might never find room.
func (c *Config) checkQuota(k *checker) {
	largest := c.Limits.MaximumPacketSize
	if largest == 0 {
		largest = maxPacketSize
	}
	if q := c.Store.Quota; q != 0 && q/quotaMessages < largest {
		k.fail("store.quota", fmt.Sprintf("must be %d times limits.maximum_packet_size (%s, 0 is the protocol's own limit) or more, is %s",
			quotaMessages, c.Limits.MaximumPacketSize, q))
	}
}

func (a Auth) check(k *checker) {
	oneOf(k, "auth.anonymous", a.Anonymous, AnonymousLoopback, AnonymousAlways, AnonymousNever)
	k.duration("auth.timeout", a.Timeout, time.Millisecond, 0)
}

func (l Limits) check(k *checker) {
	if l.MaximumPacketSize != 0 {
		k.size("limits.maximum_packet_size", l.MaximumPacketSize, 16, maxPacketSize)
	}
	k.number("limits.receive_maximum", l.ReceiveMaximum, 1, maxUint16)
	k.number("limits.topic_alias_maximum", l.TopicAliasMaximum, 0, maxUint16)
	k.number("limits.maximum_qos", l.MaximumQoS, 0, 2)
	k.seconds("limits.server_keep_alive", l.ServerKeepAlive, maxUint16)
	k.duration("limits.connect_timeout", l.ConnectTimeout, time.Millisecond, 0)
	k.number("limits.max_inflight", l.MaxInflight, 1, maxUint16)
	k.size("limits.max_outbound_bytes", l.MaxOutboundBytes, KiB, 1<<31-1)
	k.number("limits.outbound_topic_aliases", l.OutboundTopicAliases, 0, maxUint16)
	k.size("limits.max_pending_bytes", l.MaxPendingBytes, KiB, 1<<31-1)
	if l.MaxConnectSize != 0 {
		k.size("limits.max_connect_size", l.MaxConnectSize, 16, maxPacketSize)
	}
	k.number("limits.max_connecting", l.MaxConnecting, 0, maxInt)
	k.number("limits.max_connecting_per_address", l.MaxConnectingPerAddress, 0, maxInt)
	if l.MaxConnectingBytes != 0 {
		k.size("limits.max_connecting_bytes", l.MaxConnectingBytes, 64*KiB, 0)
	}
	k.number("limits.max_topic_levels", l.MaxTopicLevels, 1, maxUint16+1)
	k.number("limits.max_client_id_length", l.MaxClientIDLength, 23, maxUint16) // 23: [MQTT-3.1.3-5]
	k.number("limits.max_subscriptions_per_client", l.MaxSubscriptionsPerClient, 0, maxInt)
	k.text("limits.response_information", l.ResponseInformation)
	k.text("limits.server_reference", l.ServerReference)
}

func (s Session) check(k *checker) {
	k.seconds("session.max_expiry", s.MaxExpiry, maxExpirySeconds)
	k.seconds("session.expiry_v3", s.ExpiryV3, maxExpirySeconds)
	k.number("session.max_queued_messages", s.MaxQueuedMessages, 1, 1<<31-1)
	k.size("session.max_queued_bytes", s.MaxQueuedBytes, KiB, 0)
	k.number("session.max_total_queued_messages", s.MaxTotalQueuedMessages, 0, maxInt)
	if s.MaxTotalQueuedBytes != 0 {
		k.size("session.max_total_queued_bytes", s.MaxTotalQueuedBytes, KiB, 0)
	}
	oneOf(k, "session.queue_policy", s.QueuePolicy, DropOldest, DropNewest, Refuse)
	k.number("session.max_offline_sessions", s.MaxOfflineSessions, 0, maxInt)
	k.interval("session.max_offline_age", s.MaxOfflineAge, time.Second)
	oneOf(k, "session.shared_subscription_strategy", s.SharedSubscriptionStrategy,
		StrategyRoundRobin, StrategyRandom, StrategySticky, StrategyHashClient, StrategyHashTopic, StrategyLocalFirst)
}

// checker keeps the first problem it is told of.
type checker struct{ first *FieldError }

func (k *checker) err() error {
	if k.first == nil {
		return nil // a nil *FieldError in an error is not nil
	}
	return k.first
}

func (k *checker) fail(field, problem string) {
	if k.first == nil {
		k.first = &FieldError{field, problem}
	}
}

// wrong takes the problem of a field as an error, nil for none.
func (k *checker) wrong(field string, err error) {
	if err != nil {
		k.fail(field, err.Error())
	}
}

// between fails unless low <= v <= high; high 0 is no bound. show turns a number into what a person would write.
func between[T ~int | ~int64](k *checker, field string, v, low, high T, show func(T) string) {
	switch {
	case v >= low && (high == 0 || v <= high):
	case high == 0 || high == T(maxInt):
		k.fail(field, fmt.Sprintf("must be at least %s, is %s", show(low), show(v)))
	default:
		k.fail(field, fmt.Sprintf("must be from %s to %s, is %s", show(low), show(high), show(v)))
	}
}

func (k *checker) number(field string, v, low, high int) {
	between(k, field, v, low, high, strconv.Itoa)
}

func (k *checker) size(field string, v, low, high Size) { between(k, field, v, low, high, Size.String) }

func (k *checker) duration(field string, v, low, high time.Duration) {
	between(k, field, v, low, high, time.Duration.String)
}

// interval checks what is done every so often: 0 is never.
func (k *checker) interval(field string, v, low time.Duration) {
	if v < 0 || 0 < v && v < low {
		k.fail(field, fmt.Sprintf("must be 0 (off) or at least %s, is %s", low, v))
	}
}

// seconds checks what travels in packets: whole seconds from 0 to high.
func (k *checker) seconds(field string, v time.Duration, high int64) {
	if v < 0 || v%time.Second != 0 || int64(v/time.Second) > high {
		k.fail(field, fmt.Sprintf("must be whole seconds from 0 to %d, is %s", high, v))
	}
}

// text checks what travels in packets as a UTF-8 string.
func (k *checker) text(field, v string) {
	if !utf8.ValidString(v) || strings.Contains(v, "\x00") || len(v) > maxUint16 {
		k.fail(field, "must be UTF-8 without U+0000 and at most 65535 bytes long")
	}
}

func oneOf[T ~string](k *checker, field string, v T, choices ...T) {
	if slices.Contains(choices, v) {
		return
	}
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = string(c)
	}
	k.fail(field, fmt.Sprintf("must be one of %s, is %q", strings.Join(names, ", "), string(v)))
}
