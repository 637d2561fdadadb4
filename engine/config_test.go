package engine

import (
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDefaultConfigValidates(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
}

// eachKey visits every value key of a section with its field; lists of sections are visited through one zero element.
func eachKey(section reflect.Value, prefix string, visit func(key string, field reflect.Value)) {
	for i := range section.NumField() {
		key, f := join(prefix, section.Type().Field(i).Tag.Get("yaml")), section.Field(i)
		switch {
		case isSection(f.Type()):
			eachKey(f, key, visit)
		case f.Kind() == reflect.Slice && isSection(f.Type().Elem()):
			eachKey(reflect.New(f.Type().Elem()).Elem(), key+".0", visit)
		default:
			visit(key, f)
		}
	}
}

func TestEveryFieldHasAKeyThatSetWrites(t *testing.T) {
	c := DefaultConfig()
	samples := []string{"true", "false", "1", "2", "3,4", "3s", "text"}
	eachKey(reflect.ValueOf(&c).Elem(), "", func(key string, f reflect.Value) {
		if strings.HasSuffix(key, ".") || strings.Contains(key, ",") || strings.ToLower(key) != key {
			t.Errorf("key %q is no snake_case key: its field lacks a yaml tag", key)
		}
		for _, s := range samples {
			if c.Set(key, s) == nil {
				return
			}
		}
		t.Errorf("Set(%q, …) takes none of %q", key, samples)
	})
}

func TestReadmeTellsEveryKeyAndItsDefault(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // by key, as the table writes key and default
	for line := range strings.SplitSeq(string(readme), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			told[strings.TrimSpace(cells[1])] = strings.Trim(cells[2], " `")
		}
	}
	want := DefaultConfig()
	eachKey(reflect.ValueOf(&want).Elem(), "", func(key string, _ reflect.Value) {
		text, ok := told["`"+strings.Replace(key, ".0.", ".N.", 1)+"`"]
		if !ok {
			t.Errorf("README.md's configuration table lacks %s", key)
			return
		}
		if strings.HasPrefix(key, "listeners.") {
			return // what a listener's empty key means is said in words there
		}
		got := DefaultConfig()
		if err := got.Set(key, text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("README.md says the default of %s is %q, which is not so (%v)", key, text, err)
		}
	})
}

func TestSetWritesValues(t *testing.T) {
	for _, tt := range []struct {
		key, value string
		got        func(c *Config) any
		want       any
	}{
		{"loops", "3", func(c *Config) any { return c.Loops }, 3},
		{"limits.maximum_packet_size", "1MiB", func(c *Config) any { return c.Limits.MaximumPacketSize }, MiB},
		{"limits.maximum_packet_size", "2MB", func(c *Config) any { return c.Limits.MaximumPacketSize }, Size(2000000)},
		{"limits.maximum_packet_size", "64 KiB", func(c *Config) any { return c.Limits.MaximumPacketSize }, 64 * KiB},
		{"limits.maximum_packet_size", "12345", func(c *Config) any { return c.Limits.MaximumPacketSize }, Size(12345)},
		{"limits.connect_timeout", "1m30s", func(c *Config) any { return c.Limits.ConnectTimeout }, 90 * time.Second},
		{"limits.connect_timeout", "7", func(c *Config) any { return c.Limits.ConnectTimeout }, 7 * time.Second},
		{"limits.wildcard_subscriptions", "false", func(c *Config) any { return c.Limits.WildcardSubscriptions }, false},
		{"limits.server_reference", "other:1883", func(c *Config) any { return c.Limits.ServerReference }, "other:1883"},
		{"auth.anonymous", "never", func(c *Config) any { return c.Auth.Anonymous }, AnonymousNever},
		{"listeners.0.versions", "4,5", func(c *Config) any { return c.Listeners[0].Versions }, []int{4, 5}},
		{"listeners.0.versions", "", func(c *Config) any { return c.Listeners[0].Versions }, []int{}},
		{"listeners.1.address", "127.0.0.1:1", func(c *Config) any { return c.Listeners[1].Address }, "127.0.0.1:1"},
		{"listeners.0", "tcp://[::1]?versions=5", func(c *Config) any { return c.Listeners[0] },
			Listener{Kind: KindTCP, Address: "[::1]:1883", Versions: []int{5}}},
		{"listeners", "tcp://h:2?versions=4,5", func(c *Config) any { return c.Listeners },
			[]Listener{{Kind: KindTCP, Address: "h:2", Versions: []int{4, 5}}}},
		{"listeners", "", func(c *Config) any { return len(c.Listeners) }, 0},
		{"listeners.0.cert", "a.crt,b.crt", func(c *Config) any { return c.Listeners[0].Cert }, []string{"a.crt", "b.crt"}},
		{"listeners.0.client-auth", "require", func(c *Config) any { return c.Listeners[0].ClientAuth }, ClientAuthRequire},
		{"drain.will-grace", "10s", func(c *Config) any { return c.Drain.WillGrace }, 10 * time.Second},
		{"limits.max-connect_size", "1KiB", func(c *Config) any { return c.Limits.MaxConnectSize }, KiB},
	} {
		c := DefaultConfig()
		if err := c.Set(tt.key, tt.value); err != nil {
			t.Errorf("Set(%q, %q): %v", tt.key, tt.value, err)
		} else if got := tt.got(&c); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Set(%q, %q) left %#v, want %#v", tt.key, tt.value, got, tt.want)
		}
	}
}

