package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestFlagsAndURLsMakeTheAddress(t *testing.T) {
	for args, want := range map[string]string{
		"":                                     "localhost:1883",
		"-h h -p 99":                           "h:99",
		"--tls-use-os-certs":                   "mqtts://localhost:8883",
		"-h ::1 --insecure":                    "mqtts://[::1]:8883",
		"-h fe80::1%eth0 --insecure":           "mqtts://[fe80::1%25eth0]:8883",
		"-p 99 --tls-version tlsv1.3":          "mqtts://localhost:99",
		"-p 8883":                              "mqtts://localhost:8883",
		"--ws -p 8883":                         "ws://localhost:8883",
		"--ws":                                 "ws://localhost:8083",
		"--ws --ws-path /x?y=z --insecure":     "wss://localhost:8084/x?y=z",
		"-L mqtts://h/t":                       "mqtts://h:8883 t",
		"-L tls://h:99/t":                      "mqtts://h:99 t",
		"-L tcp://h/t":                         "h:1883 t",
		"-L mqtt://h/t --insecure":             "mqtts://h:8883 t",
		"-L mqtt://h/t --ws":                   "ws://h:8083 t",
		"-L ws://h":                            "ws://h:80",
		"-L ws://h --ws-path /x":               "ws://h:80/x",
		"-L ws://h:99/":                        "ws://h:99/",
		"-L ws://h/a%20b?token=x":              "ws://h:80/a%20b?token=x",
		"-L ws://h?token=x":                    "ws://h:80/mqtt?token=x",
		"-L ws://h --insecure":                 "wss://h:443",
		"-L wss://user:secret@h:99/mqtt":       "wss://h:99/mqtt",
		"--unix /run/penstock.sock -p 8883 -d": "/run/penstock.sock",
	} {
		f := clientFlags{}
		if err := parseInto(&f, strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		o, topic, err := f.options()
		got := strings.TrimSpace(o.Addr + " " + topic)
		if err != nil || got != want || (o.TLS != nil) != f.secured() {
			t.Errorf("%s: %q, TLS %v, %v; want %q", args, got, o.TLS != nil, err, want)
		}
	}
}

func TestWhatIsWrongWithAURLIsSaidWithoutItsPassword(t *testing.T) {
	for _, url := range []string{
		"http://u:secret@h/t", "mqtt://u:secret@h", "mqtts://u:secret@/t", "wss://u:secret@", "mqtt://u:secret@[::1/t",
		"mqtt://u:secret#more@h/t", "mqtt://u:secret?more@h/t", "mqtt://u:secret/more@h/t", "mqtt://u:%secret@h/t",
	} {
		code, stdout, stderr := runArgs("pub", "-m", "m", "-L", url)
		if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "penstock: -L: ") || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want exit %d and no password", url, code, stdout, stderr, exitFailed)
		}
	}
}

// parseInto fills flags as the command line does.
func parseInto(f *clientFlags, args []string) error {
	parser, err := kong.New(f, kong.NoDefaultHelp())
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}
