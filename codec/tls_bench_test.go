package codec

import (
	"crypto/tls"
	"fmt"
	"testing"
)

func BenchmarkTLSFeed(b *testing.B) {
	a, s := newAuthority(b), NewScratch()
	sink := sinkFunc(func([]byte) bool { return true })
	for _, size := range []int{64, 1000, 16000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ccfg := a.client()
			ccfg.DynamicRecordSizingDisabled = true
			l := linked(b, s, plenty(), a.server(b, false, false), ccfg)
			records, next, p := make([][]byte, 500), 500, make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if next == len(records) {
					b.StopTimer()
					for next = range records {
						_, err := l.client.Write(p)
						must(b, err)
						records[next] = <-l.up
					}
					next = 0
					b.StartTimer()
				}
				must(b, l.stage.Feed(records[next], s, sink))
				next++
			}
		})
	}
}

func BenchmarkTLSSeal(b *testing.B) {
	a, s := newAuthority(b), NewScratch()
	for _, size := range []int{64, 1000, 16000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			stage := linked(b, s, plenty(), a.server(b, false, false), a.client()).stage
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				must(b, stage.Seal(p, s))
				s.Reset()
			}
		})
	}
}

// A whole handshake with both sides' work, and a record each way.
func BenchmarkTLSHandshake(b *testing.B) {
	a, s := newAuthority(b), NewScratch()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, useRSA := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/rsa=%v", tls.VersionName(version), useRSA), func(b *testing.B) {
				cfg, ccfg, turns := a.server(b, useRSA, false), a.client(), plenty()
				ccfg.MaxVersion = version
				for b.Loop() {
					linked(b, s, turns, cfg, ccfg)
				}
			})
		}
	}
}
