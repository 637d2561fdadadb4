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
	Auth      Auth       `yaml:"auth"`
	Limits    Limits     `yaml:"limits"`
	Session   Session    `yaml:"session"`
	Retain    Retain     `yaml:"retain"`
	Store     Store      `yaml:"store"`
	Log       Log        `yaml:"log"`
	Sys       Sys        `yaml:"sys"`
}

// Listener is one address on which clients are taken in.
type Listener struct {
	// Name stands for the listener in logs and topics; the listener's URL when empty. Names are unique.
	Name string `yaml:"name"`
	// Kind is the transport; KindTCP when empty.
	Kind Kind `yaml:"kind"`
	// Address is host:port. Port 0 takes a free one, an empty host every address of the machine.
	Address string `yaml:"address"`
	// Versions lists the accepted protocol levels: 3 (MQTT 3.1), 4 (3.1.1), 5 (5.0); all of them when empty.
	Versions []int `yaml:"versions"`
	// MaxConnections is how many clients the listener holds at a time; 0 does not limit it.
	MaxConnections int `yaml:"max_connections"`
	// Mountpoint is a prefix before every topic of the listener's clients, which never see it.
	Mountpoint string `yaml:"mountpoint"`
	// Auth overrides Config.Auth.Anonymous for this listener when not empty.
	Auth Anonymous `yaml:"auth"`
}

// Kind is the transport of a listener and the scheme of its URL.
type Kind string

// The kinds of listener.
const KindTCP Kind = "tcp"

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
	// ConnectTimeout is how long a connection may take to send its CONNECT.
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
	// QueuePolicy says what gives way when the queue is full.
	QueuePolicy QueuePolicy `yaml:"queue_policy"`
	// QueueQoS0 keeps QoS 0 messages for clients that are away too.
	QueueQoS0 bool `yaml:"queue_qos0"`
	// SharedSubscriptionStrategy says which member of a shared subscription gets a message.
	SharedSubscriptionStrategy Strategy `yaml:"shared_subscription_strategy"`
}

// QueuePolicy is what gives way in a full queue.
type QueuePolicy string

// The queue policies.
const (
	DropOldest QueuePolicy = "drop_oldest"
	DropNewest QueuePolicy = "drop_newest"
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
}

// Store says where state outlives the process.
type Store struct {
	// Path is the data directory. It must be empty in this version, which keeps its state in memory.
	Path string `yaml:"path"`
}

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
