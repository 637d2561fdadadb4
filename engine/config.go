package engine

import "time"

// Config is everything about a broker that is data. Behaviour (an authenticator, a store, hooks) is in Parts; what may
// change while the broker runs is in Live.
//
// Every field has a key: the yaml tags joined by dots, an element of a list by its index (listeners.0.max_connections).
// A configuration file, `--set KEY=VALUE` and the query of a listener URL all speak these keys and all end in Set, so
// that a new field is a new key everywhere at once.
//
// Begin with DefaultConfig: the zero Config does not validate.
type Config struct {
	// Loops is how many event loops carry the connections; 0 takes as many as suit the cores.
	Loops int `yaml:"loops"`

	Listeners []Listener `yaml:"listeners"`
	TLS       TLS        `yaml:"tls"`
	WebSocket WebSocket  `yaml:"websocket"`
	Auth      Auth       `yaml:"auth"`
	Limits    Limits     `yaml:"limits"`
	Session   Session    `yaml:"session"`
	Retain    Retain     `yaml:"retain"`
	Store     Store      `yaml:"store"`
	Drain     Drain      `yaml:"drain"`
	Log       Log        `yaml:"log"`
	Sys       Sys        `yaml:"sys"`
}

// Listener is one address on which clients are taken in.
type Listener struct {
	// Name stands for the listener in logs and topics; the listener's URL when empty. Names are unique.
	Name string `yaml:"name"`
	// Kind is the transport; KindTCP when empty.
	Kind Kind `yaml:"kind"`
	// Address is host:port. Port 0 takes a free one, an empty host every address of the machine, IPv4 and IPv6. Of a unix
	// listener it is the absolute path of the socket.
	Address string `yaml:"address"`
	// Versions lists the accepted protocol levels: 3 (MQTT 3.1), 4 (3.1.1), 5 (5.0); all of them when empty.
	Versions []int `yaml:"versions"`
	// Mountpoint is a prefix before every topic of the listener's clients, which never see it.
	Mountpoint string `yaml:"mountpoint"`
	// Auth overrides Config.Auth.Anonymous for this listener when not empty.
	Auth Anonymous `yaml:"auth"`

	// MaxConnections is how many clients the listener holds at a time; 0 does not limit it. One more is closed.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionRate is how many connections are taken a second; 0 does not limit it. The others wait in the backlog.
	MaxConnectionRate int `yaml:"max_connection_rate"`
	// MaxConnecting and MaxConnectingPerAddress override Limits' when not 0.
	MaxConnecting           int `yaml:"max_connecting"`
	MaxConnectingPerAddress int `yaml:"max_connecting_per_address"`
	// Proxy lists the networks (10.0.0.0/8) whose connections begin with a PROXY protocol header, version 1 or 2; a plain
	// address is a network of one, "unix" the peers of a unix socket. Others are taken as they are.
	Proxy []string `yaml:"proxy"`

	// Nagle lets the kernel wait for more to send; off by default, since it delays small packets.
	Nagle bool `yaml:"nagle"`
	// TCPKeepAlive is the idle time after which the kernel probes a silent peer; 0 leaves that to MQTT's keep alive.
	TCPKeepAlive time.Duration `yaml:"tcp_keep_alive"`
	// TCPUserTimeout is how long sent bytes may stay unacknowledged before the kernel ends the connection; 0 is the
	// kernel's own time, about a quarter of an hour.
	TCPUserTimeout time.Duration `yaml:"tcp_user_timeout"`
	// Mode is the permission of a unix socket, in octal; 0660 when empty.
	Mode string `yaml:"mode"`

	// Cert and Key are PEM files, pairwise, for tls and wss; a client that names a server by SNI gets the certificate that
	// fits, any other the first.
	Cert []string `yaml:"cert"`
	Key  []string `yaml:"key"`
	// OCSP are files with DER responses that are stapled, pairwise with Cert.
	OCSP []string `yaml:"ocsp"`
	// CA is the PEM file of the authorities that sign client certificates, CRL one with their revocation lists.
	CA  string `yaml:"ca"`
	CRL string `yaml:"crl"`
	// ClientAuth says whether clients present a certificate: none, optional or require; require when there is a CA and
	// this is empty. It may not be none with a CA, which would seem to be checked then.
	ClientAuth ClientAuth `yaml:"client_auth"`
	// MinTLS overrides TLS.MinVersion when not empty.
	MinTLS TLSVersion `yaml:"min_tls"`
	// RequireALPN refuses clients that offer no application protocol; those that offer others than "mqtt" ("http/1.1" to a
	// wss listener) are refused in any case.
	RequireALPN bool `yaml:"require_alpn"`

	// Path is that of WebSocket requests; DefaultPath when empty.
	Path string `yaml:"path"`
	// Origins lists the web origins (https://example.org) whose pages may connect; * is every one. When empty, a listener
	// that lets anonymous clients in accepts pages of this machine and of its own host only, any other accepts all.
	Origins []string `yaml:"origins"`
}

