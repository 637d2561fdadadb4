package mqtt

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// naiveText and naiveName are the rules, letter by letter.
func naiveText(b []byte) *fault {
	var bad, nul bool
	for s := b; len(s) > 0; {
		r, n := utf8.DecodeRune(s)
		bad = bad || r == utf8.RuneError && n == 1
		nul = nul || r == 0
		s = s[n:]
	}
	switch {
	case nul:
		return faultNUL
	case bad:
		return faultNotUTF8
	}
	return nil
}

func naiveName(b []byte, wild *fault) *fault {
	if f := naiveText(b); f != nil {
		return f
	}
	if strings.ContainsAny(string(b), "+#") {
		return wild
	}
	return nil
}

func compareStringChecks(t *testing.T, b []byte) {
	t.Helper()
	if got, want := checkText(b), naiveText(b); got != want {
		t.Errorf("checkText(%q): got %v, want %v", b, got, want)
	}
	if got, want := checkName(b, faultTopicWild), naiveName(b, faultTopicWild); got != want {
		t.Errorf("checkName(%q): got %v, want %v", b, got, want)
	}
}

// Every byte at every place of every length that the fast ways tell apart, next
// to bytes that could disturb the sums made of eight of them.
func TestStringChecksAgreeWithTheRules(t *testing.T) {
	for _, filler := range []byte{'a', 0x01, 0x7F, '"', '$', '*', ','} {
		for n := range 26 {
			b := make([]byte, n)
			for at := range b {
				for c := range 256 {
					for i := range b {
						b[i] = filler
					}
					b[at] = byte(c)
					compareStringChecks(t, b)
				}
			}
		}
	}
	for _, s := range []string{"", "é", "日本語/温度", "\uFEFFa", "\U0010FFFF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
		"\xC0\x80", "\xE0\x80\xAF", "\xF8\x88\x80\x80\x80", "abc\xE2\x82", "aaaaaaaé+aaaaaaa", "é\x00\xFF"} {
		compareStringChecks(t, []byte(s))
	}
}

func FuzzStrings(f *testing.F) {
	for _, s := range []string{"a/b/c", "sensors/kitchen/temperature", "a/+/é", "\xED\xA0\x80", "x\x00", "#+*\"+,/"} {
		f.Add([]byte(s))
	}
	f.Fuzz(compareStringChecks)
}