func TestSetListTakesElementsAsTheyAre(t *testing.T) {
	c := DefaultConfig()
	urls := []string{"tcp://127.0.0.1:1?versions=4,5", "tcp://127.0.0.1:2"}
	if err := c.SetList("listeners", urls); err != nil {
		t.Fatal(err)
	}
	if len(c.Listeners) != 2 || c.Listeners[1].Address != "127.0.0.1:2" || len(c.Listeners[0].Versions) != 2 {
		t.Errorf("SetList(listeners, %q) left %+v", urls, c.Listeners)
	}
	checkFieldError(t, c.SetList("loops", []string{"1"}), "loops", "not a list", "loops=[1]")
}

func TestAnEmptyListSetsNothing(t *testing.T) {
	c := DefaultConfig()
	if err := c.SetList("limits", nil); err != nil || c.Limits != DefaultConfig().Limits {
		t.Errorf("SetList(limits, nil) = %v and left %+v, want the defaults", err, c.Limits)
	}
	if err := c.SetList("listeners", nil); err != nil || len(c.Listeners) != 0 {
		t.Errorf("SetList(listeners, nil) = %v and left %+v, want none", err, c.Listeners)
	}
	checkFieldError(t, c.SetList("loops", nil), "loops", "has no value", "loops=[]")
	checkFieldError(t, c.SetList("limit", nil), "limit", "unknown key", "limit=[]")
}

func TestSetNamesTheKeyThatIsWrong(t *testing.T) {
	for _, tt := range []struct{ key, value, field, problem string }{
		{"bogus", "1", "bogus", "unknown key"},
		{"log.bo\ngus", "1", `log."bo\ngus"`, "unknown key"},
		{"limits.maxqos", "1", "limits.maxqos", "maximum_qos"},
		{"limits.maximum_qos.x", "1", "limits.maximum_qos.x", "unknown key"},
		{"limits", "1", "limits", "is a section"},
		{"", "1", "", "unknown key"},
		{"listeners.x.name", "1", "listeners.x", "index from 0 to 1"},
		{"listeners.2.name", "1", "listeners.2", "index from 0 to 1"},
		{"listeners.-1.name", "1", "listeners.-1", "index"},
		{"listeners.0", "http://x", "listeners.0", "unknown kind"},
		{"listeners.0.versions", "4,five", "listeners.0.versions", `whole number, is "five"`},
		{"limits.maximum_qos", "two", "limits.maximum_qos", "whole number"},
		{"limits.maximum-qos", "two", "limits.maximum_qos", "whole number"},
		{"limits.maximum-qps", "2", "limits.maximum_qps", "unknown key"},
		{"limits.maximum_qos", "0x2", "limits.maximum_qos", "whole number"},
		{"limits.shared_subscriptions", "yes", "limits.shared_subscriptions", "true or false"},
		{"limits.connect_timeout", "soon", "limits.connect_timeout", "a duration such as"},
		{"limits.connect_timeout", "99999999999999", "limits.connect_timeout", "too long"},
		{"limits.max_outbound_bytes", "1 megabyte", "limits.max_outbound_bytes", "a size such as"},
		{"limits.max_outbound_bytes", "-1", "limits.max_outbound_bytes", "a size such as"},
		{"limits.max_outbound_bytes", "9999999999GiB", "limits.max_outbound_bytes", "too large"},
	} {
		c := DefaultConfig()
		checkFieldError(t, c.Set(tt.key, tt.value), tt.field, tt.problem, tt.key+"="+tt.value)
	}
}

