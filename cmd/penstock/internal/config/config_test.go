package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// write puts a configuration file called penstock.yaml into a directory of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNothingSaidIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n", "limits:\n  # maximum_qos: 1\nsession: {}\n"} {
		got, err := Source{File: write(t, text)}.Load()
		if want := Default(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("file %q: got %+v, %v, want the defaults", text, got, err)
		}
	}
}

func TestFileSetsEverySection(t *testing.T) {
	got, err := Source{File: write(t, `
loops: 2
listeners:
  - name: inside
    address: 127.0.0.1:1884
    versions: [4, 5]
    max_connections: 100
  - tcp://127.0.0.1:1885?versions=3
auth:
  anonymous: never
limits:
  maximum_packet_size: 64KiB
  server_keep_alive: 90
  wildcard_subscriptions: false
session: {queue_policy: drop_newest, expiry_v3: 24h}
retain:
  available: false
log:
  level: "debug"
sys:
  interval: 0
`)}.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Loops = 2
	want.Listeners = []engine.Listener{
		{Name: "inside", Address: "127.0.0.1:1884", Versions: []int{4, 5}, MaxConnections: 100},
		{Kind: engine.KindTCP, Address: "127.0.0.1:1885", Versions: []int{3}},
	}
	want.Auth.Anonymous = engine.AnonymousNever
	want.Limits.MaximumPacketSize = 64 * engine.KiB
	want.Limits.ServerKeepAlive = 90 * time.Second
	want.Limits.WildcardSubscriptions = false
	want.Session.QueuePolicy = engine.DropNewest
	want.Session.ExpiryV3 = 24 * time.Hour
	want.Retain.Available = false
	want.Log.Level = engine.LogDebug
	want.Sys.Interval = 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestListenersMayBeURLsAlone(t *testing.T) {
	got, err := Source{File: write(t, "listeners:\n  - tcp://127.0.0.1:1?versions=4,5\n  - tcp://127.0.0.1:2\n")}.Load()
	if err != nil || len(got.Listeners) != 2 || got.Listeners[1].Address != "127.0.0.1:2" {
		t.Errorf("got %+v, %v", got.Listeners, err)
	}
}

func TestKeysMayHaveDashesInAFile(t *testing.T) {
	got, err := Source{
		File: write(t, `
listeners:
  - kind: tls
    address: 127.0.0.1:0
    cert: [a.crt, "b,c.crt"]
    key: [a.key, b.key]
    ca: ca.crt
    client-auth: optional
    min_tls: 1.3
  - kind: unix
    address: /run/penstock.sock
    mode: 0600
    proxy: [unix]
drain: {will-grace: 1m}
`),
		Set: []string{"listeners.0.max-connections=7", "drain.will-grace=10s"},
	}.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listeners = []engine.Listener{
		{Kind: engine.KindTLS, Address: "127.0.0.1:0", Cert: []string{"a.crt", "b,c.crt"}, Key: []string{"a.key", "b.key"},
			CA: "ca.crt", ClientAuth: engine.ClientAuthOptional, MinTLS: engine.TLS13, MaxConnections: 7},
		{Kind: engine.KindUnix, Address: "/run/penstock.sock", Mode: "0600", Proxy: []string{"unix"}},
	}
	want.Drain.WillGrace = 10 * time.Second
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLaterSaysMore(t *testing.T) {
	three := 3
	s := Source{
		File:     write(t, "loops: 1\nlog: {level: warn}\nlisteners: [tcp://127.0.0.1:1]\nsys: {interval: 5s}\nlimits: {max_inflight: 7}\nstore: {path: /of/the/file, sync: interval, gather: 20ms}\n"),
		Data:     "/of/the/flag",
		Listen:   []string{"tcp://127.0.0.1:2", "tcp://127.0.0.1:3?versions=4,5"},
		Loops:    &three,
		LogLevel: "error",
		Set:      []string{"log.level=debug", "listeners.1.max_connections=9", "limits.response_information=a=b"},
	}
	got, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listeners = []engine.Listener{
		{Kind: engine.KindTCP, Address: "127.0.0.1:2"},
		{Kind: engine.KindTCP, Address: "127.0.0.1:3", Versions: []int{4, 5}, MaxConnections: 9},
	}
	want.Loops = 3
	want.Log.Level = engine.LogDebug
	want.Sys.Interval = 5 * time.Second
	want.Limits.MaxInflight = 7
	want.Store.Path, want.Store.Sync, want.Store.Gather = "/of/the/flag", engine.SyncInterval, 20*time.Millisecond
	want.Limits.ResponseInformation = "a=b"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"limits:\n  maximum_qos: 1\n  maximum_qps: 1\n", "penstock.yaml:3: limits.maximum_qps: unknown key"},
		{"\nlimit:\n  maximum_qos: 1\n", "penstock.yaml:3: limit: unknown key"},
		{"bogus: 1\n", "penstock.yaml:1: bogus: unknown key (known here: loops, listeners,"},
		{"bogus:\n", "penstock.yaml:1: bogus: unknown key"},
		{"limits.maximum_qos: 1\n", "penstock.yaml:1: limits.maximum_qos: unknown key"},
		{"limits:\n  maximum_qos: many\n", `penstock.yaml:2: limits.maximum_qos: must be a whole number, is "many"`},
		{"limits:\n  maximum_qos: 7\n", "penstock.yaml:2: limits.maximum_qos: must be from 0 to 2, is 7"},
		{"limits:\n  maximum_qos:\n", "penstock.yaml:2: limits.maximum_qos: has no value"},
		{"limits:\n  maximum_qos: [1]\n", "penstock.yaml:2: limits.maximum_qos: takes one value, not a list"},
		{"limits:\n  maximum_qos: {a: 1}\n", "penstock.yaml:2: limits.maximum_qos: has no value"},
		{"limits: 5\n", "penstock.yaml:1: limits: is a section"},
		{"listeners:\n  - address: 127.0.0.1:1\n  - name: second\n", "penstock.yaml:3: listeners.1.address: must be host:port"},
		{"listeners:\n  - address: 127.0.0.1:1\n    prot: 1\n", "penstock.yaml:3: listeners.0.prot: unknown key"},
		{"listeners:\n  - udp://127.0.0.1:1\n", `penstock.yaml:2: listeners: listener "udp://127.0.0.1:1": unknown kind "udp"`},
		{"listeners: []\n", "penstock.yaml:1: listeners: must hold at least one listener"},
		{"retain: {available: yes}\n", "penstock.yaml:1: retain.available: must be true or false"},
		{"drain:\n  will-grace: -1s\n", "penstock.yaml:2: drain.will_grace: must be at least 0s"},
		{"drain:\n  will-grace: 1s\n  will_grace: 2s\n", "penstock.yaml:3: drain.will_grace: stands more than once"},
		{"listeners:\n  - tcp://h:1\n  - tls://h\n", "penstock.yaml:2: listeners.1.cert: must name a PEM file"},
		{"loops: 1\nloops: 2\n", "penstock.yaml:2: mapping key \"loops\" already defined"},
		{"limits: {maximum_qos\n", "penstock.yaml:1: "},
		{"loops: 1\n\tlimits: 1\n", "penstock.yaml:"},
		{"- loops\n", "penstock.yaml:1: must be keys and values"},
		{"loops: &n 1\nlimits: {maximum_qos: *n}\n", "penstock.yaml:1: anchors, aliases, tags"},
		{"<<: {loops: 1}\n", "penstock.yaml:1: <<: unknown key"},
		{"loops: 1\n---\nloops: 2\n", "penstock.yaml:3: a second YAML document"},
		{"store:\n  path: /data\n  sync: never\n", "penstock.yaml:3: store.sync: must be one of always, interval, none, is \"never\""},
		{"store: {interval: 0}\n", "penstock.yaml:1: store.interval: must be from 1ms to 1h0m0s, is 0s"},
		{"store: {gather: 2s}\n", "penstock.yaml:1: store.gather: must be from 0s to 1s, is 2s"},
		{"store: {segment_size: 1KiB}\n", "penstock.yaml:1: store.segment_size: must be from 64KiB to 1GiB, is 1KiB"},
		{"store: {quota: 10}\n", "penstock.yaml:1: store.quota: must be at least 1MiB, is 10"},
		{"store: {high_water: 80}\n", "penstock.yaml:1: store.low_water: must be from 1 to 79, is 85"},
		{"store: {strict: perhaps}\n", "penstock.yaml:1: store.strict: must be true or false"},
	} {
		_, err := Source{File: write(t, tt.text)}.Load()
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("file %q: got error %v, want one line that begins %q", tt.text, err, tt.want)
		}
	}
}

