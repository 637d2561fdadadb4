package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// Options is what a server is about.
type Options struct {
	Broker *engine.Broker
	// Reload reads the configuration again; what it returns is told to whoever asked. nil: it cannot be asked for.
	Reload  func() error
	Logger  *slog.Logger // nil discards
	Version string
	// Sockets were opened for this server: by the one before it (Server.Sockets), or by a service manager. Each serves the
	// address that is its name, or else the one at which it listens; those that none wants are closed.
	Sockets []engine.Socket
}

// Server answers the operator. New makes it, Bind takes its addresses, Start serves; the broker need not have started yet.
type Server struct {
	Options
	cfg     Config
	began   time.Time
	pace    pace
	quit    chan struct{}
	secrets atomic.Pointer[secrets]
	handler http.Handler
	doors   []*door
	urls    []string
	socket  *socket
	passed  passed
	bound   bool
	without []error // what Bind did without
	ending  sync.WaitGroup

	stopping sync.Once
}

// door is one address that is open.
type door struct {
	name  string // as the configuration has it
	http  *http.Server
	ln    net.Listener
	unix  bool
	local bool // only this machine can reach it
}

// New checks the configuration and reads the files it names.
func New(cfg Config, o Options) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sec, err := cfg.read()
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, cfg: cfg, began: time.Now(), quit: make(chan struct{}), passed: o.Sockets}
	s.secrets.Store(sec)
	s.handler = s.routes()
	return s, nil
}

// Start serves, at the addresses and the socket that Bind has taken or takes now.
func (s *Server) Start() (without []error, err error) {
	if !s.bound {
		if _, err := s.Bind(); err != nil {
			return nil, err
		}
	}
	if s.socket != nil && s.socket.lock != nil {
		s.socket.ln.(*net.UnixListener).SetUnlinkOnClose(true)
	}
	for _, d := range s.doors {
		s.goes(func() { s.serve(d) })
	}
	if len(s.doors) > 0 {
		s.goes(s.keepPace)
	}
	return s.without, nil
}

// Bind takes the addresses and the socket: what connects then waits for Start. A default address or socket that cannot be
// had, for another broker on the machine has it, is done without: without says so. One that was asked for is an error, and
// then nothing is left open.
func (s *Server) Bind() (without []error, err error) {
	s.bound = true
	defer func() {
		for _, left := range s.passed {
			s.Logger.Warn("a socket that was passed is not admin's by the configuration", "name", left.Name)
		}
		closeAll(s.passed)
		s.passed = nil
		if err != nil {
			_ = s.Stop(context.Background())
		}
	}()
	for _, address := range s.cfg.addresses() {
		ln, err := s.listen(address)
		switch {
		case err == nil:
			if err := s.openTCP(address, ln); err != nil {
				return nil, err
			}
		case s.cfg.Listen == nil:
			s.without = append(s.without, fmt.Errorf("no admin listener at its default address: %w", err))
		default:
			return nil, fmt.Errorf("admin.listen: %w", err)
		}
	}
	switch err := s.openSocket(); {
	case err == nil:
	case s.cfg.Socket == "":
		s.without = append(s.without, fmt.Errorf("no admin socket at its default place: %w", err))
	default:
		return nil, fmt.Errorf("admin.socket: %w", err)
	}
	return s.without, nil
}

// listen takes up what was passed for a TCP address, or else binds it.
func (s *Server) listen(address string) (net.Listener, error) {
	if ln, err := s.passed.at("tcp", address); ln != nil || err != nil {
		return ln, err
	}
	return net.Listen("tcp", address)
}

// goes runs f on a goroutine of the server's. What it starts inherits the label, as each connection's goroutine does.
func (s *Server) goes(f func()) {
	s.ending.Add(1)
	go func() {
		defer s.ending.Done()
		pprof.Do(context.Background(), pprof.Labels("role", "admin"), func(context.Context) { f() })
	}()
}

func (s *Server) openTCP(name string, ln net.Listener) error {
	address, sec, scheme := ln.Addr().(*net.TCPAddr), s.secrets.Load(), "http"
	if !address.IP.IsLoopback() && sec.token == nil && s.cfg.TLS.ClientCA == "" { // a localhost that is not
		_ = ln.Close()
		return fmt.Errorf("admin.listen: %s is no loopback address and there is no token", address)
	}
	if sec.tls != nil {
		scheme = "https"
	}
	s.urls = append(s.urls, scheme+"://"+address.String())
	s.open(&door{name: name, ln: ln, local: address.IP.IsLoopback()})
	return nil
}

func (s *Server) openSocket() error {
	path := s.cfg.Socket
	if path == "" {
		path = DefaultSocket()
	}
	if path == "" || path == Off {
		return nil
	}
	sock, err := s.passed.adoptSocket(path)
	if sock == nil && err == nil {
		sock, err = listenSocket(path)
	}
	if err != nil {
		return err
	}
	s.socket = sock
	s.open(&door{name: path, ln: sock.ln, unix: true, local: true})
	return nil
}

// open makes an address ready to be served.
func (s *Server) open(d *door) {
	d.http = &http.Server{
		Handler:           s.guard(d, s.handler),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
	}
	if sec := s.secrets.Load(); sec.tls != nil && !d.unix {
		d.http.TLSConfig = sec.tls.Clone()
		d.http.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.secrets.Load().tls, nil }
	}
	s.doors = append(s.doors, d)
}

func (s *Server) serve(d *door) {
	ln := bound(d.ln)
	err := error(nil)
	if d.http.TLSConfig != nil {
		err = d.http.ServeTLS(ln, "", "")
	} else {
		err = d.http.Serve(ln)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.Logger.Error("admin listener ended", "address", d.ln.Addr().String(), "err", err)
	}
}

// URLs lists the TCP addresses that are open, with the ports that were chosen.
func (s *Server) URLs() []string { return s.urls }

// Socket is the path of the unix socket; empty when there is none.
func (s *Server) Socket() string {
	if s.socket == nil {
		return ""
	}
	return s.socket.path
}

// Stop closes everything and waits for requests under way until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	var errs []error
	s.stopping.Do(func() { close(s.quit) })
	for _, d := range s.doors {
		if err := d.http.Shutdown(ctx); err != nil {
			errs = append(errs, err, d.http.Close())
		}
		_ = d.ln.Close() // that of a server that was not started is not known to http
	}
	s.ending.Wait()
	if s.socket != nil {
		s.socket.close()
	}
	return errors.Join(errs...)
}

// Prepare reads what a reload would put into force: apply does it, and cannot fail. An error says what is wrong, or
// needs a restart, and nothing has changed.
func (s *Server) Prepare(cfg Config) (apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := s.cfg.Reloadable(&cfg); err != nil {
		return nil, err
	}
	sec, err := cfg.read()
	if err != nil {
		return nil, err
	}
	return func() { s.secrets.Store(sec) }, nil
}
