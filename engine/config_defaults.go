package engine

import "time"

// DefaultAddress is where a broker listens that was told nothing.
const DefaultAddress = "127.0.0.1:1883"

// DefaultConfig is a broker for this machine only: MQTT over TCP on the loopback address, anonymous clients from
// loopback alone, state in memory, every capability of the protocol on, and a bound on whatever one client can pin.
func DefaultConfig() Config {
	return Config{
		Listeners: []Listener{{Kind: KindTCP, Address: DefaultAddress}},
		TLS: TLS{
			MinVersion: TLS12, MaxHandshakes: 1024, ReloadInterval: 5 * time.Second, TicketRotation: 12 * time.Hour,
		},
		WebSocket: WebSocket{MaxHeaderSize: 8 * KiB, MaxFrameSize: 16 * MiB, PingInterval: 30 * time.Second},
		Drain:     Drain{Timeout: 10 * time.Second, WillGrace: 30 * time.Second},
		Auth:      Auth{Anonymous: AnonymousLoopback, Timeout: 5 * time.Second},
		Limits: Limits{
			MaximumPacketSize:       MiB,
			ReceiveMaximum:          1024,
			TopicAliasMaximum:       64,
			MaximumQoS:              2,
			WildcardSubscriptions:   true,
			SharedSubscriptions:     true,
			SubscriptionIdentifiers: true,
			ConnectTimeout:          10 * time.Second,
			MaxInflight:             1024,
			MaxOutboundBytes:        MiB,
			OutboundTopicAliases:    16,
			MaxPendingBytes:         64 * KiB,
			MaxConnectSize:          512 * KiB,
			MaxConnecting:           16384,
			MaxConnectingPerAddress: 12288,
			MaxConnectingBytes:      64 * MiB,
			MaxTopicLevels:          128,
			MaxClientIDLength:       65535,
		},
		Session: Session{
			MaxQueuedMessages:          100000,
			MaxQueuedBytes:             16 * MiB,
			MaxTotalQueuedMessages:     4000000,
			MaxTotalQueuedBytes:        GiB,
			QueuePolicy:                DropOldest,
			MaxOfflineSessions:         1000000,
			SharedSubscriptionStrategy: StrategyRoundRobin,
		},
		Retain: Retain{Available: true, MaxBytes: 512 * MiB},
		Store:  Store{Sync: SyncAlways, Interval: time.Second, HighWater: 95, LowWater: 85},
		Log:    Log{Level: LogInfo, Format: LogText},
		Sys:    Sys{Interval: 10 * time.Second},
	}
}
