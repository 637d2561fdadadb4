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
