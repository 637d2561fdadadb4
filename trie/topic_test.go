package trie

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesAndFiltersFollowTheRules(t *testing.T) {
	long := strings.Repeat("x", maxLength)
	for _, c := range []struct {
		in           string
		name, filter bool
		levels       int
	}{
		{"", false, false, 1}, // [MQTT-4.7.3-1]
		{"a", true, true, 1},
		{"/", true, true, 2},
		{"//", true, true, 3},
		{"a/b", true, true, 2},
		{"/a", true, true, 2},
		{"a/", true, true, 2},
		{"$SYS/x", true, true, 2},
		{"a b", true, true, 1},
		{"#", false, true, 1}, // [MQTT-4.7.0-1]
		{"+", false, true, 1},
		{"a/#", false, true, 2},
		{"/#", false, true, 2},
		{"a#", false, false, 1}, // [MQTT-4.7.1-1]
		{"#/a", false, false, 2},
		{"a/#/b", false, false, 3},
		{"##", false, false, 1},
		{"+/#", false, true, 2},
		{"+/+/+", false, true, 3},
		{"/+", false, true, 2},
		{"+a", false, false, 1}, // [MQTT-4.7.1-2]
		{"a+", false, false, 1},
		{"a/+b/c", false, false, 3},
		{"++", false, false, 1},
		{"+#", false, false, 1},
		{"#+", false, false, 1},
		{"a\x00b", false, false, 1}, // [MQTT-4.7.3-2]
		{long, true, true, 1},
		{long + "x", false, false, 1}, // [MQTT-4.7.3-3]
		{strings.Repeat("/", maxLength), true, true, maxLength + 1},
	} {
		in := []byte(c.in)
		if got := ValidName(in); got != c.name {
			t.Errorf("ValidName(%.20q) = %v, want %v", c.in, got, c.name)
		}
		if got := ValidFilter(in); got != c.filter {
			t.Errorf("ValidFilter(%.20q) = %v, want %v", c.in, got, c.filter)
		}
		if got := Levels(in); got != c.levels {
			t.Errorf("Levels(%.20q) = %d, want %d", c.in, got, c.levels)
		}
	}
}

func TestSharedFiltersAreSplit(t *testing.T) {
	for _, c := range []struct {
		in, group, rest string
		shared, ok      bool
	}{
		{"$share/g/a", "g", "a", true, true},
		{"$share/g/a/+/#", "g", "a/+/#", true, true},
		{"$share/g//", "g", "/", true, true},
		{"$share/g/$SYS/x", "g", "$SYS/x", true, true},
		{"$share/g/#", "g", "#", true, true},
		{"$share/", "", "", true, false}, // [MQTT-4.8.2-1]
		{"$share//a", "", "", true, false},
		{"$share/g", "", "", true, false}, // [MQTT-4.8.2-2]
		{"$share/g/", "g", "", true, false},
		{"$share/g+/a", "", "", true, false},
		{"$share/+/a", "", "", true, false},
		{"$share/#", "", "", true, false},
		{"$share/g/a#", "g", "a#", true, false},
		{"$share", "", "$share", false, true},
		{"$shared/g/a", "", "$shared/g/a", false, true},
		{"a/$share/g", "", "a/$share/g", false, true},
		{"a#", "", "a#", false, false},
		{"", "", "", false, false},
	} {
		group, rest, shared, ok := SplitShared([]byte(c.in))
		if string(group) != c.group || string(rest) != c.rest || shared != c.shared || ok != c.ok {
			t.Errorf("SplitShared(%q) = %q %q %v %v, want %q %q %v %v", c.in, group, rest, shared, ok, c.group, c.rest, c.shared, c.ok)
		}
	}
}

func TestMatchesFollowsTheRules(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true}, // [MQTT-4.7.1-1]
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/tennis/player1/#", "sport/tennis/player10", false},
		{"sport/#", "sport", true},
		{"#", "a/b/c", true},
		{"#", "/", true},
		{"sport/tennis/+", "sport/tennis/player1", true}, // [MQTT-4.7.1-2]
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"+/tennis/#", "sport/tennis", true},
		{"a/+/#", "a", false},
		{"a/+/#", "a/b", true},
		{"a//b", "a//b", true},
		{"a//b", "a/b", false},
		{"a/+/b", "a//b", true},
		{"#", "$SYS/monitor/Clients", false}, // [MQTT-4.7.2-1]
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/monitor/Clients", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"+/$x", "a/$x", true},
		{"ACCOUNTS", "Accounts", false}, // [MQTT-4.7.3-4]
		{"a", "a/", false},
		{"a/", "a", false},
	} {
		if got := Matches([]byte(c.filter), []byte(c.topic)); got != c.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", c.filter, c.topic, got, c.want)
		}
		x := NewIndex()
		x.Subscribe([]byte(c.filter), Sub{Ref: 1})
		if got := len(x.Match([]byte(c.topic), nil)) == 1; got != c.want {
			t.Errorf("the index matches %q with %q: %v, want %v", c.filter, c.topic, got, c.want)
		}
		r := NewRetained()
		r.Set([]byte(c.topic), nil)
		if got := len(r.Collect([]byte(c.filter), nil)) == 1; got != c.want {
			t.Errorf("the retained tree matches %q with %q: %v, want %v", c.filter, c.topic, got, c.want)
		}
	}
}

// FuzzFilter holds the rules against their wording: level by level.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "a", "/", "a/+/#", "+a", "a#", "#/", "$share/g/a", "$share//a", "$share/+/#", "a\x00", "é/+"} {
		f.Add([]byte(s))
	}
	x := NewIndex()
	f.Fuzz(func(t *testing.T, b []byte) {
		levels := bytes.Split(b, slash)
		name := len(b) > 0 && len(b) <= maxLength && !bytes.ContainsAny(b, "+#\x00")
		filter := len(b) > 0 && len(b) <= maxLength && !bytes.Contains(b, []byte{0})
		for i, l := range levels {
			if bytes.ContainsAny(l, "+#") && len(l) != 1 || string(l) == "#" && i != len(levels)-1 {
				filter = false
			}
		}
		if utf8.Valid(b) && ValidName(b) != name {
			t.Errorf("ValidName(%q) = %v, want %v", b, !name, name)
		}
		if utf8.Valid(b) && ValidFilter(b) != filter {
			t.Errorf("ValidFilter(%q) = %v, want %v", b, !filter, filter)
		}
		if got := Levels(b); got != len(levels) {
			t.Errorf("Levels(%q) = %d, want %d", b, got, len(levels))
		}
		if ValidName(b) && (!ValidFilter(b) || !Matches(b, b)) {
			t.Errorf("%q is a name, but not a filter for itself", b)
		}
		group, rest, shared, ok := SplitShared(b)
		switch {
		case ok && shared && string(b) != "$share/"+string(group)+"/"+string(rest):
			t.Errorf("SplitShared(%q) = %q, %q", b, group, rest)
		case ok && !ValidFilter(rest), !shared && ok != ValidFilter(b), shared != bytes.HasPrefix(b, sharePrefix):
			t.Errorf("SplitShared(%q) = %q %q shared %v ok %v", b, group, rest, shared, ok)
		}
		h, _, _ := x.Subscribe(b, Sub{Ref: 1})
		if (h != 0) != ValidFilter(b) {
			t.Errorf("Subscribe(%q) gave handle %x, the filter is valid: %v", b, h, ValidFilter(b))
		}
		x.Remove(h, 1)
	})
}
