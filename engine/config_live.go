package engine

import (
	"fmt"
	"slices"
	"strconv"
)

// Live is the part of a Config that may change while the broker runs. A reload puts a new Live in the place of the old
// one as a whole; connections and sessions look at it when they next need it, and what a CONNACK once announced holds for
// that connection.
type Live struct {
	// Listeners holds, at the index of the running listener, the keys of it that may change: versions, max_connections
	// and auth.
	Listeners []Listener
	Auth      Auth
	Limits    Limits
	Session   Session
	Retain    Retain
	LogLevel  LogLevel
	Sys       Sys
}

// Live is what of c may change while a broker runs. It shares no memory with c.
func (c *Config) Live() Live {
	l := Live{
		Listeners: slices.Clone(c.Listeners),
		Auth:      c.Auth,
		Limits:    c.Limits,
		Session:   c.Session,
		Retain:    c.Retain,
		LogLevel:  c.Log.Level,
		Sys:       c.Sys,
	}
	for i := range l.Listeners {
		l.Listeners[i].Versions = slices.Clone(l.Listeners[i].Versions)
	}
	return l
}

// Anonymous is the policy for clients without credentials that holds at listener i.
func (l *Live) Anonymous(i int) Anonymous {
	if a := l.Listeners[i].Auth; a != "" {
		return a
	}
	return l.Auth.Anonymous
}

// Reloadable reports, as a *FieldError, the first key by which next differs from the running c that only a restart can
// change; nil when next.Live() is all there is to change.
func (c *Config) Reloadable(next *Config) error {
	var k checker
	if len(c.Listeners) != len(next.Listeners) {
		k.fail("listeners", needsRestart(len(c.Listeners), len(next.Listeners)))
		return k.err()
	}
	for i, was := range c.Listeners {
		at, is := "listeners."+strconv.Itoa(i), next.Listeners[i]
		fixed(&k, at+".name", was.Name, is.Name)
		fixed(&k, at+".kind", was.kind(), is.kind())
		fixed(&k, at+".address", was.Address, is.Address)
		fixed(&k, at+".mountpoint", was.Mountpoint, is.Mountpoint)
	}
	fixed(&k, "loops", c.Loops, next.Loops)
	fixed(&k, "store.path", c.Store.Path, next.Store.Path)
	fixed(&k, "log.format", c.Log.Format, next.Log.Format)
	return k.err()
}

func fixed[T comparable](k *checker, field string, was, is T) {
	if was != is {
		k.fail(field, needsRestart(was, is))
	}
}

func needsRestart(was, is any) string {
	return fmt.Sprintf("needs a restart to change from %v to %v", was, is)
}