func TestValidateNamesTheFieldThatIsWrong(t *testing.T) {
	for _, tt := range []struct{ key, value, field, problem string }{
		{"loops", "-1", "loops", "from 0 to 256, is -1"},
		{"listeners", "", "listeners", "at least one"},
		{"listeners.0.kind", "udp", "listeners.0.kind", `unknown kind "udp"`},
		{"listeners.0.address", "localhost", "listeners.0.address", "host:port"},
		{"listeners.0.address", "localhost:mqtt", "listeners.0.address", "port from 0 to 65535"},
		{"listeners.0.address", "localhost:65536", "listeners.0.address", "port from 0 to 65535"},
		{"listeners.0.address", "[::x]:1883", "listeners.0.address", "IPv6"},
		{"listeners.0.address", "[fe80::1%e\x940]:1883", "listeners.0.address", "IPv6"},
		{"listeners.0.address", "a b:1883", "listeners.0.address", "no valid host"},
		{"listeners.0.versions", "3,6", "listeners.0.versions", "3, 4 and 5"},
		{"listeners.0.versions", "4,4", "listeners.0.versions", "3, 4 and 5"},
		{"listeners.0.max_connections", "-1", "listeners.0.max_connections", "at least 0"},
		{"listeners.0.mountpoint", "a/#", "listeners.0.mountpoint", "without wildcards"},
		{"listeners.0.mountpoint", "$SYS/", "listeners.0.mountpoint", "$-topics"},
		{"listeners.0.auth", "sometimes", "listeners.0.auth", "one of loopback, always, never"},
		{"listeners.1", "tcp://127.0.0.1:1883", "listeners.1.address", "unique"},
		{"tls.min_version", "", "tls.min_version", "one of 1.2, 1.3"},
		{"tls.min_version", "1.1", "tls.min_version", "one of 1.2, 1.3"},
		{"tls.max_handshakes", "0", "tls.max_handshakes", "at least 1, is 0"},
		{"tls.handshake_cores", "-1", "tls.handshake_cores", "at least 0"},
		{"tls.reload_interval", "99ms", "tls.reload_interval", "0 (off) or at least 100ms, is 99ms"},
		{"tls.reload_interval", "-1s", "tls.reload_interval", "0 (off) or at least 100ms"},
		{"tls.ticket_rotation", "59s", "tls.ticket_rotation", "from 1m0s to 42h0m0s"},
		{"tls.ticket_rotation", "43h", "tls.ticket_rotation", "from 1m0s to 42h0m0s"},
		{"websocket.max_header_size", "511", "websocket.max_header_size", "from 512 to 1MiB"},
		{"websocket.max_header_size", "2MiB", "websocket.max_header_size", "from 512 to 1MiB"},
		{"websocket.max_frame_size", "1023", "websocket.max_frame_size", "at least 1KiB"},
		{"websocket.ping_interval", "999ms", "websocket.ping_interval", "0 (off) or at least 1s"},
		{"drain.timeout", "0", "drain.timeout", "at least 1ms, is 0s"},
		{"drain.will_grace", "-1s", "drain.will_grace", "at least 0s"},
		{"limits.max_connect_size", "15", "limits.max_connect_size", "from 16 to"},
		{"limits.max_connecting", "-1", "limits.max_connecting", "at least 0"},
		{"limits.max_connecting_per_address", "-1", "limits.max_connecting_per_address", "at least 0"},
		{"limits.max_connecting_bytes", "1KiB", "limits.max_connecting_bytes", "at least 64KiB, is 1KiB"},
		{"auth.anonymous", "", "auth.anonymous", "one of"},
		{"auth.timeout", "0", "auth.timeout", "at least 1ms"},
		{"limits.maximum_packet_size", "1GiB", "limits.maximum_packet_size", "from 16 to 268435460, is 1GiB"},
		{"limits.receive_maximum", "0", "limits.receive_maximum", "from 1 to 65535"},
		{"limits.topic_alias_maximum", "65536", "limits.topic_alias_maximum", "from 0 to 65535"},
		{"limits.maximum_qos", "3", "limits.maximum_qos", "from 0 to 2, is 3"},
		{"limits.server_keep_alive", "1500ms", "limits.server_keep_alive", "whole seconds"},
		{"limits.server_keep_alive", "65536", "limits.server_keep_alive", "whole seconds"},
		{"limits.connect_timeout", "-1s", "limits.connect_timeout", "at least 1ms, is -1s"},
		{"limits.max_inflight", "0", "limits.max_inflight", "from 1 to 65535"},
		{"limits.max_outbound_bytes", "1", "limits.max_outbound_bytes", "from 1KiB to"},
		{"limits.max_pending_bytes", "1", "limits.max_pending_bytes", "from 1KiB to"},
		{"limits.max_topic_levels", "0", "limits.max_topic_levels", "from 1 to"},
		{"limits.max_client_id_length", "22", "limits.max_client_id_length", "from 23 to"},
		{"limits.max_subscriptions_per_client", "-1", "limits.max_subscriptions_per_client", "at least 0"},
		{"limits.response_information", "\xff", "limits.response_information", "UTF-8"},
		{"limits.server_reference", "a\x00b", "limits.server_reference", "UTF-8"},
		{"session.max_expiry", "4294967295", "session.max_expiry", "whole seconds"},
		{"session.max_queued_messages", "0", "session.max_queued_messages", "from 1 to"},
		{"session.max_queued_bytes", "0", "session.max_queued_bytes", "at least 1KiB, is 0"},
		{"session.queue_policy", "drop", "session.queue_policy", "one of drop_oldest, drop_newest"},
		{"session.shared_subscription_strategy", "best", "session.shared_subscription_strategy", "one of round_robin"},
		{"retain.max_messages", "-1", "retain.max_messages", "at least 0"},
		{"session.queue_policy", "wait", "session.queue_policy", "drop_newest, refuse, is"},
		{"session.max_total_queued_messages", "-1", "session.max_total_queued_messages", "at least 0, is -1"},
		{"session.max_total_queued_bytes", "1023", "session.max_total_queued_bytes", "at least 1KiB, is 1023"},
		{"session.max_offline_sessions", "-1", "session.max_offline_sessions", "at least 0, is -1"},
		{"session.max_offline_age", "999ms", "session.max_offline_age", "0 (off) or at least 1s, is 999ms"},
		{"session.max_offline_age", "-1s", "session.max_offline_age", "0 (off) or at least 1s"},
		{"retain.max_bytes", "1", "retain.max_bytes", "at least 1KiB, is 1"},
		{"store.sync", "sometimes", "store.sync", "one of always, interval, none"},
		{"store.interval", "0", "store.interval", "from 1ms to 1h"},
		{"store.gather", "2s", "store.gather", "from 0s to 1s, is 2s"},
		{"store.segment_size", "1KiB", "store.segment_size", "from 64KiB to 1GiB"},
		{"store.quota", "1KiB", "store.quota", "at least 1MiB, is 1KiB"},
		{"store.quota", "7MiB", "store.quota", "8 times limits.maximum_packet_size (1MiB, 0 is the protocol's own limit) or more, is 7MiB"},
		{"store.high_water", "101", "store.high_water", "from 2 to 100, is 101"},
		{"store.low_water", "95", "store.low_water", "from 1 to 94, is 95"},
		{"log.level", "loud", "log.level", "one of debug, info, warn, error"},
		{"log.format", "xml", "log.format", "one of text, json"},
		{"sys.interval", "10ms", "sys.interval", "at least 1s"},
		{"sys.interval", "-1s", "sys.interval", "at least 1s"},
	} {
		c := DefaultConfig()
		if err := c.Set(tt.key, tt.value); err != nil {
			t.Errorf("Set(%q, %q): %v", tt.key, tt.value, err)
			continue
		}
		checkFieldError(t, c.Validate(), tt.field, tt.problem, tt.key+"="+tt.value)
	}
}

