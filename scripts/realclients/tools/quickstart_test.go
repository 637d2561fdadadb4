package tools

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// The README's quick start: what is typed, what is printed. The test below fails when README.md says something else.
var (
	serve       = "go run ./cmd/penstock"
	served      = []string{"penstock: state is kept in memory and ends with the process", "penstock: listening on tcp://127.0.0.1:1883", "penstock: listening on ws://127.0.0.1:8083/mqtt", "penstock: admin on http://127.0.0.1:18083"}
	mosquittos  = []string{"mosquitto_sub -t 'hello/#' -v", "mosquitto_pub -t hello/world -m hi"}
	printed     = "hello/world hi"
	build       = "go build -o bin/ ./cmd/penstock"
	penstocks   = []string{"bin/penstock sub -t 'hello/#' -v", "bin/penstock pub -t hello/world -m hi"}
	byWebSocket = "bin/penstock pub --ws -t hello/world -m hi"
	securely    = []string{"bin/penstock pub -L wss://broker.example/mqtt -t hello/world -m hi", "bin/penstock sub -L 'mqtts://broker.example/hello/#' --cafile ca.crt --cert client.crt --key client.key"}
	serveAllNet = "bin/penstock --listen tcp://0.0.0.0:1883 --set auth.anonymous=always"
)

func TestTheREADMEsQuickStartIsWhatIsTested(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(rig.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Quick start\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var got []string
	for _, line := range regexp.MustCompile(`(?m)^    .+$`).FindAllString(section, -1) {
		got = append(got, strings.TrimSpace(line))
	}
	want := slices.Concat([]string{serve}, served, mosquittos, []string{printed, build}, penstocks, []string{byWebSocket}, securely, []string{serveAllNet})
	if !slices.Equal(got, want) {
		t.Errorf("README.md's quick start is\n%s\nand this test knows\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Word for word on the ports 1883 and 8083 where they are free, as on a CI machine; elsewhere with others added to each
// command.
func TestTheREADMEsQuickStartWorks(t *testing.T) {
	tcp, web, elsewhere := "1883", "8083", false
	if !free(tcp) || !free(web) {
		tcp, web, elsewhere = port(t), port(t), true
		t.Logf("port 1883 or 8083 is taken; using %s and %s", tcp, web)
	}
	at := func(command, port string) string {
		if elsewhere {
			command += " -p " + port
		}
		return command
	}

	command := serve
	if elsewhere {
		command += " --listen tcp://127.0.0.1:" + tcp + " --listen ws://127.0.0.1:" + web
	}
	broker := shell(t, command)
	broker.Await("the lines in README.md", func(out string) bool {
		all := strings.NewReplacer(":1883", ":"+tcp, ":8083", ":"+web).Replace(strings.Join(served, "\n") + "\n")
		// A broker that finds the admin listener's default port taken does without it and its line.
		return out == all || out == strings.TrimSuffix(all, served[len(served)-1]+"\n") && adminTaken()
	})
	exchange(t, at(mosquittos[0], tcp), at(mosquittos[1], tcp))

	rig.Run(t, shellCommand(build))
	exchange(t, at(penstocks[0], tcp), at(penstocks[1], tcp))
	exchange(t, at(penstocks[0], tcp), at(byWebSocket, web))

	// Ctrl-C in a terminal reaches go run and the program.
	broker.Signal(syscall.SIGINT)
	broker.Wait()

	// The last command opens the broker to the network; the test keeps to loopback, where the rest must be taken as it stands.
	open := shell(t, "exec "+strings.ReplaceAll(serveAllNet, "0.0.0.0:1883", "127.0.0.1:0"))
	open.Await("a listener", func(out string) bool { return strings.Contains(out, "penstock: listening on tcp://127.0.0.1:") })
	open.Signal(syscall.SIGTERM)
	if code := open.Wait(); code != 0 {
		t.Errorf("exit code %d on SIGTERM, want 0", code)
	}
}

// What the README shows of TLS, with our broker and our authority in place of the example's.
func TestTheREADMEsQuickStartOverTLSWorks(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt"), "--listen", p.Listen("wss"))
	dir := t.TempDir()
	for from, to := range map[string]string{"ca.crt": "ca.crt", "device-1.crt": "client.crt", "device-1.key": "client.key"} {
		if err := os.Symlink(p.File(from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	here := func(command, kind string) string {
		command = strings.NewReplacer("broker.example", b.At(kind), "bin/penstock", rig.Program(t)).Replace(command)
		return "cd " + dir + " && exec " + command
	}
	exchange(t, here(securely[1], "tls"), here(securely[0], "wss")+" --cafile ca.crt")
}

// exchange does what a reader does in two terminals, who sees by nothing when the first is ready: the second command is
// given again until the first prints.
func exchange(t *testing.T, sub, pub string) {
	t.Helper()
	s := shell(t, sub)
	rig.Eventually(t, sub+" to print", func() bool {
		rig.Run(t, shellCommand(pub))
		return s.Out() != ""
	})
	if got := strings.Fields(strings.ReplaceAll(s.Out(), printed+"\n", "hi ")); slices.ContainsFunc(got, func(w string) bool { return w != "hi" }) {
		t.Errorf("%s printed %q, want %q", sub, s.Out(), printed)
	}
	s.Signal(syscall.SIGINT)
	s.Wait()
}

func shell(t *testing.T, command string) *rig.Process { return rig.Spawn(t, shellCommand(command)) }

func shellCommand(command string) rig.Command {
	return rig.Command{Name: "sh", Args: []string{"-c", command}, Dir: rig.Root()}
}

// adminTaken tells whether something else listens where the broker's admin listener would by default.
func adminTaken() bool { return !free("18083") }

func free(port string) bool {
	probe, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	probe.Close()
	return true
}

// port is one that was free a moment ago.
func port(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	_, port, _ := net.SplitHostPort(probe.Addr().String())
	return port
}