// Kind is the transport of a listener and the scheme of its URL.
type Kind string

// The kinds of listener.
const (
	KindTCP  Kind = "tcp"
	KindTLS  Kind = "tls"
	KindWS   Kind = "ws"
	KindWSS  Kind = "wss"
	KindUnix Kind = "unix"
)

// DefaultPath is where WebSocket requests go that were told nothing.
const DefaultPath = "/mqtt"

// ClientAuth says whether clients present certificates.
type ClientAuth string

// The choices of client certificates.
const (
	ClientAuthNone     ClientAuth = "none"
	ClientAuthOptional ClientAuth = "optional"
	ClientAuthRequire  ClientAuth = "require"
)

// TLSVersion is a version of TLS.
type TLSVersion string

// The versions of TLS.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

// Auth says who may connect without credentials, and how long an answer may take.
type Auth struct {
	Anonymous Anonymous `yaml:"anonymous"`
	// Timeout ends an authentication that has no answer by then: the client is refused.
	Timeout time.Duration `yaml:"timeout"`
}

// Anonymous is the policy for clients without credentials.
type Anonymous string

// The policies for clients without credentials.
const (
	// AnonymousLoopback lets them in where listener and peer are both on a loopback address.
	AnonymousLoopback Anonymous = "loopback"
	AnonymousAlways   Anonymous = "always"
	AnonymousNever    Anonymous = "never"
)