func checkFieldError(t *testing.T, err error, field, problem, input string) {
	t.Helper()
	var fe *FieldError
	if !errors.As(err, &fe) {
		t.Errorf("%s: got error %v, want a *FieldError for %q", input, err, field)
	} else if fe.Field != field || !strings.Contains(fe.Problem, problem) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: got %q, want one line for %q with %q", input, err, field, problem)
	}
}

func TestSizeAsTextReadsBack(t *testing.T) {
	for _, s := range []Size{0, 1, 1023, KiB, 1536, 10 * MiB, 3 * GiB, 1<<62 + 1} {
		var got Size
		if err := got.UnmarshalText([]byte(s.String())); err != nil || got != s {
			t.Errorf("%d is written %q and reads back as %d, %v", int64(s), s, int64(got), err)
		}
	}
}

func FuzzSet(f *testing.F) {
	var c Config
	eachKey(reflect.ValueOf(&c).Elem(), "", func(key string, _ reflect.Value) { f.Add(key, "1") })
	f.Add("listeners.1", "tcp://[::1]:1?versions=3")
	f.Add("listeners.0", "tls://h?cert=a,b&key=a&key=b&ca=c&client-auth=optional&proxy=10.0.0.0/8")
	f.Add("listeners", "unix:///run/x.sock?mode=0600&proxy=unix")
	f.Add("drain.will-grace", "10s")
	f.Add("listeners.0", "tcp://h?a%0ab=1")
	f.Add("limits.max_outbound_bytes", "18446744073709551615GiB")
	f.Add("sys.interval", strconv.Itoa(1<<62))
	f.Fuzz(func(t *testing.T, key, value string) {
		c := DefaultConfig()
		err := c.Set(key, value)
		if err == nil {
			err = c.Validate()
		}
		var fe *FieldError
		if err != nil && !errors.As(err, &fe) {
			t.Errorf("Set(%q, %q): %v is no *FieldError", key, value, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("Set(%q, %q): %q is not one line", key, value, err)
		}
	})
}
