package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// serving runs a broker for the test and returns -h and -p for it.
func serving(t *testing.T) []string {
	t.Helper()
	p := start(t, "--listen", "tcp://127.0.0.1:0")
	host, port, err := net.SplitHostPort(p.awaitLine(listening))
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-h", host, "-p", port}
}

// subscriber starts `penstock sub` and waits until it is subscribed. With -d its output holds packets as well.
func subscriber(t *testing.T, at []string, args ...string) *program {
	t.Helper()
	p := start(t, slices.Concat([]string{"sub", "-d"}, at, args)...)
	p.awaitLine("^Subscribed")
	return p
}

// messages are the lines of stdout until the program ends, without those about packets.
func (p *program) messages() (lines []string, code int) {
	p.t.Helper()
	for p.stdout.Scan() {
		if line := p.stdout.Text(); !strings.HasPrefix(line, "Client ") {
			lines = append(lines, line)
		}
	}
	return lines, p.exitCode()
}

func pub(t *testing.T, at []string, args ...string) {
	t.Helper()
	if code, stdout, stderr := runArgs(slices.Concat([]string{"pub"}, at, args)...); code != exitOK || stdout != "" || stderr != "" {
		t.Fatalf("pub %q: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
	}
}

func TestPubAndSubTalkInAllVersions(t *testing.T) {
	at := serving(t)
	for _, v := range []string{"31", "mqttv311", "5"} {
		for _, qos := range []string{"0", "1", "2"} {
			s := subscriber(t, at, "-t", "a/#", "-t", "b", "-q", "2", "-V", v, "-i", "listener", "-C", "4", "-F", "%t %p %q")
			pub(t, at, "-t", "a/x", "-m", "-dash", "-q", qos, "-V", v, "-i", "talker")
			pub(t, at, "-t", "b", "-n", "-q", qos)
			pub(t, at, "-t", "a", "-m", "twice", "-q", qos, "--repeat", "2", "--repeat-delay", "0.01")
			want := []string{"a/x -dash " + qos, "b  " + qos, "a twice " + qos, "a twice " + qos}
			if got, code := s.messages(); code != exitOK || !slices.Equal(got, want) {
				t.Errorf("version %s, QoS %s: exit %d, got %q, want %q; stderr:\n%s", v, qos, code, got, want, s.stderr)
			}
		}
	}
}

func TestPubTakesItsMessageFromFilesAndStdin(t *testing.T) {
	at := serving(t)
	path := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := subscriber(t, at, "-t", "t", "-q", "1", "-C", "6", "-F", "%x")
	pub(t, at, "-t", "t", "-f", path)
	fromStdin := func(text string, args ...string) {
		t.Helper()
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, slices.Concat([]string{"pub"}, at, args)...)
		cmd.Env = programEnv()
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("pub %q: %v, %s", args, err, out)
		}
	}
	fromStdin("all\nof it", "-t", "t", "-s")
	fromStdin("one\r\n\nb\x00c\nno end", "-t", "t", "-l", "-q", "1")
	var want []string
	for _, m := range []string{"from a file\n", "all\nof it", "one\r", "", "b\x00c", "no end"} {
		want = append(want, fmt.Sprintf("%x", m))
	}
	if got, code := s.messages(); code != exitOK || !slices.Equal(got, want) {
		t.Errorf("exit %d, got %q, want %q", code, got, want)
	}
}

