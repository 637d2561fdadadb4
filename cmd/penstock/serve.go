package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/cmd/penstock/internal/config"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// serveCmd runs the broker. What it does not say stands in the file, and what the file does not say in the defaults.
type serveCmd struct {
	Config   string   `short:"c" placeholder:"FILE" help:"Configuration file (YAML)."`
	Listen   []string `sep:"none" placeholder:"URL" help:"Listen here, instead of where the configuration says; repeatable. The section's keys may follow as a query: tcp://127.0.0.1:1883?versions=4,5"`
	Data     string   `placeholder:"DIR" help:"Directory in which state outlives the process."`
	Loops    *int     `placeholder:"N" help:"Event loops; 0 goes by the cores."`
	LogLevel string   `placeholder:"LEVEL" help:"debug, info, warn or error."`
	Admin    string   `placeholder:"ADDR|off" help:"Address of the admin listener (metrics, profiles, health, API); off for none. 127.0.0.1:18083 when neither this nor the configuration says."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"Set any key of the configuration, as in limits.maximum_qos=1 or listeners.0.max_connections=100; repeatable."`
}

func (s *serveCmd) source() config.Source {
	return config.Source{File: s.Config, Listen: s.Listen, Data: s.Data, Loops: s.Loops, LogLevel: s.LogLevel, Admin: s.Admin, Set: s.Set}
}

// Run starts the broker and stays with it until a signal ends it.
func (s *serveCmd) Run(out io.Writer) error {
	// First, for a signal that comes early is not to be lost, and SIGUSR2 would end a process that does not know it.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Stop(signals)
	sv := &server{self: thisProgram(), patience: usualPatience, load: s.source().Load}
	given, err := inherit()
	if err == nil {
		err = sv.start(out, given, signals)
	}
	given.from.over(err)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go tidyMemory(ctx)
	return sv.attend(signals)
}

// start serves: at once, or when the process before has left.
func (s *server) start(out io.Writer, given inheritance, signals <-chan os.Signal) (err error) {
	began := time.Now()
	if s.cfg, err = s.load(); err != nil {
		return err
	}
	s.log = newLog(os.Stderr, s.cfg.Log)
	parts := engine.Parts{Sockets: given.listeners}
	if given.from != nil {
		parts.State = given.from
	}
	broker, err := s.make(parts)
	if err != nil {
		return err
	}
	door, err := s.open(broker, given.admin)
	if err != nil {
		return err
	}
	s.broker, s.admin = broker, door
	if given.from != nil {
		if err := s.prepare(broker, door, given.from, signals); err != nil {
			return err
		}
	}
	without, err := door.Start() // before the broker: a start that takes long can be watched
	if err != nil {
		return err
	}
	if err := broker.Start(); err != nil {
		quit := door.Stop
		if given.from != nil {
			quit = door.Leave // the one before goes on there
		}
		_ = quit(context.Background())
		return err
	}
	for _, missing := range without {
		s.log.Warn("admin goes without its default place", "err", missing, "help", "admin.listen and admin.socket give others, or turn them off")
	}
	announceStore(out, s.cfg.Store, broker, began)
	announce(out, broker.Addrs(), door)
	if given.from.lives() {
		return nil // it tells the service manager of us
	}
	if given.from != nil {
		s.log.tell(fmt.Sprintf("MAINPID=%d", os.Getpid())) // it cannot any longer
	}
	s.log.tellReady()
	return nil
}

// make makes a broker of the configuration in force.
func (s *server) make(parts engine.Parts) (*engine.Broker, error) {
	parts.Logger, parts.Version = s.log.Logger, version
	return engine.New(s.cfg.Config, parts)
}

// open makes the broker's admin listener, and remembers how either is made anew in this process.
func (s *server) open(b *engine.Broker, sockets []engine.Socket) (*admin.Server, error) {
	options := admin.Options{Broker: b, Reload: s.reload, Logger: s.log.Logger, Version: version}
	s.reopen = func(cfg admin.Config, sockets []engine.Socket) (door, error) {
		options.Sockets = sockets
		d, err := admin.New(cfg, options)
		if err != nil {
			closeSockets(sockets)
			return nil, err
		}
		_, err = d.Start()
		return d, err
	}
	s.renew = func(parts engine.Parts) (broker, error) {
		next, err := s.make(parts)
		if err == nil {
			err = next.Start()
		}
		options.Broker = next
		return next, err
	}
	first := options
	first.Sockets = sockets
	return admin.New(s.cfg.Admin, first)
}

// prepare does all that can fail while the process before still serves, and waits for its leave.
func (s *server) prepare(broker *engine.Broker, door *admin.Server, from *predecessor, signals <-chan os.Signal) error {
	if err := broker.Prepare(); err != nil {
		return err
	}
	if _, err := door.Bind(); err != nil {
		return err
	}
	place, err := storePlace(s.cfg.Store)
	if err != nil {
		return err
	}
	return from.await(signals, place, s.log)
}

// announce says where the broker serves, one line a listener.
func announce(out io.Writer, listeners []engine.ListenerAddr, door *admin.Server) {
	for _, l := range listeners {
		fmt.Fprintf(out, "penstock: listening on %s\n", l.URL)
	}
	for _, url := range door.URLs() {
		fmt.Fprintf(out, "penstock: admin on %s\n", url)
	}
}

// logger is the program's logger with the level that a reload may change.
type logger struct {
	*slog.Logger
	level *slog.LevelVar
}

func newLog(w io.Writer, c engine.Log) logger {
	l := logger{level: new(slog.LevelVar)}
	l.setLevel(c.Level)
	options := &slog.HandlerOptions{Level: l.level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if c.Format == engine.LogJSON {
		h = slog.NewJSONHandler(w, options)
	}
	l.Logger = slog.New(h)
	return l
}

// setLevel takes a validated level: slog knows them by the same names.
func (l logger) setLevel(level engine.LogLevel) {
	var v slog.Level
	if err := v.UnmarshalText([]byte(level)); err == nil {
		l.level.Set(v)
	}
}
