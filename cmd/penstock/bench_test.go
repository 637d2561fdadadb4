package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/bench"
)

// benched starts a broker for the test and returns its address and process.
func benched(t *testing.T) (addr, pid string) {
	t.Helper()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off")
	return p.awaitLine(listening), strconv.Itoa(p.cmd.Process.Pid)
}

// short is a load that is over at once.
var short = []string{"--publishers", "2", "--warmup", "50ms", "--duration", "200ms", "--quiet"}

func TestBenchReportsInEveryForm(t *testing.T) {
	addr, pid := benched(t)
	dir := t.TempDir()
	files := map[string]string{"json": filepath.Join(dir, "r.json"), "gobench": filepath.Join(dir, "r.txt"), "svg": filepath.Join(dir, "r.svg")}
	args := slices.Concat([]string{"bench", "p2p", "--addr", addr, "--pid", pid, "-q", "1", "-V", "5"}, short,
		[]string{"--json=" + files["json"], "--gobench=" + files["gobench"], "--svg", files["svg"]})
	code, stdout, stderr := runArgs(args...)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "no faults") || !strings.Contains(stdout, "QoS 1") || !strings.Contains(stdout, "MQTT 5.0") {
		t.Fatalf("exit %d, stdout:\n%s\nstderr:\n%s", code, stdout, stderr)
	}
	for form, begin := range map[string]string{"json": "{", "gobench": "goos: ", "svg": "<svg "} {
		if text, err := os.ReadFile(files[form]); err != nil || !strings.HasPrefix(string(text), begin) {
			t.Errorf("%s: got %.60q, %v, want what begins %q", form, text, err, begin)
		}
	}
	f, err := os.Open(files["json"])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := bench.ReadJSON(f)
	if err != nil || r.Delivered == 0 || r.Config.QoS != 1 || r.Env.Version != "penstock "+version {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestBenchWritesOneFormToStdout(t *testing.T) {
	addr, _ := benched(t)
	for _, form := range [][]string{{"--json"}, {"--json", "-"}, {"--json=-"}} {
		code, stdout, stderr := runArgs(slices.Concat([]string{"bench"}, form, []string{"p2p", "--addr", addr}, short)...)
		if code != exitOK || stderr != "" || !json.Valid([]byte(stdout)) {
			t.Errorf("%q: exit %d, stdout %.80q, stderr %q, want JSON alone", form, code, stdout, stderr)
		}
	}
	code, stdout, _ := runArgs(slices.Concat([]string{"bench", "p2p", "--gobench", "--addr", addr}, short)...)
	if code != exitOK || !strings.Contains(stdout, "\nBenchmarkP2P/publishers=2/") || strings.Contains(stdout, "no faults") {
		t.Errorf("--gobench: exit %d, stdout %q", code, stdout)
	}
}

func TestBenchGoesOverWebSocketAndUnixSockets(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	p := start(t, "--listen", "ws://127.0.0.1:0/way", "--listen", "unix://"+socket, "--admin", "off")
	for _, addr := range []string{p.awaitLine(`^penstock: listening on (ws://.*)$`), p.awaitLine(`^penstock: listening on (unix://.*)$`)} {
		code, stdout, stderr := runArgs(slices.Concat([]string{"bench", "p2p", "--addr", addr}, short)...)
		if code != exitOK || stderr != "" || !strings.Contains(stdout, addr) || !strings.Contains(stdout, "no faults") {
			t.Errorf("%s: exit %d, stderr %q, stdout:\n%s", addr, code, stderr, stdout)
		}
	}
}

func TestBenchFailsWithTheBrokersFaults(t *testing.T) {
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "session.max_queued_messages=10") // forgetful
	addr := p.awaitLine(listening)
	load := []string{"bench", "offline", "--addr", addr, "--messages", "100", "--drain", "100ms", "--quiet"}
	if code, stdout, stderr := runArgs(load...); code != exitFaults || !strings.Contains(stdout, "FAULTS, the run has failed: 90 lost") || stderr != "" {
		t.Errorf("exit %d, stderr %q, stdout:\n%s\nwant exit %d and 90 lost", code, stderr, stdout, exitFaults)
	}
	code, stdout, stderr := runArgs(append(load, "--gobench")...)
	if code != exitFaults || !strings.Contains(stdout, "--- FAIL: BenchmarkOffline") || !strings.HasPrefix(stderr, "penstock: faults: 90 lost") {
		t.Errorf("--gobench: exit %d, stderr %q, stdout:\n%s\nwant exit %d and 90 lost", code, stderr, stdout, exitFaults)
	}
}

func TestBenchSaysWhyItCannotRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"bench"}, exitUsage, "penstock: "},
		{[]string{"bench", "p2q"}, exitFailed, `penstock: there is no scenario "p2q"; did you mean p2p?`},
		{[]string{"bench", "fan"}, exitFailed, `penstock: there is no scenario "fan"; did you mean fanin or fanout`},
		{[]string{"bench", "xyz"}, exitFailed, `penstock: there is no scenario "xyz"; penstock bench list tells which there are`},
		{[]string{"bench", "p2p", "--qos", "3"}, exitFailed, `penstock: --qos: "3" is neither 0, 1 nor 2`},
		{[]string{"bench", "p2p", "--duration", "5"}, exitFailed, `penstock: --duration: "5" is no duration`},
		{[]string{"bench", "p2p", "--payload", "1"}, exitFailed, "penstock: p2p: payload: "},
		{[]string{"bench", "p2p", "--addr", nobody, "--quiet"}, exitFailed, "penstock: p2p: "},
		{[]string{"bench", "p2p", "--addr", "http://localhost"}, exitFailed, `penstock: p2p: addr: the scheme "http" is none of `},
		{[]string{"bench", "p2p", "--cafile", "ca.pem"}, exitFailed, "penstock: p2p: cafile: is for TLS, and the address is "},
		{[]string{"bench", "p2p", "--addr", "tls://" + nobody, "--cafile", "/nonexistent.pem", "--quiet"}, exitFailed, "penstock: cafile: open "},
		{[]string{"bench", "compare"}, exitUsage, "penstock: missing flags: --spec=FILE"},
		{[]string{"bench", "compare", "--spec", "/nonexistent.yaml"}, exitFailed, "penstock: read spec: "},
	} {
		code, stdout, stderr := runArgs(tt.args...)
		if code != tt.code || stdout != "" || !strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q, want exit %d and one line that begins %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}

func TestBenchListNamesScenariosAndPresets(t *testing.T) {
	code, stdout, stderr := runArgs("bench", "list")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	for _, s := range bench.Scenarios() {
		if !strings.Contains(stdout, "  "+s.Name+" ") {
			t.Errorf("the list lacks %s:\n%s", s.Name, stdout)
		}
	}
	for _, p := range bench.Presets() {
		if !strings.Contains(stdout, "  "+p.Name+" ") {
			t.Errorf("the list lacks %s:\n%s", p.Name, stdout)
		}
	}
}

// A file of comparisons and the command call an option by the same name.
func TestBenchHasAFlagForEachOption(t *testing.T) {
	_, help, _ := runArgs("bench", "--help")
	for _, name := range bench.Options() {
		switch name {
		case "username", "password", "allow-loss", "await-all", "persistent", "cafile", "cert", "key", "servername", "insecure", "tls-resume": // take whatever comes
			if !strings.Contains(help, "--"+name) {
				t.Errorf("there is no flag --%s", name)
			}
		default:
			code, _, stderr := runArgs("bench", "p2p", "--"+name+"=?")
			if want := "penstock: --" + name + `: "?" is `; code != exitFailed || !strings.HasPrefix(stderr, want) {
				t.Errorf("--%s=?: exit %d, stderr %q, want %q", name, code, stderr, want)
			}
		}
	}
}

func TestAnInterruptedBenchReportsWhatItCounted(t *testing.T) {
	t.Parallel()
	addr, _ := benched(t)
	p := start(t, "bench", "p2p", "--addr", addr, "--publishers", "2", "--warmup", "0", "--duration", "1m")
	p.stderr.await(t, "/s ")
	p.signal(syscall.SIGINT)
	p.awaitLine("^  delivered ")
	p.awaitLine("^Note: the run was ended early")
	p.awaitLine("^(no faults)")
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}

// specOf writes a comparison of this program with itself.
func specOf(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "spec.yaml")
	text := `baseline: penstock
brokers:
  - {name: penstock, command: "{self} serve --admin off --listen tcp://127.0.0.1:{port}", version: "{self} version"}
  - {name: absent, command: no-such-broker-here, get: ask for it}
scenarios:
  - {name: pairs, title: two pairs, run: p2p, with: {publishers: 2, warmup: 50ms, duration: 200ms}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBenchCompareSetsFiguresSideBySide(t *testing.T) {
	t.Parallel()
	markdown := filepath.Join(t.TempDir(), "table.md")
	p := start(t, "bench", "compare", "--spec", specOf(t), "--rounds", "2", "--markdown", markdown)
	p.awaitLine("^two pairs +CPU +.*missing")
	p.awaitLine("^absent took no part: .*to get it: ask for it")
	p.awaitLine("^penstock: penstock " + version)
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
	p.stderr.await(t, "[2/2] pairs, round 2 of 2, penstock: CPU ")
	if text, err := os.ReadFile(markdown); err != nil || !strings.HasPrefix(string(text), "| scenario | measure | penstock | absent |") {
		t.Errorf("markdown: %q, %v", text, err)
	}
}