func TestPubSendsProperties(t *testing.T) {
	at := serving(t)
	s := subscriber(t, at, "-V", "5", "-t", "t", "-C", "2", "-F", "%C|%D|%E|%F|%R|%P|%S|%p", "-D", "subscribe", "subscription-identifier", "9")
	pub(t, at, "-t", "t", "-m", "m", "--repeat", "2", "-D", "PUBLISH", "content-type", "text", "-D", "PUBLISH", "correlation-data", "c",
		"-D", "PUBLISH", "message-expiry-interval", "100", "-D", "PUBLISH", "payload-format-indicator", "1",
		"-D", "PUBLISH", "response-topic", "r", "-D", "PUBLISH", "user-property", "-k", "-v", "-D", "publish", "user-property", "k", "w",
		"-D", "PUBLISH", "topic-alias", "1", "-D", "CONNECT", "user-property", "a", "b", "-D", "DISCONNECT", "user-property", "a", "b")
	want := "text|c|100|1|r|-k:-v k:w|9|m"
	if got, code := s.messages(); code != exitOK || !slices.Equal(got, []string{want, want}) {
		t.Errorf("exit %d, got %q, want twice %q", code, got, want)
	}
}

// sub runs `penstock sub` to its end.
func sub(at []string, args ...string) (code int, stdout, stderr string) {
	return runArgs(slices.Concat([]string{"sub"}, at, args)...)
}

func TestSubPrintsAsMosquittoDoes(t *testing.T) {
	at := serving(t)
	session := []string{"-c", "-i", "printer", "-q", "1", "-t", "t/#"}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-C", "3"}, "one\nthree\n"}, // an empty payload prints nothing, and counts
		{[]string{"-C", "3", "-v"}, "t/1 one\nt/2 (null)\nt/3 three\n"},
		{[]string{"-C", "3", "-N"}, "onethree"},
		{[]string{"-C", "3", "-N", "-F", "%t;"}, "t/1;t/2;t/3;"},
		{[]string{"-C", "1", "-v", "-T", "t/1", "-T", "+/2"}, "t/3 three\n"},
		{[]string{"-C", "3", "--random-filter", "100"}, "one\nthree\n"},
	} {
		if code, stdout, stderr := sub(at, append(session, "-E")...); code != exitOK || stdout != "" || stderr != "" {
			t.Fatalf("-E: exit %d, stdout %q, stderr %q", code, stdout, stderr)
		}
		for i, payload := range []string{"one", "", "three"} {
			pub(t, at, "-t", fmt.Sprint("t/", i+1), "-m", payload, "-q", "1")
		}
		if code, stdout, stderr := sub(at, append(session, tt.args...)...); code != exitOK || stdout != tt.want || stderr != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q; want %q", tt.args, code, stdout, stderr, tt.want)
		}
	}
}

// What -C did not get to is there for the next run.
func TestSubLeavesTheRestInItsSession(t *testing.T) {
	at := serving(t)
	for _, v := range []string{"311", "5"} {
		session := []string{"-c", "-i", "keeper", "-q", "2", "-t", "t", "-V", v}
		sub(at, append(session, "-E")...)
		for i := range 5 {
			pub(t, at, "-t", "t", "-m", fmt.Sprint(i), "-q", "2")
		}
		var got string
		for _, n := range []string{"2", "1", "2"} {
			_, stdout, _ := sub(at, append(session, "-C", n)...)
			got += stdout
		}
		if want := "0\n1\n2\n3\n4\n"; got != want {
			t.Errorf("version %s: got %q, want %q", v, got, want)
		}
	}
}

func TestSubAndRetainedMessages(t *testing.T) {
	at := serving(t)
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"-C", "3"}, []string{"t/1 a 1", "t/2 b 1", "t/3 c 0"}},
		{[]string{"-C", "1", "-R"}, []string{"t/3 c 0"}},
		{[]string{"-C", "1", "-R", "-V", "5"}, []string{"t/3 c 0"}},
		{[]string{"-C", "3", "-V", "5", "--retain-as-published"}, []string{"t/1 a 1", "t/2 b 1", "t/3 c 1"}},
		{[]string{"--retained-only"}, []string{"t/1 a 1", "t/2 b 1"}},
		{[]string{"--retained-only", "--remove-retained", "-T", "t/2"}, []string{"t/1 a 1"}},
		{[]string{"-C", "2"}, []string{"t/2 b 1", "t/3 c 0"}}, // t/1 was cleared and is not set again
	} {
		if !slices.Contains(tt.want, "t/2 b 1") || len(tt.want) > 2 {
			pub(t, at, "-t", "t/1", "-m", "a", "-r", "-q", "1")
		}
		pub(t, at, "-t", "t/2", "-m", "b", "-r", "-q", "1")
		s := subscriber(t, at, append([]string{"-t", "t/#", "-q", "1", "-F", "%t %p %r"}, tt.args...)...)
		pub(t, at, "-t", "t/3", "-m", "c", "-r", "-q", "1")
		got, code := s.messages()
		slices.Sort(got)
		if code != exitOK || !slices.Equal(got, tt.want) {
			t.Errorf("%q: exit %d, got %q, want %q", tt.args, code, got, tt.want)
		}
		pub(t, at, "-t", "t/3", "-n", "-r", "-q", "1")
	}
}