// Limits is what one client may ask of the broker. What a CONNACK announces is both announced and enforced.
type Limits struct {
	// MaximumPacketSize is the largest whole packet a client may send; 0 leaves the protocol's own limit.
	MaximumPacketSize Size `yaml:"maximum_packet_size"`
	// ReceiveMaximum is how many QoS 1 and 2 PUBLISHes of a client may be unacknowledged at a time.
	ReceiveMaximum int `yaml:"receive_maximum"`
	// TopicAliasMaximum is how many topic aliases a client may set; 0 allows none.
	TopicAliasMaximum int `yaml:"topic_alias_maximum"`
	// MaximumQoS is the highest QoS of a client's PUBLISH and of what a subscription is granted.
	MaximumQoS int `yaml:"maximum_qos"`

	WildcardSubscriptions   bool `yaml:"wildcard_subscriptions"`
	SharedSubscriptions     bool `yaml:"shared_subscriptions"`
	SubscriptionIdentifiers bool `yaml:"subscription_identifiers"`

	// ServerKeepAlive replaces the keep alive a client asked for, in whole seconds; 0 leaves the client's.
	ServerKeepAlive time.Duration `yaml:"server_keep_alive"`
	// ConnectTimeout is how long a connection may take from its beginning to the answer to its CONNECT, handshakes included.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`

	// MaxInflight is how many QoS 1 and 2 PUBLISHes to one client may be unacknowledged at a time, however many more
	// the client's Receive Maximum allows.
	MaxInflight int `yaml:"max_inflight"`
	// MaxOutboundBytes is what may wait to be written to one connection. QoS 0 messages beyond it are dropped and counted.
	MaxOutboundBytes Size `yaml:"max_outbound_bytes"`
	// OutboundTopicAliases is how many topic aliases the broker sets towards a client that allows them.
	OutboundTopicAliases int `yaml:"outbound_topic_aliases"`
	// MaxPendingBytes is what is kept of a connection's bytes while its CONNECT is being decided.
	MaxPendingBytes Size `yaml:"max_pending_bytes"`

	// MaxConnectSize is the largest CONNECT; 0 leaves MaximumPacketSize.
	MaxConnectSize Size `yaml:"max_connect_size"`
	// MaxConnecting is how many connections of a listener may be there without an answer to their CONNECT; 0 does not limit
	// it. Others wait in the backlog.
	MaxConnecting int `yaml:"max_connecting"`
	// MaxConnectingPerAddress is how many of them may be of one source address (IPv6: of one /64); one more is closed.
	MaxConnectingPerAddress int `yaml:"max_connecting_per_address"`
	// MaxConnectingBytes is how many bytes may be kept of them together, a quarter of it of one source address; 0 does not
	// limit it. A connection that sends more is closed.
	MaxConnectingBytes Size `yaml:"max_connecting_bytes"`

	// MaxTopicLevels is how many levels a topic name or filter may have.
	MaxTopicLevels int `yaml:"max_topic_levels"`
	// MaxClientIDLength is the longest client identifier, in bytes.
	MaxClientIDLength int `yaml:"max_client_id_length"`
	// MaxSubscriptionsPerClient bounds the subscriptions of one session; 0 does not.
	MaxSubscriptionsPerClient int `yaml:"max_subscriptions_per_client"`
	// ValidatePayloadFormat refuses a PUBLISH or a will that says its payload is UTF-8 when it is not.
	ValidatePayloadFormat bool `yaml:"validate_payload_format"`

	// ResponseInformation is the topic prefix offered to a client that asks for Response Information; empty offers none.
	ResponseInformation string `yaml:"response_information"`
	// ServerReference names another server to clients that are sent away; empty names none.
	ServerReference string `yaml:"server_reference"`
}

// Session bounds what is kept for a client that is away.
type Session struct {
	// MaxExpiry is the longest Session Expiry Interval granted, in whole seconds; 0 is no ceiling.
	MaxExpiry time.Duration `yaml:"max_expiry"`
	// ExpiryV3 is how long a 3.x session with Clean Session 0 is kept after its connection; 0 keeps it for ever.
	ExpiryV3 time.Duration `yaml:"expiry_v3"`
	// MaxQueuedMessages and MaxQueuedBytes bound one session's queue.
	MaxQueuedMessages int  `yaml:"max_queued_messages"`
	MaxQueuedBytes    Size `yaml:"max_queued_bytes"`
	// MaxTotalQueuedMessages and MaxTotalQueuedBytes bound the queues of all sessions together; 0 does not. A message
	// counts for each session that it waits for.
	MaxTotalQueuedMessages int  `yaml:"max_total_queued_messages"`
	MaxTotalQueuedBytes    Size `yaml:"max_total_queued_bytes"`
	// QueuePolicy says what gives way when a queue, or all together, are full.
	QueuePolicy QueuePolicy `yaml:"queue_policy"`
	// QueueQoS0 keeps QoS 0 messages for clients that are away too.
	QueueQoS0 bool `yaml:"queue_qos0"`
	// MaxOfflineSessions bounds the sessions without a connection; 0 does not. Beyond it those end that were without one for
	// longest.
	MaxOfflineSessions int `yaml:"max_offline_sessions"`
	// MaxOfflineAge ends a session that was without a connection for so long, whatever its expiry; 0 ends none.
	MaxOfflineAge time.Duration `yaml:"max_offline_age"`
	// SharedSubscriptionStrategy says which member of a shared subscription gets a message.
	SharedSubscriptionStrategy Strategy `yaml:"shared_subscription_strategy"`
}

