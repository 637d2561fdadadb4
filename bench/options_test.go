package bench

import (
	"reflect"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestOptionsAreSetByName(t *testing.T) {
	var c Config
	for _, o := range [][2]string{{"publishers", "50"}, {"qos", "2"}, {"rate", "1.5e3"}, {"duration", "2s"}, {"protocol-version", "5"}, {"username", "u"}} {
		if err := c.Set(o[0], o[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := Config{Publishers: 50, QoS: 2, Rate: 1500, Duration: 2 * time.Second, Version: mqtt.V5, Username: "u"}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestZeroAsksForNone(t *testing.T) {
	c := Config{Scenario: "fanout-5-1000-5-250K", Addr: "127.0.0.1:1883", Scale: 0.01}
	for _, name := range []string{"qos", "connect-rate", "keepalive", "warmup", "drain", "rate"} {
		if err := c.Set(name, "0"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if got.QoS != 0 || got.ConnectRate != 0 || got.KeepAlive != 0 || got.Warmup != 0 || got.Drain != 0 || got.Rate != 0 || got.Window == 0 {
		t.Errorf("got %+v, want QoS 0, a closed loop and no durations", got)
	}
}

func TestBadOptionsNameThemselves(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"publishers", "-1", `publishers: "-1" is no number from 0 up`},
		{"rate", "fast", `rate: "fast" is no number from 0 up`},
		{"rate", "NaN", `rate: "NaN" is no number from 0 up`},
		{"duration", "5", `duration: "5" is no duration such as 500ms or 10s`},
		{"qos", "3", `qos: "3" is neither 0, 1 nor 2`},
		{"protocol-version", "31", `protocol-version: "31" is neither 311 nor 5`},
	} {
		var c Config
		if err := c.Set(tt.name, tt.value); err == nil || err.Error() != tt.want {
			t.Errorf("Set(%s, %s): got %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if err := new(Config).Set("bogus", "1"); err == nil {
		t.Error("an unknown option was set")
	}
}