func TestSubLeavesOnASignalWithADisconnect(t *testing.T) {
	at := serving(t)
	for _, v := range []string{"311", "5"} {
		// The will says what the broker made of the end: 5.0 tells it to publish, 3.1.1 cannot.
		watch := subscriber(t, at, "-t", "will", "-C", "1")
		s := subscriber(t, at, "-t", "t", "-V", v, "--will-topic", "will", "--will-payload", "version "+v)
		s.signal(os.Interrupt)
		if got, code := s.messages(); code != exitOK || len(got) > 0 {
			t.Errorf("version %s: exit %d, stdout %q; stderr:\n%s", v, code, got, s.stderr)
		}
		pub(t, at, "-t", "will", "-m", "no will")
		want := map[string]string{"311": "no will", "5": "version 5"}[v]
		if got, _ := watch.messages(); !slices.Equal(got, []string{want}) {
			t.Errorf("version %s: the will's topic got %q, want %q", v, got, want)
		}
	}
}

// scripted plays a server that answers each of its connections with the bytes that a script gives for
// the packets it gets, by type, and closes it when the script says nothing.
func scripted(t *testing.T, scripts ...map[mqtt.Type]string) []string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for _, script := range scripts {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			answer(c, script)
		}
	}()
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	return []string{"-h", host, "-p", port}
}

func answer(c net.Conn, script map[mqtt.Type]string) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		head, err := r.Peek(2) // the packets of these tests are short
		if err != nil {
			return
		}
		said, ok := script[mqtt.Type(head[0]>>4)]
		if !ok {
			return
		}
		if _, err := io.CopyN(io.Discard, r, 2+int64(head[1])); err != nil {
			return
		}
		if _, err := io.WriteString(c, said); err != nil {
			return
		}
	}
}

// What one message is refused for does not keep the next from being sent.
func TestPubSendsTheRestAndFailsWhenAMessageIsRefused(t *testing.T) {
	at := serving(t)
	s := subscriber(t, at, "-t", "t/#", "-q", "1", "-C", "1")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	deep := "t" + strings.Repeat("/", 200) // deeper than limits.max_topic_levels
	cmd := exec.Command(exe, slices.Concat([]string{"pub", "-l", "-q", "1", "-V", "5", "-t", deep}, at)...)
	cmd.Env = programEnv()
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 0x90 || strings.Count(string(out), "publish failed") != 2 {
		t.Errorf("exit %d (%v), said %q; want %d and two warnings", code, err, out, 0x90)
	}
	pub(t, at, "-t", "t/x", "-m", "last", "-q", "1", "-V", "5")
	if got, code := s.messages(); code != exitOK || !slices.Equal(got, []string{"last"}) {
		t.Errorf("exit %d, got %q, want the one that was not refused", code, got)
	}
}

