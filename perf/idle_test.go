package perf

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// BenchmarkIdleConnections reports the broker's memory per idle connection with one subscription, beyond the idle
// process: the broker in a process of its own, the connections in this one, RSS 30 s after the last CONNECT with the
// default GOGC and no forced collection; with keep alive each has a timer. It is run once: go test ./perf -run '^$' -bench Idle -benchtime 1x
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 15000
	bin := filepath.Join(b.TempDir(), "penstock")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/penstock").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	for _, c := range []struct {
		name      string
		version   mqtt.Version
		keepAlive uint16
	}{{"3.1.1", mqtt.V311, 0}, {"5.0", mqtt.V5, 0}, {"KeepAlive", mqtt.V311, 60}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				idle(b, bin, connections, c.version, c.keepAlive)
			}
		})
	}
}

// idle starts a broker, connects so many clients to it and reports what they cost.
func idle(b *testing.B, bin string, connections int, v mqtt.Version, keepAlive uint16) {
	cmd := exec.Command(bin, "--listen", "tcp://127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	addr := listening(b, bufio.NewScanner(stdout))
	before := rss(b, cmd.Process.Pid)
	held := make([]net.Conn, 0, connections)
	for i := range connections {
		k := dialIdle(b, addr, fmt.Sprintf("device-%05d", i), v, keepAlive)
		held = append(held, k)
	}
	time.Sleep(30 * time.Second) // the measurement's definition, not a wait for a result
	after := rss(b, cmd.Process.Pid)
	b.ReportMetric(float64(after-before)/float64(connections), "B/conn")
	b.ReportMetric(float64(before), "B/idle-process")
	for _, c := range held {
		c.Close()
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
}

func listening(b *testing.B, lines *bufio.Scanner) string {
	url := regexp.MustCompile(`tcp://(\S+)`)
	for lines.Scan() {
		if m := url.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	b.Fatal("the broker did not say where it listens")
	return ""
}

// dialIdle opens a connection with one subscription; it keeps no buffer of its own.
func dialIdle(b *testing.B, addr, id string, v mqtt.Version, keepAlive uint16) net.Conn {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	p := mqtt.Connect{Version: v, CleanStart: true, ClientID: []byte(id), KeepAlive: keepAlive}
	sub := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("devices/" + id + "/command"), Options: 1}}}
	if _, err := c.Write(sub.AppendTo(p.AppendTo(nil), v, 0)); err != nil {
		b.Fatal(err)
	}
	for _, want := range []mqtt.Type{mqtt.CONNACK, mqtt.SUBACK} {
		var h [2]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			b.Fatal(err)
		}
		if got := mqtt.Type(h[0] >> 4); got != want {
			b.Fatalf("got %v, want %v", got, want)
		}
		if _, err := io.CopyN(io.Discard, c, int64(h[1])); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

// rss is a process's resident memory in bytes.
func rss(b *testing.B, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			if err != nil {
				b.Fatal(err)
			}
			return kb << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
