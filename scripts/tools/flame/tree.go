package main

import (
	"regexp"
	"strings"

	"github.com/google/pprof/profile"
)

// tree is a profile with its stacks put together from the root, below who ran them.
type tree struct {
	root *node
	unit string
}

// node is one function called by one way.
type node struct {
	name  string
	value int64 // of it and all it called
	self  int64
	kids  map[string]*node
}

func (n *node) kid(name string) *node {
	k := n.kids[name]
	if k == nil {
		k = &node{name: name, kids: map[string]*node{}}
		n.kids[name] = k
	}
	return k
}

// grow makes the tree of a profile's values at an index of its sample types.
func grow(p *profile.Profile, at int) *tree {
	t := &tree{root: &node{name: "all", kids: map[string]*node{}}, unit: p.SampleType[at].Unit}
	for _, s := range p.Sample {
		v := s.Value[at]
		if v == 0 {
			continue
		}
		stack := frames(s)
		n := t.root
		n.value += v
		for _, name := range append([]string{actor(s, stack)}, stack...) {
			n = n.kid(name)
			n.value += v
		}
		n.self += v
	}
	return t
}

// frames are the functions of a sample from the outermost to the innermost, inlined ones among them.
func frames(s *profile.Sample) []string {
	var names []string
	for i := len(s.Location) - 1; i >= 0; i-- {
		lines := s.Location[i].Line
		for j := len(lines) - 1; j >= 0; j-- {
			if f := lines[j].Function; f != nil {
				names = append(names, short(f.Name))
			}
		}
	}
	return names
}

// short leaves the part of a name that tells functions apart: engine.(*loop).flush.
func short(name string) string {
	if before, after, ok := strings.Cut(name, "github.com/penstock-mqtt/penstock/"); ok {
		return before + after
	}
	name = majorVersion.ReplaceAllString(name, ".")
	if pkg, fn, ok := strings.Cut(name, ".("); ok && strings.HasPrefix(pkg, "github.com/panjf2000/gnet/") { // all its packages under one name
		return "gnet." + pkg[strings.LastIndex(pkg, "/")+1:] + ".(" + fn
	}
	head, generic, _ := strings.Cut(name, "[")                                        // a type argument may hold slashes
	if i := strings.LastIndex(head, "/"); i >= 0 && strings.Contains(head[:i], ".") { // of another module
		head = head[i+1:]
	}
	if generic != "" {
		head += "[…]" + generic[strings.LastIndex(generic, "]")+1:]
	}
	return head
}

var majorVersion = regexp.MustCompile(`/v[0-9]+\.`) // …/gnet/v2.(*Client).Enroll

// actor says who ran a sample: the goroutine's labels, and for what has none (heap profiles, the runtime's own
// goroutines) what its outermost functions tell.
func actor(s *profile.Sample, stack []string) string {
	if role := s.Label["role"]; len(role) > 0 {
		if n := s.Label["loop"]; len(n) > 0 {
			return role[0] + " " + n[0]
		}
		return role[0]
	}
	for _, known := range []struct{ part, actor string }{
		{"runtime.gcBgMarkWorker", "collector"}, {"runtime.bgsweep", "collector"}, {"runtime.bgscavenge", "collector"},
		{"gnet.", "loop"}, {"netloop.(*Loop)", "loop"}, {"netloop.(*Acceptor)", "acceptor"},
		{"engine.(*loop)", "loop"}, {"netloop.(*Engine).tick", "ticker"}, {"ants.", "gnet"}, {"offload.", "offload"}, {"store.", "store"}, {"admin.", "admin"}, {"net/http.", "admin"},
		{"runtime.mcall", "scheduler"}, {"runtime.mstart", "scheduler"}, {"runtime.main", "start"},
	} {
		for _, name := range stack {
			if strings.Contains(name, known.part) {
				return known.actor
			}
		}
	}
	if len(stack) > 0 && strings.HasPrefix(stack[0], "runtime.") {
		return "runtime"
	}
	return "other"
}

// part is the place in the architecture that a function belongs to.
func part(name string) string {
	for _, p := range parts {
		for _, prefix := range p.prefixes {
			if strings.HasPrefix(name, prefix) {
				return p.name
			}
		}
	}
	return "other"
}

// parts of the picture, each with its hue. The kernel is what a system call's frame stands for.
var parts = []struct {
	name     string
	hue      int
	prefixes []string
}{
	{"kernel", 0, []string{"internal/runtime/syscall", "syscall.", "unix.", "runtime.futex", "runtime.epoll", "runtime.netpoll", "runtime.write", "runtime.read", "runtime.usleep"}},
	{"netloop", 205, []string{"engine/internal/netloop."}},
	{"gnet", 225, []string{"gnet."}},
	{"session", 95, []string{"engine/internal/session.", "codec/flow."}},
	{"store", 300, []string{"engine/store."}},
	{"engine", 130, []string{"engine.", "engine/"}},
	{"fanout", 45, []string{"fanout."}},
	{"trie", 270, []string{"trie.", "xxhash."}},
	{"codec", 175, []string{"codec/"}},
	{"runtime", 25, []string{"runtime.", "runtime/", "sync.", "sync/", "internal/"}},
}