func TestErrorsNameTheFlag(t *testing.T) {
	file := write(t, "limits:\n  maximum_qos: 1\nlisteners:\n  - address: 127.0.0.1:1\n")
	minus := -1
	for _, tt := range []struct {
		source Source
		want   string
	}{
		{Source{Set: []string{"limits.maximum_qps=1"}}, "--set limits.maximum_qps=1: limits.maximum_qps: unknown key"},
		{Source{Set: []string{"limits.maximum_qos=x"}}, "--set limits.maximum_qos=x: limits.maximum_qos: must be a whole number"},
		{Source{Set: []string{"limits.maximum-qos=3"}}, "--set limits.maximum-qos=3: limits.maximum_qos: must be from 0 to 2"},
		{Source{Listen: []string{"ws://h?cert=a"}}, "--listen ws://h?cert=a: listeners.0.cert: only tls and wss"},
		{Source{Set: []string{"limits.maximum_qos=3"}}, "--set limits.maximum_qos=3: limits.maximum_qos: must be from 0 to 2"},
		{Source{Set: []string{"limits.maximum_qos"}}, "--set limits.maximum_qos: must be KEY=VALUE"},
		{Source{Set: []string{"limits=3"}}, "--set limits=3: limits: is a section"},
		{Source{Listen: []string{"1884"}}, `--listen 1884: listeners.0: listener "1884"`},
		{Source{Listen: []string{"tcp://h"}, Set: []string{"listeners.1.name=x"}}, "--set listeners.1.name=x: listeners.1.address"},
		{Source{Listen: []string{"tcp://h:1", "tcp://h:2?versions=9"}}, "--listen tcp://h:2?versions=9: listeners.1.versions"},
		{Source{LogLevel: "loud"}, "--log-level loud: log.level: must be one of"},
		{Source{Loops: &minus}, "--loops -1: loops: must be from 0"},
		{Source{Data: "/var/lib/penstock", Set: []string{"store.low_water=99"}}, "--set store.low_water=99: store.low_water: must be from 1 to 94, is 99"},
		{Source{File: "/nonexistent/penstock.yaml"}, "read configuration: stat /nonexistent/penstock.yaml: no such file"},
		{Source{File: os.TempDir()}, "read configuration: read "},
	} {
		if tt.source.File == "" {
			tt.source.File = file
		}
		_, err := tt.source.Load()
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: got error %v, want one line that begins %q", tt.source, err, tt.want)
		}
	}
}

