package seglog_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

const patience = 20 * time.Second

// small makes segments roll and be reclaimed after a few commits.
const small = 16 << 10

// logger writes to the test's log.
func logger(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// state is what a store recovers, in an order of no meaning: two equal states are equal.
func state(t *testing.T, s store.Store) (lines []string) {
	t.Helper()
	var b store.Batch
	err := s.Recover(context.Background(), func(r *store.Record) error {
		b.Reset()
		b.Record(r)
		lines = append(lines, string(b.Bytes()))
		return nil
	})
	if err != nil {
		t.Fatalf("Recover: got %v, want nil", err)
	}
	slices.Sort(lines)
	return lines
}

// recovered opens a log whose state is of no interest.
func recovered(t *testing.T, o seglog.Options) *seglog.Log {
	t.Helper()
	g := seglog.New(o)
	if err := g.Recover(t.Context(), func(*store.Record) error { return nil }); err != nil {
		t.Fatalf("Recover: got %v, want nil", err)
	}
	return g
}

func shut(t *testing.T, g *seglog.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		t.Fatalf("Close: got %v, want nil", err)
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

// appended appends a batch; its answer comes through the channel.
func appended(g *seglog.Log, b *store.Batch) chan error {
	done := make(chan error, 2)
	if g.Append(b, func(err error) { done <- err }) {
		done <- nil
	}
	return done
}

// answer waits for one.
func answer(t *testing.T, done chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("a batch is not answered after %v", patience)
		return nil
	}
}

// commit appends what fill writes and waits for it.
func commit(t *testing.T, g *seglog.Log, fill func(*store.Batch)) {
	t.Helper()
	var b store.Batch
	fill(&b)
	if err := answer(t, appended(g, &b)); err != nil {
		t.Fatalf("commit: got %v, want nil", err)
	}
}
