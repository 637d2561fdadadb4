package main

import "fmt"

// keeper keeps the records of a broker's queues. A commit returns when it is on the disk.
type keeper interface {
	// begin makes the sessions 1 to n.
	begin(n int) error
	// commit takes in new messages and lets go of those that were acknowledged, all or nothing.
	commit(in, over []message) error
	// close ends it; after a kill it has not been called.
	close() error
}

// message is one that waits for one session, as most do. It lives until commit returns.
type message struct {
	id, session, seq uint64
	topic, payload   []byte
}

// opener opens what lies in a folder, empty at first, and visits every message that it finds.
type opener func(dir string, visit func(m *message)) (keeper, error)

// The libraries stand on their own defaults but for a few that README.md names, and are given the mapping that is kindest to
// them: a key a delivery with the message in it. A fan-out would cost them a key more for each receiver.
var openers = map[string]opener{"seglog": openSeglog, "pebble": openPebble, "bbolt": openBbolt}

// names are the keepers, in the order they are shown in.
var names = []string{"seglog", "pebble", "bbolt"}

func open(name, dir string, visit func(*message)) (keeper, error) {
	o := openers[name]
	if o == nil {
		return nil, fmt.Errorf("there is no keeper %q; there are %v", name, names)
	}
	k, err := o(dir, visit)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return k, nil
}
