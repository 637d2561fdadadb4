package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// filled makes a store with a session that waits for so many messages, each in a commit of its own, and closes it.
func filled(t *testing.T, messages int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	g := seglog.New(seglog.Options{Dir: dir, Sync: seglog.SyncNone, SegmentSize: 64 << 10})
	if err := g.Recover(context.Background(), func(*store.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	commit := func(fill func(b *store.Batch)) {
		t.Helper()
		b, done := &store.Batch{}, make(chan error, 1)
		if fill(b); !g.Append(b, func(err error) { done <- err }) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	commit(func(b *store.Batch) {
		b.Session(&store.Session{ID: 1, ClientID: []byte("away"), Version: mqtt.V5, Expiry: 3600})
		b.Subscribe(1, &store.Subscription{Filter: []byte("t/#"), Options: 1})
	})
	for i := range messages {
		commit(func(b *store.Batch) {
			b.Message(&store.Message{ID: uint64(i + 2), Topic: []byte("t/x"), Payload: []byte(strings.Repeat("y", 1000)), QoS: 1})
			b.Enqueue(uint64(i+2), []store.Delivery{{Session: 1, Seq: uint64(i + 1), QoS: 1}})
		})
	}
	if err := g.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// scratch damages the first segment.
func scratch(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "00000001.seg"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("scratch"), 20000); err != nil {
		t.Fatal(err)
	}
}

// inStore runs a command and checks how it ends; said is on stdout, or with an exit code on stderr, in one line.
func inStore(t *testing.T, code int, said string, args ...string) (stdout string) {
	t.Helper()
	got, stdout, stderr := runArgs(append([]string{"store"}, args...)...)
	text := stdout
	if code != exitOK {
		text = stderr
	}
	if got != code || !strings.Contains(text, said) || code != exitOK && strings.Count(stderr, "\n") != 1 || code == exitOK && stderr != "" {
		t.Errorf("store %q: exit %d, stdout %q, stderr %q, want exit %d and %q", args, got, stdout, stderr, code, said)
	}
	return stdout
}

func TestAStoreIsLookedIntoOffline(t *testing.T) {
	dir := filled(t, 150)
	inStore(t, exitOK, "1 session with 1 subscription, 150 messages for 150 deliveries, 0 retained messages", "status", dir)
	inStore(t, exitOK, "state  closed\n", "status", dir)
	inStore(t, exitOK, "00000002", "check", dir)
	dump := inStore(t, exitOK, `MSG message=2 topic="t/x" qos=1 payload_bytes=1000 payload="`+strings.Repeat("y", shownBytes)+"\"\n", "dump", dir)
	if n := strings.Count(dump, "\n"); n != 302 {
		t.Errorf("the dump has %d lines, want one for each of 302 records", n)
	}
	full := inStore(t, exitOK, strings.Repeat("y", 1000), "dump", "--full", "--json", "--live", dir)
	for line := range strings.Lines(full) {
		var r struct {
			Segment, LSN uint64
			Kind         string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Segment == 0 || r.LSN == 0 || r.Kind == "" {
			t.Fatalf("%v: %+v of %s", err, r, line)
		}
	}
	for _, command := range []string{"status", "check", "repair", "compact"} {
		var v map[string]any
		if err := json.Unmarshal([]byte(inStore(t, exitOK, "{", command, "--json", dir)), &v); err != nil {
			t.Errorf("%s --json: %v", command, err)
		}
	}
	inStore(t, exitOK, "before, ", "compact", dir)
}

func TestADamagedStoreIsTold(t *testing.T) {
	dir := filled(t, 150)
	scratch(t, dir)
	for _, command := range []string{"status", "check"} {
		inStore(t, exitFailed, dir+" is damaged: 1 part cannot be read; a start of the broker, or penstock store repair", command, dir)
		var r storeReport
		out := inStore(t, exitFailed, "is damaged", command, "--json", dir)
		if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Damage) != 1 || r.Damage[0].Segment != 1 || r.Messages != 149 {
			t.Errorf("%s --json: %v in %s", command, err, out)
		}
	}
	inStore(t, exitOK, "", "dump", dir)
	inStore(t, exitOK, "00000001", "repair", dir)
	text := inStore(t, exitOK, "DAMAGE FOUND", "status", dir)
	for _, want := range []string{"quarantine", "149 messages", "may be there again"} {
		if !strings.Contains(text, want) {
			t.Errorf("after the repair the status lacks %q:\n%s", want, text)
		}
	}
	if damaged, err := filepath.Glob(filepath.Join(dir, "quarantine", "00000001-*.seg")); err != nil || len(damaged) != 1 {
		t.Errorf("set aside: got %q, %v, want the first segment", damaged, err)
	}
}

func TestWhereNoStoreIsNoneIsMade(t *testing.T) {
	empty, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing")
	for _, command := range []string{"status", "check", "dump", "repair", "compact"} {
		inStore(t, exitFailed, "penstock: there is no store in "+empty, command, empty)
		inStore(t, exitFailed, missing, command, missing)
		inStore(t, exitUsage, `penstock: expected "<dir>"`, command)
	}
	if names, err := os.ReadDir(empty); err != nil || len(names) != 0 {
		t.Errorf("the empty directory holds %v, %v", names, err)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("the missing directory: got %v, want that it is still missing", err)
	}
}
