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
