package main

import (
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// stack is one sample, its outermost function first.
type stack struct {
	value  int64
	labels map[string][]string
	frames []string
}

// sampled makes a profile of stacks.
func sampled(stacks ...stack) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}}
	for _, s := range stacks {
		sample := &profile.Sample{Value: []int64{s.value}, Label: s.labels}
		for i := len(s.frames) - 1; i >= 0; i-- {
			sample.Location = append(sample.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: s.frames[i]}}}})
		}
		p.Sample = append(p.Sample, sample)
	}
	return p
}

const module = "github.com/penstock-mqtt/penstock/"

func loop(n string) map[string][]string { return map[string][]string{"role": {"loop"}, "loop": {n}} }

func TestNamesAreShortenedToWhatTellsThemApart(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{module + "engine.(*loop).flush", "engine.(*loop).flush"},
		{module + "engine/internal/netloop.(*Conn).Write", "engine/internal/netloop.(*Conn).Write"},
		{"github.com/panjf2000/gnet/v2.(*eventloop).read", "gnet.(*eventloop).read"},
		{"github.com/panjf2000/gnet/v2/pkg/netpoll.(*Poller).Polling", "gnet.netpoll.(*Poller).Polling"},
		{"internal/runtime/syscall.Syscall6", "internal/runtime/syscall.Syscall6"},
		{"golang.org/x/sys/unix.Write", "unix.Write"},
		{"slices.SortFunc[go.shape.[]github.com/a/b.T,go.shape.struct { a/b }]", "slices.SortFunc[…]"},
		{"github.com/cespare/xxhash/v2.Sum64", "xxhash.Sum64"},
		{"net/http.(*conn).serve", "net/http.(*conn).serve"},
		{"internal/runtime/syscall/linux.Syscall6", "internal/runtime/syscall/linux.Syscall6"},
		{"runtime.mallocgc", "runtime.mallocgc"},
	} {
		if got := short(c.name); got != c.want {
			t.Errorf("short(%q): got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheFirstRowIsWhoRan(t *testing.T) {
	tr := grow(sampled(
		stack{60, loop("0"), []string{"gnet.run", module + "engine.(*loop).flush"}},
		stack{20, loop("1"), []string{"gnet.run"}},
		stack{10, nil, []string{"runtime.gcBgMarkWorker", "runtime.scanobject"}},
		stack{10, nil, []string{"runtime.mstart", "runtime.schedule"}},
	), 0)
	for name, want := range map[string]float64{"loop 0": .6, "loop 1": .2, "collector": .1, "scheduler": .1} {
		if got := tr.actors()[name]; got != want {
			t.Errorf("%s: got a share of %v, want %v", name, got, want)
		}
	}
	if got := tr.parts()["engine"]; got != .6 {
		t.Errorf("engine: got a share of %v, want 0.6", got)
	}
}

func TestADifferenceShowsWhatIsGoneAndWhatIsNew(t *testing.T) {
	old := grow(sampled(stack{50, loop("0"), []string{"a"}}, stack{50, loop("0"), []string{"gone"}}), 0)
	now := grow(sampled(stack{20, loop("0"), []string{"a"}}, stack{20, loop("0"), []string{"new"}}), 0)
	for _, b := range picture(now, old, "").boxes {
		want, known := map[string]struct {
			width float64
			tip   string
		}{
			"a":    {.5, "50.00 % of all, was 50.00 % (+0.00 points)"},
			"gone": {.25, "0.00 % of all, was 50.00 % (-50.00 points)"},
			"new":  {.25, "50.00 % of all, was 0.00 % (+50.00 points)"},
		}[b.name]
		if known && (b.width != want.width || !strings.HasSuffix(b.tip, want.tip)) {
			t.Errorf("%s: got width %v and %q, want %v and %q", b.name, b.width, b.tip, want.width, want.tip)
		}
	}
}

func TestAPictureStandsAloneAndEscapesNames(t *testing.T) {
	var out strings.Builder
	writeSVG(&out, picture(grow(sampled(stack{1, nil, []string{"a.(*b)[<&>].c"}}), 0), nil, "<title>"))
	for _, want := range []string{"<svg xmlns", "&lt;title&gt;", "</svg>", "<script>"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the picture does not hold %q", want)
		}
	}
	if strings.Contains(out.String(), "href=") {
		t.Error("the picture refers to something outside")
	}
}