// QueuePolicy is what gives way in a full queue.
type QueuePolicy string

// The queue policies.
const (
	DropOldest QueuePolicy = "drop_oldest"
	DropNewest QueuePolicy = "drop_newest"
	// Refuse answers the publisher of a QoS 1 or 2 message with 0x97, or closes its connection where the version has no
	// answer, so that nothing that was acknowledged is dropped.
	Refuse QueuePolicy = "refuse"
)

// Strategy is how a member of a shared subscription is chosen.
type Strategy string

// The strategies of shared subscriptions.
const (
	StrategyRoundRobin Strategy = "round_robin"
	StrategyRandom     Strategy = "random"
	// StrategySticky stays with one member for as long as that one is there.
	StrategySticky Strategy = "sticky"
	// StrategyHashClient chooses by the publisher's client identifier, StrategyHashTopic by the topic name.
	StrategyHashClient Strategy = "hash_client"
	StrategyHashTopic  Strategy = "hash_topic"
	// StrategyLocalFirst prefers members on the publisher's own event loop.
	StrategyLocalFirst Strategy = "local_first"
)

// Retain is about retained messages.
type Retain struct {
	// Available says whether clients may publish retained messages at all.
	Available bool `yaml:"available"`
	// MaxMessages bounds how many are kept; 0 does not.
	MaxMessages int `yaml:"max_messages"`
	// MaxBytes bounds their topics and contents; 0 does not.
	MaxBytes Size `yaml:"max_bytes"`
}

// Store says where state outlives the process, and how surely.
type Store struct {
	// Path is the data directory, made if it is not there; empty keeps the state in memory.
	Path string `yaml:"path"`
	// Sync says when what is acknowledged is on the disk.
	Sync Sync `yaml:"sync"`
	// Interval is the time between two syncs where Sync is interval: so much may be lost in a power cut.
	Interval time.Duration `yaml:"interval"`
	// Gather is how long a commit waits for more to go with it, for SD cards and eMMC, whose every sync is dear; 0 begins
	// with no wait and goes by the load.
	Gather time.Duration `yaml:"gather"`
	// SegmentSize is the size of the log's files; 0 goes by the file system.
	SegmentSize Size `yaml:"segment_size"`
	// Quota bounds the data directory; 0: by the file system alone. Above HighWater percent of it what would have to be
	// stored is refused, until it is below LowWater percent.
	Quota     Size `yaml:"quota"`
	HighWater int  `yaml:"high_water"`
	LowWater  int  `yaml:"low_water"`
	// Strict refuses to start on damaged data; without it, what can be read is loaded and the damaged file set aside.
	Strict bool `yaml:"strict"`
}

// Sync is when what is acknowledged is on the disk.
type Sync string

// The choices of Sync.
const (
	// SyncAlways acknowledges what is on the disk.
	SyncAlways Sync = "always"
	// SyncInterval acknowledges what the kernel has, and syncs every Store.Interval.
	SyncInterval Sync = "interval"
	// SyncNone acknowledges what the kernel has, and leaves the disk to it.
	SyncNone Sync = "none"
)

// Log is about the broker's own log.
type Log struct {
	// Level is the least important level written: debug, info, warn or error.
	Level LogLevel `yaml:"level"`
	// Format is text or json.
	Format LogFormat `yaml:"format"`
}

// LogLevel is a level of the log.
type LogLevel string

// The levels of the log.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// LogFormat is how a line of the log is written.
type LogFormat string

// The formats of the log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Sys is about the $SYS topics.
type Sys struct {
	// Interval is how often they are published; 0 turns them off.
	Interval time.Duration `yaml:"interval"`
}
