package main

import (
	"io"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

type ctlStore struct{}

// Run prints where the broker keeps its state, how that does and what its last start has found.
func (*ctlStore) Run(ctl *CtlCmd, out io.Writer) error {
	var s admin.Store
	if done, err := ctl.ask("GET", api+"store", nil, out, &s); done || err != nil {
		return err
	}
	return s.Text(out)
}

// storeLine is the store at a glance.
func storeLine(state string) string {
	switch state {
	case admin.InMemory:
		return "none: state is kept in memory and ends with the process"
	case admin.Opening:
		return "opening: what it holds is being read"
	case "slow":
		return "slow: publishers are slowed down"
	case "full":
		return "full: what would have to be stored is refused; ctl store says more"
	case "failed":
		return "FAILED: nothing is stored any more; ctl store says why"
	}
	return shown(state)
}
