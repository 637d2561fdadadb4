package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func streamOf(t testing.TB, payloads ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewStreamWriter(&buf)
	w.Batch.Meta([]byte("k"), []byte("v"))
	for i, p := range payloads {
		w.Batch.Retain(&Message{Topic: fmt.Appendf(nil, "t/%d", i), Payload: []byte(p)})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func read(b []byte) (payloads []string, err error) {
	err = ReadStream(bytes.NewReader(b), func(r *Record) error {
		if r.Kind == RET {
			payloads = append(payloads, string(r.Message.Payload))
		}
		return nil
	})
	return payloads, err
}

func TestStreamComesBackAsItWasWritten(t *testing.T) {
	want := []string{"a", strings.Repeat("b", maxFrame), "", strings.Repeat("c", 3*maxFrame), "d"}
	got, err := read(streamOf(t, want...))
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d records, error %v; want %d", len(got), err, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("record %d has %d bytes, want %d", i, len(got[i]), len(want[i]))
		}
	}
	if got, err := read(streamOf(t)); err != nil || got != nil {
		t.Errorf("a stream of a note alone gives %q, %v", got, err)
	}
}

func TestStreamThatWasCutIsRefused(t *testing.T) {
	whole := streamOf(t, "one", "two", "three")
	for n := range whole {
		if _, err := read(whole[:n]); !errors.Is(err, ErrBroken) {
			t.Errorf("cut to %d of %d bytes: got error %v, want %v", n, len(whole), err, ErrBroken)
		}
	}
}

func TestStreamWithAChangedByteIsRefused(t *testing.T) {
	whole := streamOf(t, "one", "two", "three")
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x10
		if _, err := read(changed); err == nil {
			t.Errorf("byte %d of %d changed: no error", i, len(whole))
		}
	}
}

func TestStreamOfANewerVersionSaysSo(t *testing.T) {
	newer := streamOf(t, "x")
	newer[8]++
	if _, err := read(newer); !errors.Is(err, ErrNewer) {
		t.Errorf("got error %v, want %v", err, ErrNewer)
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add(streamOf(f, "one", "two"))
	f.Add([]byte(streamMagic))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = read(b) })
}
