package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/cmd/penstock/internal/config"
	"github.com/penstock-mqtt/penstock/engine"
)

// packaged is one of the files that a package of the program installs.
func packaged(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("package", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestThePackagedConfigurationKeepsItsStateOnTheDisk(t *testing.T) {
	cfg, err := config.Source{File: "package/penstock.yaml"}.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default().Store
	want.Path = "/var/lib/penstock"
	if cfg.Store != want || want.Sync != engine.SyncAlways {
		t.Errorf("store: got %+v, want the defaults, always among them, in /var/lib/penstock: %+v", cfg.Store, want)
	}
	if cfg.Auth.Anonymous != engine.AnonymousLoopback {
		t.Errorf("auth.anonymous is %q: a package must not open a broker to the network", cfg.Auth.Anonymous)
	}
	unit := packaged(t, "penstock.service")
	if dir := "StateDirectory=" + filepath.Base(cfg.Store.Path) + "\n"; !strings.Contains(unit, dir) || filepath.Dir(cfg.Store.Path) != "/var/lib" {
		t.Errorf("the state is in %s, and the unit lacks %q", cfg.Store.Path, dir)
	}
	if name := "FileDescriptorName=" + cfg.Listeners[0].Name + "\n"; !strings.Contains(packaged(t, "penstock.socket"), name) {
		t.Errorf("the first listener is %q, and the socket unit lacks %q", cfg.Listeners[0].Name, name)
	}
}

// What is commented out is for the reader to put into force, and must be right then.
func TestTheProfilesOfThePackagedConfigurationAreValid(t *testing.T) {
	keys := regexp.MustCompile(`(?m)^  # ([a-z_]+: )`)
	text := packaged(t, "penstock.yaml")
	if n := len(keys.FindAllString(text, -1)); n != 2 {
		t.Errorf("%d keys are commented out, want gather and quota", n)
	}
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(file, []byte(keys.ReplaceAllString(text, "  $1")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Source{File: file}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if g := cfg.Store.Gather; g < 10*time.Millisecond || g > 20*time.Millisecond || cfg.Store.Quota != engine.GiB {
		t.Errorf("gather %v, quota %v, want 10 to 20 ms and 1GiB", g, cfg.Store.Quota)
	}
}

func TestTheREADMEQuotesThePackagedFiles(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, store, _ := strings.Cut(packaged(t, "penstock.yaml"), "\nstore:\n")
	for name, want := range map[string]string{
		"penstock.socket":  "```ini\n" + packaged(t, "penstock.socket") + "```\n",
		"penstock.service": "```ini\n" + packaged(t, "penstock.service") + "```\n",
		"penstock.yaml":    "```yaml\nstore:\n" + store + "```\n",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("README.md does not quote %s as it is:\n%s", name, want)
		}
	}
}

// unitKeys are the keys of systemd.unit(5), .service(5), .exec(5) and .socket(5) that the units may use.
var unitKeys = map[string][]string{
	"Unit": {"Description", "Documentation", "Requires", "Wants", "After", "Before"},
	"Service": {
		"Type", "ExecStart", "ExecReload", "User", "Group", "RuntimeDirectory", "StateDirectory", "StateDirectoryMode", "LimitNOFILE",
		"TimeoutStartSec", "Restart", "Sockets",
	},
	"Socket":  {"ListenStream", "FileDescriptorName", "SocketMode", "Service", "Backlog"},
	"Install": {"WantedBy"},
}

func TestThePackagedUnitsAreOnesThatSystemdKnows(t *testing.T) {
	for _, name := range []string{"penstock.socket", "penstock.service"} {
		section := ""
		for line := range strings.Lines(packaged(t, name)) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "["):
				section = strings.Trim(line, "[]")
			default:
				if key, value, ok := strings.Cut(line, "="); !ok || value == "" || !slices.Contains(unitKeys[section], key) {
					t.Errorf("%s, section %q has the line %q, want one of %q", name, section, line, unitKeys[section])
				}
			}
		}
	}
}
