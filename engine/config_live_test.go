package engine

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// fill puts something into every value of v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
}

// whole fails for what is zero in v: somebody has added a field and not thought of it here.
func whole(t *testing.T, v reflect.Value, at string) {
	t.Helper()
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			whole(t, v.Field(i), join(at, v.Type().Field(i).Name))
		}
	case v.Kind() == reflect.Slice && v.Len() > 0:
		whole(t, v.Index(0), join(at, "0"))
	case v.IsZero():
		t.Errorf("%s did not come through", at)
	}
}

func TestLiveHasEverythingAndSharesNoMemoryWithItsConfig(t *testing.T) {
	var c, same Config
	fill(reflect.ValueOf(&c).Elem())
	fill(reflect.ValueOf(&same).Elem())
	l, want := c.Live(), same.Live()
	whole(t, reflect.ValueOf(l), "Live")
	scribble(reflect.ValueOf(&c).Elem())
	if !reflect.DeepEqual(l, want) {
		t.Errorf("a change of the Config reached its Live: %+v", l)
	}
}

// scribble writes over everything that v refers to.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	default:
		v.SetZero()
	}
}

func TestAListenersKeysOverrideTheGlobalOnes(t *testing.T) {
	c := DefaultConfig()
	c.Auth.Anonymous, c.TLS.MinVersion = AnonymousNever, TLS12
	c.Limits.MaxConnecting, c.Limits.MaxConnectingPerAddress = 10, 5
	c.Listeners = append(c.Listeners, Listener{
		Address: "127.0.0.1:1", Auth: AnonymousAlways, MaxConnecting: 3, MaxConnectingPerAddress: 2, MinTLS: TLS13,
	})
	l := c.Live()
	for i, want := range []struct {
		anonymous       Anonymous
		all, perAddress int
		tls             TLSVersion
	}{{AnonymousNever, 10, 5, TLS12}, {AnonymousAlways, 3, 2, TLS13}} {
		got := want
		got.anonymous, got.all, got.perAddress, got.tls = l.Anonymous(i), l.maxConnecting(i), l.maxConnectingPerAddress(i), l.minTLS(i)
		if got != want {
			t.Errorf("listener %d: got %v, want %v", i, got, want)
		}
	}
}

func TestLiveKnowsTheProxiesOfAListener(t *testing.T) {
	c := DefaultConfig()
	c.Listeners = []Listener{{Proxy: []string{"10.0.0.0/8", "::1"}}, {Kind: KindUnix, Proxy: []string{"unix"}}, {}}
	l := c.Live()
	for i, want := range []struct {
		networks []netip.Prefix
		unix     bool
	}{
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, false}, {nil, true}, {nil, false},
	} {
		if networks, unix := l.proxyNetworks(i); !reflect.DeepEqual(networks, want.networks) || unix != want.unix {
			t.Errorf("listener %d: got %v, %v, want %v", i, networks, unix, want)
		}
	}
}

func TestReloadableNamesWhatNeedsARestart(t *testing.T) {
	needs := map[string]string{ // key and another value; each of the listeners' stands for one listener
		"loops": "2", "log.format": "json",
		"store.path": "/data", "store.sync": "none", "store.interval": "7s", "store.gather": "7ms", "store.segment_size": "1MiB",
		"store.quota": "1GiB", "store.high_water": "90", "store.low_water": "80", "store.strict": "true",
		"tls.max_handshakes": "2", "tls.handshake_cores": "2",
		"listeners.0.name": "main", "listeners.0.kind": "tcp", "listeners.0.address": "127.0.0.1:9", "listeners.0.mountpoint": "a/",
		"listeners.0.nagle": "true", "listeners.0.tcp_keep_alive": "9", "listeners.0.tcp_user_timeout": "9",
		"listeners.0.mode": "0600", "listeners.0.path": "/other",
	}
	was := DefaultConfig()
	was.Listeners[0].Kind = KindWS
	eachKey(reflect.ValueOf(&was).Elem(), "", func(key string, f reflect.Value) {
		next := DefaultConfig()
		next.Listeners[0].Kind = KindWS
		value, restart := needs[key]
		delete(needs, key)
		if !restart {
			for _, sample := range []string{"true", "false", "7", "3,4", "11s", "text"} {
				if next.Set(key, sample) == nil && !reflect.DeepEqual(next, was) {
					break
				}
			}
		} else if err := next.Set(key, value); err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(next, was) {
			t.Fatalf("%s: nothing has changed", key)
		}
		if err := was.Reloadable(&next); restart {
			checkFieldError(t, err, key, "needs a restart", key+"="+value)
		} else if err != nil {
			t.Errorf("%s: %v, want it to be live", key, err)
		}
	})
	for key := range needs {
		t.Errorf("%s is no key", key)
	}
}

func TestReloadableTellsMeaningNotLetters(t *testing.T) {
	for _, tt := range []struct{ was, next string }{
		{"", "kind=tcp"}, {"kind=ws", "kind=ws path=/mqtt"}, {"kind=unix", "kind=unix mode=0660"}, {"kind=unix mode=600", "kind=unix mode=0600"},
	} {
		var c [2]Config
		for i, assignments := range []string{tt.was, tt.next} {
			c[i] = DefaultConfig()
			c[i].Listeners[0].Kind = ""
			for a := range strings.FieldsSeq(assignments) {
				key, value, _ := strings.Cut(a, "=")
				if err := c[i].Set("listeners.0."+key, value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c[0].Reloadable(&c[1]); err != nil {
			t.Errorf("from %q to %q: %v", tt.was, tt.next, err)
		}
	}
	was, next := DefaultConfig(), DefaultConfig()
	next.Listeners = append(next.Listeners, next.Listeners[0])
	checkFieldError(t, was.Reloadable(&next), "listeners", "needs a restart", "one listener more")
}
