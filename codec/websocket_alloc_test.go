//go:build !race

package codec

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// A million connections have one each; what only the upgrade needs is not in it.
func TestWebSocketIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(WebSocket{}); size > 96 {
		t.Fatalf("a WebSocket has %d bytes", size)
	}
}

// What a connection holds before its client is known is bounded by what Pending says: so it must not say too little, above
// all of a header with very many short lines.
func TestPendingCoversTheRequest(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"short lines": func(i int) string { return fmt.Sprintf("%x:", i) },
		"one name":    func(int) string { return "x:" },
		"a long one":  func(int) string { return "x: " + strings.Repeat("y", 7000) },
	} {
		var lines []string
		for i := 0; i < 1200 && len(strings.Join(lines, "..")) < 6000; i++ {
			lines = append(lines, line(i))
		}
		in := request("GET /mqtt HTTP/1.1", nil, lines...)
		u := testUpgrade
		u.MaxHeader = len(in)
		all := make([]*WebSocket, 100)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range all {
			all[i] = NewWebSocket(&u)
			var answers []byte
			if _, err := all[i].Feed([]byte(in), &answers, nil); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got, said := int(after.HeapAlloc-before.HeapAlloc)/len(all), all[0].Pending(); said < got*3/4 {
			t.Errorf("%s: %d lines take %d bytes, Pending says %d", name, len(lines), got, said)
		}
		runtime.KeepAlive(all)
	}
}

// count is a Sink that only counts.
type count int

func (c *count) Bytes(p []byte) bool { *c += count(len(p)); return true }

func TestFramesAllocateNothing(t *testing.T) {
	client, server := openClient(), openServer()
	wire, answers := make([]byte, 0, 1<<18), make([]byte, 0, 4096)
	var sunk count
	for _, n := range []int{1, 64, 125, 126, 16 << 10, 65535, 65536} {
		p := make([]byte, n)
		for name, way := range map[string][2]*WebSocket{"client to server": {client, server}, "server to client": {server, client}} {
			for _, piece := range []int{1 << 20, 1000, 7} {
				got := testing.AllocsPerRun(20, func() {
					wire, answers = way[0].Ping(way[0].Seal(wire[:0], p)), answers[:0]
					for b := wire; len(b) > 0; {
						k := min(piece, len(b))
						if _, err := way[1].Feed(b[:k], &answers, &sunk); err != nil {
							t.Fatal(err)
						}
						b = b[k:]
					}
				})
				if got != 0 {
					t.Errorf("%s, %d bytes in pieces of %d: %v allocations", name, n, piece, got)
				}
			}
		}
	}
}

func BenchmarkWebSocketUpgrade(b *testing.B) {
	b.ReportAllocs()
	var answers []byte
	var sunk count
	for b.Loop() {
		answers = answers[:0]
		if _, err := NewWebSocket(&testUpgrade).Feed([]byte(testRequest), &answers, &sunk); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWebSocketFeed takes off frames as a read of 64 KB brings them. They are unmasked where they lie, so each round
// takes a fresh copy, which is a part of what is measured.
func BenchmarkWebSocketFeed(b *testing.B) {
	for _, n := range []int{64, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			frame := masked(0x82, string(bytes.Repeat([]byte{7}, n)))
			frames := max(1, (64<<10)/len(frame))
			in := bytes.Repeat(frame, frames)
			w, buf := openServer(), make([]byte, len(in))
			var answers []byte
			var sunk count
			b.SetBytes(int64(frames * n))
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, in)
				if _, err := w.Feed(buf, &answers, &sunk); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
}

func BenchmarkWebSocketSeal(b *testing.B) {
	for _, n := range []int{64, 1 << 10, 16 << 10} {
		for name, w := range map[string]*WebSocket{"server": openServer(), "client": openClient()} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				p, dst := make([]byte, n), make([]byte, 0, n+16)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					dst = w.Seal(dst[:0], p)
				}
			})
		}
	}
}
