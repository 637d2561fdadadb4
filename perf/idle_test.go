package perf

import (
	"bufio"
	"fmt"
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
// default GOGC and no forced collection. It is run once: go test ./perf -run '^$' -bench Idle -benchtime 1x
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 15000
	bin := filepath.Join(b.TempDir(), "penstock")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/penstock").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	for b.Loop() {
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
			k := dialIdle(b, addr, fmt.Sprintf("device-%05d", i))
			held = append(held, k)
		}
		time.Sleep(30 * time.Second) // the measurement's definition, not a wait for a result
		after := rss(b, cmd.Process.Pid)
		b.ReportMetric(float64(after-before)/connections, "B/conn")
		b.ReportMetric(float64(before), "B/idle-process")
		for _, c := range held {
			c.Close()
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
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
func dialIdle(b *testing.B, addr, id string) net.Conn {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte(id), KeepAlive: 0}
	s := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("devices/" + id + "/command"), Options: 1}}}
	if _, err := c.Write(s.AppendTo(p.AppendTo(nil), mqtt.V311, 0)); err != nil {
		b.Fatal(err)
	}
	var answer [4 + 5]byte
	for n := 0; n < len(answer); {
		m, err := c.Read(answer[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += m
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
