package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// sample is a message that has everything.
func sample() *record {
	m := &client.Message{Topic: "ok/abc", Payload: []byte("hel\nlo"), QoS: 1, Retain: true, ID: 7}
	m.Props = mqtt.Properties{
		ContentType: []byte("text"), CorrelationData: []byte("corr"), MessageExpiry: 100, PayloadFormat: 1,
		ResponseTopic: []byte("resp/t"), TopicAlias: 3, SubscriptionIDs: []uint32{5, 6},
		User: []mqtt.UserProperty{{Name: []byte("a"), Value: []byte("b")}, {Name: []byte("a"), Value: []byte("d")}},
	}
	for _, id := range []mqtt.PropID{mqtt.PropContentType, mqtt.PropCorrelationData, mqtt.PropMessageExpiry,
		mqtt.PropPayloadFormat, mqtt.PropResponseTopic, mqtt.PropTopicAlias} {
		m.Props.Set(id)
	}
	return &record{Message: m, at: time.Date(2026, 3, 1, 15, 4, 5, 6007008, time.FixedZone("", 3600))}
}

func bare(payload string) *record {
	return &record{Message: &client.Message{Topic: "t", Payload: []byte(payload)}, at: sample().at}
}

// Widths and flags are those that mosquitto_sub 2.0.11 showed.
func TestFormatPrintsWhatIsAskedFor(t *testing.T) {
	for _, tt := range []struct {
		format string
		r      *record
		want   string
	}{
		{"", sample(), ""},
		{"plain", sample(), "plain"},
		{"%t|%p|%q|%r|%l|%m", sample(), "ok/abc|hel\nlo|1|1|6|7"},
		{"%x %X", sample(), "68656c0a6c6f 68656C0A6C6F"},
		{"%A|%C|%D|%E|%F|%P|%R|%S", sample(), "3|text|corr|100|1|a:b a:d|resp/t|5 6"},
		{"%A|%C|%D|%E|%F|%P|%R|%S|%m", bare(""), "||||||||0"},
		{`%%@@\\`, sample(), `%@\`},
		{`a\tb\n\r\a\v\e\0`, sample(), "a\tb\n\r\a\v\x1b\x00"},
		{"[%10t][%-10t][%010t]", sample(), "[    ok/abc][ok/abc    ][    ok/abc]"},
		{"[%2.3t][%.2t][%.0t]", sample(), "[ok/][ok][]"},
		{"[%08l][%-8l][%8l][%-08l]", sample(), "[00000006][6       ][       6][6       ]"},
		{"[%8q][%3r][%9P][%9D]", sample(), "[1][1][a:b a:d][corr]"}, // take no width
		{"[%05p][%8p][%.2p]", bare("hel"), "[00hel][     hel][hel]"},
		{"[%8x]", bare("hel"), "[  68656c]"},
		{"%I %U", sample(), "2026-03-01T15:04:05+0100 1772373845.006007008"},
		{"[%12.10I]", sample(), "[  2026-03-01]"},
		{"@Y-@m-@dT@H:@M:@S@z @N @s", sample(), "2026-03-01T15:04:05+0100 006007008 1772373845"},
		{"@a @A @b @B @C @D @e @F @g @G @h @I @j @k @l @p @P @r @R @T @u @U @V @w @W @y @%", sample(),
			"Sun Sunday Mar March 20 03/01/26  1 2026-03-01 26 2026 Mar 03 060 15  3 PM pm 03:04:05 PM 15:04 15:04:05 7 09 09 0 08 26 %"},
	} {
		f, err := parseFormat(tt.format)
		if err != nil {
			t.Errorf("parseFormat(%q): %v", tt.format, err)
			continue
		}
		if got, err := f.append(nil, tt.r); err != nil || string(got) != tt.want {
			t.Errorf("format %q: %q, %v; want %q", tt.format, got, err, tt.want)
		}
	}
}

func TestFormatRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, bad := range []string{"%", "%z", "%5", "%5.", "%-", `\`, `\q`, "@", "@!", "a%", "%99999t"} {
		if f, err := parseFormat(bad); err == nil {
			t.Errorf("parseFormat(%q) = %v, want an error", bad, f)
		}
	}
}

func TestFormatWritesJSON(t *testing.T) {
	const head = `{"tst":"2026-03-01T15:04:05.006007+0100","topic":"t","qos":0,"retain":0,"payloadlen":`
	for _, tt := range []struct {
		format, payload, want string
	}{
		{"%j", "", head + `0,"payload":null}`},
		{"%J", "", head + `0,"payload":null}`},
		{"%j", "a\"\\\b\f\n\r\t\x01/€", head + `13,"payload":"a\"\\\b\f\n\r\t\u0001/€"}`},
		{"%J", `{"a": [1,  2.50, {}], "b": null}`, head + `32,"payload":{"a":[1,2.50,{}],"b":null}}`},
		{"%J", ` "s" `, head + `5,"payload":"s"}`},
		{"%J", `[[],[true,{"k":{"l":[12345678901234567890]}},"x"]]`, head + `50,"payload":[[],[true,{"k":{"l":[12345678901234567890]}},"x"]]}`},
		{"<%J>", "no json", "<>"},
	} {
		f, err := parseFormat(tt.format)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.append(nil, bare(tt.payload))
		if string(got) != tt.want || (err != nil) != (tt.want == "<>") {
			t.Errorf("%s of %q: %s, %v\nwant %s", tt.format, tt.payload, got, err, tt.want)
		}
		if err == nil && !json.Valid(got) {
			t.Errorf("%s of %q is no JSON: %s", tt.format, tt.payload, got)
		}
	}
	got, err := appendJSON(nil, sample(), false)
	want := `"mid":7,"properties":{"content-type":"text","correlation-data":"corr","payload-format-indicator":1,"response-topic":"resp/t",` +
		`"user-properties":{"a":"b","a":"d"},"message-expiry-interval":100,"topic-alias":3,"subscription-identifier":5},"payload":"hel\nlo"}`
	if err != nil || !strings.HasSuffix(string(got), want) {
		t.Errorf("message with properties: %s, %v\nwant it to end in %s", got, err, want)
	}
}

func TestPrettyJSONIsMosquittos(t *testing.T) {
	r := bare(`{"a":[1,{"b":null}],"e":{},"f":[]}`)
	r.pretty = true
	got, err := appendJSON(nil, r, true)
	want := "{\n\t\"tst\":\t\"2026-03-01T15:04:05.006007+0100\",\n\t\"topic\":\t\"t\",\n\t\"qos\":\t0,\n\t\"retain\":\t0,\n\t\"payloadlen\":\t34,\n" +
		"\t\"payload\":\t{\n\t\t\"a\":\t[1, {\n\t\t\t\t\"b\":\tnull\n\t\t\t}],\n\t\t\"e\":\t{\n\t\t},\n\t\t\"f\":\t[]\n\t}\n}"
	if err != nil || string(got) != want {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("%t %p", []byte("x"))
	f.Add(`%J@Y\n%-08.3I`, []byte(`{"a":[1,{"b":[]}],"c":""}`))
	f.Fuzz(func(t *testing.T, s string, payload []byte) {
		format, err := parseFormat(s)
		if err != nil {
			return
		}
		r := sample()
		r.Payload = payload
		if _, err := format.append(nil, r); err != nil {
			return
		}
		if got, err := appendJSON(nil, r, true); err == nil && json.Valid(payload) && len(payload) > 0 && !json.Valid(got) {
			t.Errorf("payload %q became %s", payload, got)
		}
	})
}
