// Package config makes the program's configuration, the engine's and that of its plugins, from where a user writes it:
// defaults, then the file, then the flags, then each --set. All of them end in engine.SetIn; this package only says where
// a bad value came from.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// Config is all that can be configured: the engine's keys and a section for each plugin.
type Config struct {
	engine.Config
	Admin admin.Config `yaml:"admin"`
}

// DefaultWebAddress is where a program listens for WebSocket that was told nothing.
const DefaultWebAddress = "127.0.0.1:8083"

// Default is the configuration of a program that was told nothing: the engine's, and a WebSocket beside the TCP listener.
func Default() Config {
	c := Config{Config: engine.DefaultConfig()}
	c.Listeners = append(c.Listeners, engine.Listener{Kind: engine.KindWS, Address: DefaultWebAddress})
	return c
}

// Validate reports the first thing that is wrong as an *engine.FieldError.
func (c *Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	return c.Admin.Validate()
}

// Source is what the command line says about the configuration. A zero field says nothing.
type Source struct {
	File     string   // path of a YAML file
	Listen   []string // listener URLs; they replace the listeners of file and defaults
	Data     string   // data directory
	Loops    *int
	LogLevel string
	Admin    string   // address of the admin listener, or off
	Set      []string // KEY=VALUE
}

// Load reads and validates the configuration. Its errors are one line and begin with the place that is wrong: the file
// and line, or the flag.
func (s Source) Load() (Config, error) {
	l := loader{cfg: Default()}
	if err := l.load(s); err != nil {
		return Config{}, err
	}
	if err := l.cfg.Validate(); err != nil {
		return Config{}, l.locate(err)
	}
	return l.cfg, nil
}

// loader fills one Config and remembers who gave each key its value.
type loader struct {
	cfg     Config
	origins []origin
}

// origin says where a key got its value: "penstock.yaml:12" or "--set limits.maximum_qos=3".
type origin struct{ key, place string }

func (l *loader) load(s Source) error {
	if s.File != "" {
		if err := l.file(s.File); err != nil {
			return err
		}
	}
	if err := l.flags(s); err != nil {
		return err
	}
	for _, assignment := range s.Set {
		key, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return fmt.Errorf("--set %s: must be KEY=VALUE", assignment)
		}
		if err := l.set(key, value, "--set "+assignment); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) flags(s Source) error {
	if len(s.Listen) > 0 {
		if err := l.setList("listeners", nil, "--listen"); err != nil {
			return err
		}
	}
	for i, url := range s.Listen {
		if err := l.set("listeners."+strconv.Itoa(i), url, "--listen "+url); err != nil {
			return err
		}
	}
	for _, flag := range []struct{ name, key, value string }{
		{"--data", "store.path", s.Data},
		{"--log-level", "log.level", s.LogLevel},
		{"--loops", "loops", text(s.Loops)},
		{"--admin", "admin.listen", s.Admin},
	} {
		if flag.value == "" {
			continue
		}
		if err := l.set(flag.key, flag.value, flag.name+" "+flag.value); err != nil {
			return err
		}
	}
	return nil
}

func text(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func (l *loader) set(key, value, place string) error {
	l.record(key, place)
	return at(place, engine.SetIn(&l.cfg, key, value))
}

func (l *loader) setList(key string, values []string, place string) error {
	l.record(key, place)
	return at(place, engine.SetListIn(&l.cfg, key, values))
}

// record remembers who writes key, and forgets who wrote parts of it before.
func (l *loader) record(key, place string) {
	key = engine.CanonicalKey(key) // as an error of Validate names it
	l.origins = slices.DeleteFunc(l.origins, func(o origin) bool { return within(o.key, key) })
	l.origins = append(l.origins, origin{key, place})
}

// within reports whether key is of or below another.
func within(key, of string) bool { return key == of || strings.HasPrefix(key, of+".") }

// locate puts before an error of Validate the place where its field was written, or what the field is part of, or else
// what was written beside it: a listener without an address is shown where its name stands.
func (l *loader) locate(err error) error {
	var fe *engine.FieldError
	if !errors.As(err, &fe) {
		return err
	}
	for part := fe.Field; part != ""; part = parent(part) {
		beside := ""
		for _, o := range l.origins {
			if o.key == part {
				return at(o.place, err)
			}
			if within(o.key, part) {
				beside = o.place
			}
		}
		if beside != "" {
			return at(beside, err)
		}
	}
	return err
}

// parent is the key of the section that key stands in.
func parent(key string) string {
	i := strings.LastIndexByte(key, '.')
	return key[:max(i, 0)]
}

func at(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}
