package bench

import "time"

// Report is what a run saw. It stands for the counted time only, but for Faults, which are of the whole run.
type Report struct {
	Config  Config        `json:"config"` // resolved: with the defaults that held
	Env     Env           `json:"environment"`
	Started time.Time     `json:"started"`
	Elapsed time.Duration `json:"elapsed"` // counted time

	Sent      uint64  `json:"sent"`
	Delivered uint64  `json:"delivered"`
	SendRate  float64 `json:"sendRate"`     // messages a second
	Rate      float64 `json:"deliveryRate"` // deliveries a second

	// Over the whole run, from warm-up to drain.
	TotalSent      uint64 `json:"totalSent"`
	TotalDelivered uint64 `json:"totalDelivered"`
	Redelivered    uint64 `json:"redelivered,omitempty"` // duplicates that QoS 1 allows: with DUP, or after a lost connection

	Latency   *Percentiles `json:"latency,omitempty"`   // send to delivery; open loop: intended send to delivery
	Ack       *Percentiles `json:"ack,omitempty"`       // PUBLISH (intended, in an open loop) to PUBACK or PUBREC
	Connect   *Percentiles `json:"connect,omitempty"`   // CONNECT to CONNACK
	Subscribe *Percentiles `json:"subscribe,omitempty"` // SUBSCRIBE to SUBACK

	Transport  string      `json:"transport,omitempty"`  // what the first TLS handshake has agreed on, and whether there is WebSocket
	Handshakes *Handshakes `json:"handshakes,omitempty"` // over the whole run

	Faults  Faults   `json:"faults"`
	Broker  *Process `json:"broker,omitempty"` // with Config.PID
	Load    Load     `json:"load"`
	Figures []Figure `json:"figures,omitempty"` // what only this scenario measures
	Series  []Sample `json:"series,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what a reader has to know, such as that the generator was the limit
}

// Failed reports whether the broker, or the run, did what no broker may.
func (r *Report) Failed() bool { return r.Faults.Any() }

// Faults are counted apart, over the whole run. Any of them fails it.
type Faults struct {
	Lost       uint64   `json:"lost"`       // at QoS 0 only where nothing allows the loss: within a window, or when the scenario says so
	Duplicates uint64   `json:"duplicates"` // at QoS 1 only those without DUP on a connection that was never lost
	Reordered  uint64   `json:"reordered"`
	Corrupted  uint64   `json:"corrupted"`         // checksum, length, topic or QoS is not what was sent
	Unasked    uint64   `json:"unasked"`           // a message to who did not subscribe to it
	Refused    uint64   `json:"refused"`           // CONNACK, SUBACK, PUBACK or PUBREC with an error
	Dropped    uint64   `json:"dropped"`           // connections that the broker ended
	Protocol   uint64   `json:"protocol"`          // packets that no broker may send
	Stalled    uint64   `json:"stalled"`           // what had not come when the drain was over (at QoS 0 it counts as lost, too)
	Samples    []string `json:"samples,omitempty"` // the first few, in words
}

// Any reports whether there is one.
func (f *Faults) Any() bool {
	return f.Lost+f.Duplicates+f.Reordered+f.Corrupted+f.Unasked+f.Refused+f.Dropped+f.Protocol+f.Stalled > 0
}

// Percentiles of a duration.
type Percentiles struct {
	Count uint64        `json:"count"`
	Mean  time.Duration `json:"mean"`
	Min   time.Duration `json:"min"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	P9999 time.Duration `json:"p9999"`
	Max   time.Duration `json:"max"`
}

// Process is what the broker's process used during the counted time.
type Process struct {
	CPU            time.Duration `json:"cpu"`                      // sum over its threads' schedstat
	Cores          float64       `json:"cores"`                    // CPU / Elapsed
	CPUPerDelivery float64       `json:"cpuPerDelivery,omitempty"` // µs
	RSSBefore      uint64        `json:"rssBefore"`                // bytes, before the first connection of the run
	RSS            uint64        `json:"rss"`                      // bytes, at the end of the counted time
	RSSPeak        uint64        `json:"rssPeak"`                  // highest sample
	Threads        int           `json:"threads"`
	Reads          uint64        `json:"reads,omitempty"` // system calls, /proc/PID/io
	Writes         uint64        `json:"writes,omitempty"`
	WritesPerDeliv float64       `json:"writesPerDelivery,omitempty"`
	Disk           uint64        `json:"disk,omitempty"` // bytes that it caused to be written to disks
}

// Load is what the generator itself used, and whether it was the limit.
type Load struct {
	CPU   time.Duration `json:"cpu"`
	Cores float64       `json:"cores"`
	Busy  float64       `json:"busy"`           // share of its loops' time that they worked: Cores / Config.Threads
	Limit bool          `json:"limit"`          // the generator's loops were busy all the time: the broker may be faster than this says
	Late  *Percentiles  `json:"late,omitempty"` // open loop: intended to actual send
}

// Env is where the run took place.
type Env struct {
	Host    string  `json:"-"`
	CPU     string  `json:"cpu"` // model
	Cores   int     `json:"cores"`
	Memory  uint64  `json:"memory"` // bytes
	Kernel  string  `json:"kernel"`
	OS      string  `json:"os"`
	Go      string  `json:"go"`
	GOGC    string  `json:"gogc"`    // the generator's; a broker's is its own
	Version string  `json:"version"` // of Penstock's bench
	Others  float64 `json:"others"`  // share of the machine's CPU used by neither broker nor generator, 0–1
	Broker  string  `json:"broker"`  // what the broker says of itself by $SYS/broker/version, when it says anything
}

// Figure is one number of a scenario's own. Its name is in words, such as "offline drain".
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Less  bool    `json:"lessIsBetter,omitempty"`
}
