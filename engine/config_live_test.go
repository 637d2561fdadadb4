package engine

import "testing"

func TestLiveSharesNoMemoryWithItsConfig(t *testing.T) {
	c := DefaultConfig()
	c.Listeners[0].Versions = []int{4, 5}
	l := c.Live()
	c.Listeners[0].Versions[0] = 3
	c.Listeners[0].MaxConnections = 9
	if got := l.Listeners[0]; got.Versions[0] != 4 || got.MaxConnections != 0 {
		t.Errorf("a change of the Config reached its Live: %+v", got)
	}
}

func TestAListenersPolicyOverridesTheGlobalOne(t *testing.T) {
	c := DefaultConfig()
	c.Auth.Anonymous = AnonymousNever
	c.Listeners = append(c.Listeners, Listener{Address: "127.0.0.1:1", Auth: AnonymousAlways})
	l := c.Live()
	if l.Anonymous(0) != AnonymousNever || l.Anonymous(1) != AnonymousAlways {
		t.Errorf("got %q and %q, want never and always", l.Anonymous(0), l.Anonymous(1))
	}
}

func TestReloadableNamesWhatNeedsARestart(t *testing.T) {
	for _, tt := range []struct{ key, value, field string }{
		{"loops", "2", "loops"},
		{"log.format", "json", "log.format"},
		{"store.path", "/data", "store.path"},
		{"listeners.0.address", "127.0.0.1:9", "listeners.0.address"},
		{"listeners.0.name", "main", "listeners.0.name"},
		{"listeners.0.mountpoint", "a/", "listeners.0.mountpoint"},
		{"listeners.1.address", "127.0.0.1:9", "listeners"},
		{"log.level", "debug", ""},
		{"limits.maximum_qos", "1", ""},
		{"listeners.0.max_connections", "10", ""},
		{"listeners.0.versions", "5", ""},
		{"listeners.0.kind", "", ""}, // the same transport said otherwise
	} {
		was, next := DefaultConfig(), DefaultConfig()
		if err := next.Set(tt.key, tt.value); err != nil {
			t.Fatal(err)
		}
		err := was.Reloadable(&next)
		if tt.field != "" {
			checkFieldError(t, err, tt.field, "needs a restart", tt.key+"="+tt.value)
		} else if err != nil {
			t.Errorf("%s=%s: %v, want it to be live", tt.key, tt.value, err)
		}
	}
}
