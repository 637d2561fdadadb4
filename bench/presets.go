package bench

import (
	"slices"
	"time"
)

// Preset is a scenario with the numbers of a published benchmark. Config.Scale makes its clients and rates fewer, or more.
type Preset struct {
	Name    string
	Summary string // one line for the help
	Config  Config // unscaled; Scenario says which it is
}

// Presets lists the Open MQTT Benchmark's: 16 bytes, QoS 1, a keep alive of 300 s.
func Presets() []Preset {
	common := func(c Config) Config {
		c.Payload, c.QoS, c.KeepAlive = MinPayload, 1, 300*time.Second
		return c
	}
	return []Preset{
		{"conn-tcp-1M-5K", "1,000,000 connections at 5,000 a second, then held", common(Config{
			Scenario: "idle", Clients: 1_000_000, ConnectRate: 5000,
		})},
		{"fanout-5-1000-5-250K", "5 publishers on 5 topics, each to 1,000 subscribers: 250,000 deliveries a second", common(Config{
			Scenario: "fanout", Publishers: 5, Topics: 5, Subscribers: 1000, Rate: 250,
		})},
		{"p2p-50K-50K-50K-50K", "50,000 publishers to 50,000 subscribers on 50,000 topics at 50,000 messages a second", common(Config{
			Scenario: "p2p", Publishers: 50_000, Rate: 50_000, ConnectRate: 5000,
		})},
		{"sharedsub-50K-500-50K-50K", "50,000 publishers on 50,000 topics to 500 sharing consumers at 50,000 messages a second", common(Config{
			Scenario: "shared", Publishers: 50_000, Subscribers: 500, Topics: 50_000, Rate: 50_000, ConnectRate: 5000,
		})},
	}
}

func presetNamed(name string) (Preset, bool) {
	all := Presets()
	if i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name }); i >= 0 {
		return all[i], true
	}
	return Preset{}, false
}

// scaled is the preset's Config with its clients and rates taken times scale.
func (p Preset) scaled(scale float64) Config {
	c := p.Config
	for _, n := range []*int{&c.Publishers, &c.Subscribers, &c.Clients, &c.Topics} {
		if *n > 0 {
			*n = max(1, int(float64(*n)*scale+0.5))
		}
	}
	c.Rate *= scale
	c.ConnectRate *= scale
	return c
}