func TestAFileTooLargeIsNoConfiguration(t *testing.T) {
	_, err := Source{File: write(t, strings.Repeat("#", maxFile+1))}.Load()
	if err == nil || !strings.Contains(err.Error(), "no configuration") {
		t.Errorf("got error %v, want a refusal", err)
	}
}

// FuzzFile reads any text as a configuration: no panic, and each error is one line that begins with the file.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "loops: 1\n", "listeners:\n- tcp://127.0.0.1:1\n- {address: 'x:1', versions: [3, 4]}\n",
		"limits:\n  maximum_qos: 1 # one\n  server_reference: |\n    a\n", "a: &x [*x]\n", "? [a]\n: b\n", "--- !!map\nlog: {level: \"de\\u0062ug\"}\n",
		"sys:\n  interval: 1m\n...\n", "%YAML 1.2\n---\nloops: .inf\n", "{0\r\r0}", "drain: {will-grace: 1s}\n", "retain: {available: ~}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2048 {
			return // the parser's work grows with the square of the nesting
		}
		l := loader{cfg: Default()}
		err := l.yaml("penstock.yaml", []byte(text))
		if err == nil {
			if err = l.cfg.Validate(); err == nil {
				return
			}
			err = l.locate(err)
		}
		if !strings.HasPrefix(err.Error(), "penstock.yaml:") || strings.Contains(err.Error(), "\n") {
			t.Errorf("file %q: error %q is not one line that begins with the file", text, err)
		}
	})
}