func TestExitCodesAreMosquittos(t *testing.T) {
	const welcome3, welcome5 = "\x20\x02\x00\x00", "\x20\x03\x00\x00\x00"
	for _, tt := range []struct {
		args   string
		script map[mqtt.Type]string
		code   int
		said   string
	}{
		{"sub -t t", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x02\x00\x05"}, 5, "Not authorized"},
		{"pub -t t -m m -V 31", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x02\x00\x02"}, 2, "Client Identifier not valid"},
		{"pub -t t -m m -V 5", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x03\x00\x87\x00"}, 135, "Not authorized"},
		{"sub -t t", map[mqtt.Type]string{mqtt.CONNECT: "\xD0\x00"}, exitProtocol, "PINGRESP before CONNACK"},
		{"sub -t t", map[mqtt.Type]string{}, exitLost, "closed by the server"},
		{"pub -t t -m m -q 1", map[mqtt.Type]string{mqtt.CONNECT: welcome3}, exitLost, "closed by the server"},
		{"pub -t t -m m -q 1 -V 5", map[mqtt.Type]string{mqtt.CONNECT: welcome5, mqtt.PUBLISH: "\x40\x03\x00\x01\x87"}, 135, "Not authorized"},
		{"pub -t t -m m -q 2 -V 5", map[mqtt.Type]string{mqtt.CONNECT: welcome5, mqtt.PUBLISH: "\x50\x03\x00\x01\x97"}, 151, "Quota exceeded"},
		{"pub -t t -m m -q 2 -V 5 --quiet", map[mqtt.Type]string{mqtt.CONNECT: welcome5, mqtt.PUBLISH: "\x50\x03\x00\x01\x97"}, 151, ""},
		{"pub -t t -m m -q 1 -V 5", map[mqtt.Type]string{mqtt.CONNECT: welcome5, mqtt.PUBLISH: "\x40\x03\x00\x01\x10"}, exitOK, ""},
		{"pub -t t -m m -q 2 -V 5", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x05\x00\x00\x02\x24\x01"}, exitQoS, "QoS not supported"},
		{"pub -t t -m m -r -V 5", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x05\x00\x00\x02\x25\x00"}, exitRetain, "Retain not supported"},
		{"pub -t t -m muchtoolong -V 5", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x08\x00\x00\x05\x27\x00\x00\x00\x08"}, exitTooLarge, "Packet too large"},
		{"pub -t t -m m -D PUBLISH topic-alias 9", map[mqtt.Type]string{mqtt.CONNECT: welcome5}, exitAlias, "Topic Alias invalid"},
		{"sub -t t -V 5", map[mqtt.Type]string{mqtt.CONNECT: welcome5, mqtt.SUBSCRIBE: "\xE0\x02\x8E\x00"}, 142, "Session taken over"},
		{"sub -t t", map[mqtt.Type]string{mqtt.CONNECT: welcome3, mqtt.SUBSCRIBE: "\x90\x03\x00\x01\x80"}, exitOK, "denied"},
		{"sub -t t -W 1", map[mqtt.Type]string{mqtt.CONNECT: welcome3, mqtt.SUBSCRIBE: "\x90\x03\x00\x01\x00"}, exitTimeout, "Timed out"},
		{"sub -t t -W 1", map[mqtt.Type]string{mqtt.CONNECT: ""}, exitTimeout, "Timed out"},
		{"sub -t t -W 1 --quiet", map[mqtt.Type]string{mqtt.CONNECT: ""}, exitTimeout, ""},
		{"sub -t t --quiet", map[mqtt.Type]string{mqtt.CONNECT: "\x20\x02\x00\x05"}, 5, ""},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var warned bytes.Buffer
			warnings = &warned
			defer func() { warnings = os.Stderr }()
			code, stdout, stderr := runArgs(append(strings.Fields(tt.args), scripted(t, tt.script)...)...)
			stderr += warned.String()
			if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.said) || (stderr == "") != (tt.said == "") {
				t.Errorf("exit %d, stdout %q, stderr %q; want exit %d and %q", code, stdout, stderr, tt.code, tt.said)
			}
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	if code, _, stderr := runArgs("sub", "-h", "127.0.0.1", "-p", port, "-t", "t"); code != exitFailed || !strings.Contains(stderr, "connection refused") {
		t.Errorf("nobody listens: exit %d, stderr %q; want %d", code, stderr, exitFailed)
	}
}

func TestSubConnectsAgain(t *testing.T) {
	t.Parallel()
	at := scripted(t,
		map[mqtt.Type]string{mqtt.CONNECT: "\x20\x02\x00\x00", mqtt.SUBSCRIBE: "\x90\x03\x00\x01\x00\x30\x04\x00\x01ta"},
		map[mqtt.Type]string{mqtt.CONNECT: "\x20\x02\x00\x00", mqtt.SUBSCRIBE: "\x90\x03\x00\x01\x00\x30\x04\x00\x01tb", mqtt.UNSUBSCRIBE: "", mqtt.DISCONNECT: ""},
	)
	// The first connection ends at the UNSUBSCRIBE, for which its script has no answer.
	if code, stdout, stderr := sub(at, "-t", "t", "-C", "2", "-U", "x"); code != exitOK || stdout != "a\nb\n" || stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q; want a and b", code, stdout, stderr)
	}
}

func TestWhatContradictsItselfIsRefused(t *testing.T) {
	for _, args := range []string{
		"pub -t t", "pub -m m", "pub -t t -m m -n", "pub -t t -l -s", "pub -t a/# -m m", "pub -t t -m m --repeat 0", "pub -t t -m m --repeat-delay=-1",
		"pub -t t -f /nonexistent", "pub -t t -m m -q 3", "pub -t t -m m -p 0", "pub -t t -m m -p 65536", "pub -t t -m m -k 4", "pub -t t -m m -V 6",
		"pub -t t -m m -c", "pub -t t -m m -V 5 -x -1", "pub -t t -m m -i a -I b", "pub -t t -m m -M 0", "pub -t t -m m -P secret",
		"pub -t t -m m --will-payload x", "pub -t t -m m --will-qos 1", "pub -t t -m m --will-topic w --will-qos 3", "pub -t t -m m --will-topic w/#",
		"pub -t t -m m -D CONNECT content-type x", "pub -t t -m m -D PUBACK user-property a b", "pub -t t -m m -D PUBLISH colour red",
		"pub -t t -m m -D PUBLISH payload-format-indicator 2", "pub -t t -m m -D PUBLISH topic-alias 65536", "pub -t t -m m -D CONNECT receive-maximum 0",
		"pub -t t -m m -D SUBSCRIBE subscription-identifier 0",
		"pub -m m -L http://127.0.0.1/t", "pub -m m -L mqtt://127.0.0.1", "pub -m m -L mqtt://127.0.0.1/", "pub -m m -L mqtt:///t",
		"sub", "sub -t a#", "sub -t t -T b#", "sub -t t -U c#", "sub -t t -C 0", "sub -t t -W 0", "sub -t t -F %z", "sub -t t -R --retained-only",
		"sub -t t --random-filter 0", "sub -t t --random-filter 101",
	} {
		code, stdout, stderr := runArgs(append(strings.Fields(args), "-h", "127.0.0.1")...)
		if code != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want %d and one line", args, code, stdout, stderr, exitFailed)
		}
	}
}

func TestTheURLSaysItAll(t *testing.T) {
	for url, want := range map[string]string{
		"mqtt://h/t":                    "h:1883   t",
		"mqtt://h:99/a/b?c#d":           "h:99   a/b?c#d",
		"mqtt://user:p%40ss@[::1]:99//": "[::1]:99 user p@ss /",
		"mqtt://user@h/t":               "h:1883 user  t",
	} {
		f := clientFlags{URL: text(url), Version: "311", KeepAlive: 60, Inflight: 20}
		o, topic, err := f.options()
		if got := fmt.Sprintf("%s %s %s %s", o.Addr, o.Username, o.Password, topic); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", url, got, err, want)
		}
	}
}
