package bench

import "slices"

// scenarios holds all of them, in the order they are shown in.
func scenarios() []Scenario {
	return []Scenario{
		p2p, fanin, fanout, shared, openloop, wildcard, slowConsumer, mixed,
		connect, idle, retained, retain, offline, startup, reconnectStorm, willStorm, handshakeStorm, figures,
	}
}

// Scenarios lists what Config.Scenario may name, beside the names of Presets.
func Scenarios() []Scenario { return scenarios() }

func scenarioNamed(name string) (Scenario, bool) {
	all := scenarios()
	if i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name }); i >= 0 {
		return all[i], true
	}
	return Scenario{}, false
}
