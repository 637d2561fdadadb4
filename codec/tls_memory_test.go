//go:build !race

package codec

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"testing"
)

func heap() int64 {
	var m runtime.MemStats
	for range 3 { // weak references and cleanups take more than one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// bytesIdle is the heap of an idle connection.
func bytesIdle(t testing.TB, cfg *tls.Config, client func() *tls.Config, n int) int64 {
	s, turns := NewScratch(), plenty()
	linked(t, s, turns, cfg, client()) // what is made once
	stages := make([]*TLS, n)
	before := heap()
	for i := range stages {
		stages[i] = linked(t, s, turns, cfg, client()).stage
	}
	each := (heap() - before) / int64(n)
	runtime.KeepAlive(stages)
	runtime.KeepAlive(cfg)
	return each
}

// What crypto/tls keeps of a busy past is its input buffer. It is as large as the largest record wanted it: not larger when
// many records came at once, and 18 KB for a record of the maximal 16, for which its public API knows no remedy.
func TestABusyPastLeavesNoMoreThanTheLargestRecordWants(t *testing.T) {
	a, s, turns := newAuthority(t), NewScratch(), plenty()
	cfg := a.server(t, false, false)
	const n = 50
	for _, c := range []struct {
		record, records int
		limit           int64
	}{{1000, 100, 1 << 10}, {3000, 100, 5 << 10}, {16 << 10, 3, 20 << 10}} {
		links, bursts := make([]link, n), make([][]byte, n)
		for i := range links {
			ccfg := a.client()
			ccfg.DynamicRecordSizingDisabled = true
			links[i] = linked(t, s, turns, cfg, ccfg)
			for range c.records {
				_, err := links[i].client.Write(make([]byte, c.record))
				must(t, err)
				for len(links[i].up) > 0 {
					bursts[i] = append(bursts[i], <-links[i].up...)
				}
			}
		}
		sink := sinkFunc(func([]byte) bool { return true })
		before := heap()
		for i, b := range bursts {
			for at := 0; at < len(b); at += 60001 {
				must(t, links[i].stage.Feed(b[at:min(len(b), at+60001)], s, sink))
			}
		}
		each := (heap() - before) / n
		runtime.KeepAlive(links)
		runtime.KeepAlive(bursts)
		t.Logf("%d records of %d bytes: %d bytes more", c.records, c.record, each)
		if each > c.limit {
			t.Errorf("%d records of %d bytes left %d bytes of heap, at most %d are allowed", c.records, c.record, each, c.limit)
		}
	}
}

func TestAnIdleConnectionIsSmall(t *testing.T) {
	a := newAuthority(t)
	const n = 300
	for _, c := range []struct {
		mutual  bool
		version uint16
		limit   int64
	}{
		{false, tls.VersionTLS13, 8500}, {true, tls.VersionTLS13, 13000},
		{false, tls.VersionTLS12, 8500}, {true, tls.VersionTLS12, 13000},
	} {
		t.Run(fmt.Sprintf("%s mutual=%v", tls.VersionName(c.version), c.mutual), func(t *testing.T) {
			cfg := a.server(t, false, c.mutual)
			i := 0
			each := bytesIdle(t, cfg, func() *tls.Config {
				ccfg := a.client()
				ccfg.MinVersion, ccfg.MaxVersion = c.version, c.version
				if c.mutual {
					i++
					ccfg.Certificates = []tls.Certificate{a.issue(t, fmt.Sprintf("device-%d", i), false)}
				}
				return ccfg
			}, n)
			t.Logf("%d bytes", each)
			if each > c.limit {
				t.Errorf("an idle connection takes %d bytes of heap, at most %d are allowed", each, c.limit)
			}
		})
	}
}
