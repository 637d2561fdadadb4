package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// asProgram makes the test binary be penstock itself, so that tests run the program that users run.
const asProgram = "PENSTOCK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if role := os.Getenv(asSuccessor); role != "" {
		playSuccessor(role)
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// programEnv is the environment in which the test binary is penstock. A program built with the race detector
// would stay a second longer at its end, to see races of that moment.
func programEnv() []string {
	race := strings.TrimSpace("atexit_sleep_ms=0 " + os.Getenv("GORACE")) // what the caller asked for comes last and wins
	return append(os.Environ(), asProgram+"=1", "GORACE="+race)
}

// runArgs runs the command line inside the test.
func runArgs(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelpGoesToStdout(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"Usage: penstock", "serve", "pub", "sub", "store", "version"}},
		{[]string{"store", "--help"}, []string{"status", "check", "repair", "dump", "compact"}},
		{[]string{"serve", "--help"}, []string{"--config", "-c", "--listen", "--data", "--loops", "--log-level", "--admin", "--set", "listeners.0.max_connections"}},
		{[]string{"ctl", "--help"}, []string{"--socket", "--url", "--token", "--json", "status", "store", "clients", "client", "kick", "reload"}},
		{[]string{"version", "--help"}, []string{"Usage: penstock version"}},
	} {
		code, stdout, stderr := runArgs(tt.args...)
		if code != exitOK || stderr != "" {
			t.Errorf("%q: exit %d, stderr %q, want 0 and nothing", tt.args, code, stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: the help lacks %q:\n%s", tt.args, want, stdout)
			}
		}
	}
}

func TestVersionSaysVersion(t *testing.T) {
	code, stdout, stderr := runArgs("version")
	if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, "penstock "+version) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestWhatCannotStartSaysWhyInOneLine(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--bogus"}, exitUsage, "penstock: unknown flag --bogus"},
		{[]string{"serve", "extra"}, exitUsage, "penstock: unexpected argument extra"},
		{[]string{"--loops", "many"}, exitUsage, "penstock: --loops: "},
		{[]string{"-c", "/nonexistent.yaml"}, exitFailed, "penstock: read configuration: "},
		{[]string{"--listen", "tcp://127.0.0.1:1?version=5"}, exitFailed, "penstock: --listen tcp://127.0.0.1:1?version=5: "},
		{[]string{"--set", "limits.bogus=5"}, exitFailed, "penstock: --set limits.bogus=5: limits.bogus: unknown key"},
		{[]string{"--data", "/tmp", "--set", "store.sync=sometimes"}, exitFailed, "penstock: --set store.sync=sometimes: store.sync: must be one of always, interval, none"},
	} {
		code, stdout, stderr := runArgs(tt.args...)
		if code != tt.code || stdout != "" || !strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q, want exit %d and one line that begins %q",
				tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}
