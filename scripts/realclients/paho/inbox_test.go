// Package paho tests Eclipse Paho's Go clients against penstock: paho.mqtt.golang for 3.1 and 3.1.1, paho.golang for 5.0.
package paho

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// received is a message as a test sees it, whichever client brought it.
type received struct {
	Topic, Payload string
	QoS            byte
	Retain, Dup    bool
}

// inbox collects what a client receives.
type inbox struct {
	mu   sync.Mutex
	got  []received
	news chan struct{}
}

func newInbox() *inbox { return &inbox{news: make(chan struct{}, 1)} }

func (i *inbox) put(m received) {
	i.mu.Lock()
	i.got = append(i.got, m)
	i.mu.Unlock()
	select {
	case i.news <- struct{}{}:
	default:
	}
}

func (i *inbox) all() []received {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

// take waits for n messages and takes out all that came.
func (i *inbox) take(t *testing.T, n int) []received {
	t.Helper()
	deadline := time.After(rig.Patience)
	for {
		i.mu.Lock()
		if len(i.got) >= n {
			got := i.got
			i.got = nil
			i.mu.Unlock()
			return got
		}
		i.mu.Unlock()
		select {
		case <-i.news:
		case <-deadline:
			t.Fatalf("got %d messages within %v, want %d: %.2000s", len(i.all()), rig.Patience, n, fmt.Sprintf("%+v", i.all()))
		}
	}
}

// payloads waits for n messages and returns their payloads.
func (i *inbox) payloads(t *testing.T, n int) []string {
	t.Helper()
	var p []string
	for _, m := range i.take(t, n) {
		p = append(p, m.Payload)
	}
	return p
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %d: %.2000s\nwant %d: %.2000s", what, len(got), strings.Join(got, " | "), len(want), strings.Join(want, " | "))
	}
}

// numbered are n distinct payloads.
func numbered(what string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s %d", what, i)
	}
	return all
}

// await waits for something that a channel tells.
func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(rig.Patience):
		t.Fatalf("waited %v for %s", rig.Patience, what)
	}
	return v
}

func topic(t *testing.T) string { return strings.ReplaceAll(t.Name(), "#", "") }