// The engine's own test looks after its keys; this one after those of the plugins.
func TestReadmeTellsTheAdminsKeysAndDefaults(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for line := range strings.SplitSeq(string(readme), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			told[strings.Trim(cells[1], " `")] = strings.Trim(cells[2], " `")
		}
	}
	var keys func(section reflect.Type, prefix string)
	keys = func(section reflect.Type, prefix string) {
		for i := range section.NumField() {
			f := section.Field(i)
			key := prefix + f.Tag.Get("yaml")
			if f.Type.Kind() == reflect.Struct {
				keys(f.Type, key+".")
				continue
			}
			text, ok := told[key]
			if !ok {
				t.Errorf("README.md's configuration table lacks %s", key)
				continue
			}
			delete(told, key)
			if want := map[string]string{"admin.listen": admin.DefaultAddress}[key]; text != want {
				t.Errorf("README.md says the default of %s is %q, want %q", key, text, want)
			}
			cfg := Default()
			if err := engine.SetIn(&cfg, key, "127.0.0.1:0"); err != nil {
				t.Errorf("%s cannot be set: %v", key, err)
			}
		}
	}
	keys(reflect.TypeFor[admin.Config](), "admin.")
	for key := range told {
		if strings.HasPrefix(key, "admin.") {
			t.Errorf("README.md tells of %s, which is no key", key)
		}
	}
}

func TestTheAdminSectionIsReadLikeAnyOther(t *testing.T) {
	got, err := Source{
		File:  write(t, "admin:\n  listen: [127.0.0.1:1, 127.0.0.1:2]\n  token: sixteen letters!\n  tls: {cert: c, key: k}\n  hosts: a.example\n"),
		Admin: "127.0.0.1:3",
	}.Load()
	want := admin.Config{Listen: []string{"127.0.0.1:3"}, Token: "sixteen letters!", TLS: admin.TLS{Cert: "c", Key: "k"}, Hosts: []string{"a.example"}}
	if err != nil || !reflect.DeepEqual(got.Admin, want) {
		t.Errorf("got %+v, %v, want %+v", got.Admin, err, want)
	}
	if got, err := (Source{File: write(t, "admin: {listen: off}\n")}).Load(); err != nil || !reflect.DeepEqual(got.Admin.Listen, []string{admin.Off}) {
		t.Errorf("off: got %+v, %v", got.Admin, err)
	}
	for _, tt := range []struct{ text, want string }{
		{"admin:\n  listen: 0.0.0.0:1\n", "penstock.yaml:2: admin.listen: must be a loopback address"},
		{"admin:\n  token: short\n", "penstock.yaml:2: admin.token: must be at least 16 characters long"},
		{"admin:\n  tls:\n    cert: c\n", "penstock.yaml:3: admin.tls: must have both"},
		{"admin:\n  bogus: 1\n", "penstock.yaml:2: admin.bogus: unknown key (known here: listen, socket, token, token_file, hosts, tls)"},
		{"bogus: 1\n", "penstock.yaml:1: bogus: unknown key (known here: loops, listeners, tls, websocket, auth, limits, session, retain, store, drain, log, sys, admin)"},
	} {
		if _, err := (Source{File: write(t, tt.text)}).Load(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("file %q: got %v, want %q", tt.text, err, tt.want)
		}
	}
}
