package netloop

import (
	"errors"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// options are what a connection of ours says of itself.
type options struct{ noDelay, keepAlive, idle, interval, count, timeout int }

func optionsOf(t testing.TB, fd int) options {
	get := func(level, opt int) int {
		v, err := unix.GetsockoptInt(fd, level, opt)
		if err != nil {
			t.Errorf("getsockopt(%d, %d): %v", level, opt, err)
		}
		return v
	}
	o := options{
		noDelay: get(unix.IPPROTO_TCP, unix.TCP_NODELAY), keepAlive: get(unix.SOL_SOCKET, unix.SO_KEEPALIVE),
		timeout: get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT),
	}
	if o.keepAlive = oneIf(o.keepAlive != 0); o.keepAlive != 0 {
		o.idle, o.interval = get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
		o.count = get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	}
	return o
}

// hosts are those of this machine a test can listen on.
func hosts() []string {
	hosts := []string{"127.0.0.1", "0.0.0.0", ""}
	if hasIPv6() {
		hosts = append(hosts, "[::1]", "[::]")
	}
	return hosts
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = ln.Close()
	}
	return err == nil
}

// port is that of a listener, with a colon before it.
func port(ln net.Listener) string {
	s := ln.Addr().String()
	return s[strings.LastIndexByte(s, ':'):]
}

func TestConnectionsInheritTheOptions(t *testing.T) {
	seen := make(chan options, 1)
	e := start(t, 2, &hooks{open: func(c *Conn) { seen <- optionsOf(t, int(c.fd)) }})
	for _, tt := range []struct {
		opts ListenOptions
		want options
	}{
		{ListenOptions{}, options{noDelay: 1}},
		{ListenOptions{Nagle: true}, options{}},
		{ListenOptions{KeepAlive: time.Minute}, options{noDelay: 1, keepAlive: 1, idle: 60, interval: 15, count: 4}},
		{ListenOptions{KeepAlive: time.Millisecond}, options{noDelay: 1, keepAlive: 1, idle: 1, interval: 1, count: 4}},
		{ListenOptions{UserTimeout: 12345 * time.Millisecond}, options{noDelay: 1, timeout: 12345}},
		{ListenOptions{UserTimeout: 1, KeepAlive: maxKeepAlive}, options{noDelay: 1, keepAlive: 1, idle: 32767, interval: 8192, count: 4, timeout: 1}},
	} {
		for _, host := range hosts() {
			opts := tt.opts
			opts.Network, opts.Address = "tcp", host+":0"
			ln, err := Listen(opts)
			if err != nil {
				t.Fatalf("%+v: %v", opts, err)
			}
			a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
			to := host + port(ln)
			if host == "0.0.0.0" || host == "" {
				to = "127.0.0.1" + port(ln)
			}
			c, err := net.Dial("tcp", to)
			if err != nil {
				t.Fatalf("%+v: %v", opts, err)
			}
			if got := recv(t, "Open", seen); got != tt.want {
				t.Errorf("%+v: the connection has %+v, want %+v", opts, got, tt.want)
			}
			_ = c.Close()
			a.Stop()
		}
	}
}

func TestListenTakesTheFamiliesOfItsAddress(t *testing.T) {
	if !hasIPv6() {
		t.Log("the machine has no IPv6")
		return
	}
	for _, tt := range []struct {
		host   string
		v4, v6 bool
	}{
		{host: "", v4: true, v6: true},
		{host: "[::]", v4: true, v6: true},
		{host: "0.0.0.0", v4: true},
		{host: "127.0.0.1", v4: true},
		{host: "[::1]", v6: true},
		{host: "localhost", v4: true},
	} {
		remotes := make(chan netip.AddrPort, 1)
		e := start(t, 1, &hooks{open: func(c *Conn) { remotes <- c.RemoteAddr() }})
		ln, err := Listen(ListenOptions{Network: "tcp", Address: tt.host + ":0"})
		if err != nil {
			t.Fatalf("%q: %v", tt.host, err)
		}
		e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
		for to, want := range map[string]bool{"127.0.0.1": tt.v4, "[::1]": tt.v6} {
			c, err := net.Dial("tcp", to+port(ln))
			if (err == nil) != want {
				t.Errorf("listening on %q, dialling %s: got %v, want success %v", tt.host, to, err, want)
			}
			if err != nil {
				continue
			}
			if got := recv(t, "Open", remotes); got.String() != c.LocalAddr().String() {
				t.Errorf("listening on %q, dialling %s: remote address %v, want %v", tt.host, to, got, c.LocalAddr())
			}
			_ = c.Close()
		}
		stop(t, e)
	}
}

func TestListenRefusesWhatItCannotDo(t *testing.T) {
	free := "127.0.0.1:0"
	for name, o := range map[string]ListenOptions{
		"network":      {Network: "udp", Address: free},
		"no network":   {Address: free},
		"address":      {Network: "tcp", Address: "127.0.0.1"},
		"path":         {Network: "unix"},
		"long path":    {Network: "unix", Address: t.TempDir() + "/" + strings.Repeat("x", 200)},
		"directory":    {Network: "unix", Address: t.TempDir() + "/none/s"},
		"keep alive":   {Network: "tcp", Address: free, KeepAlive: -1},
		"long alive":   {Network: "tcp", Address: free, KeepAlive: maxKeepAlive + 1},
		"timeout":      {Network: "tcp", Address: free, UserTimeout: -1},
		"long timeout": {Network: "tcp", Address: free, UserTimeout: (math.MaxInt32 + 1) * time.Millisecond},
	} {
		ln, err := Listen(o)
		if err == nil {
			t.Errorf("%s: Listen(%+v): got nil, want an error", name, o)
			_ = ln.Close()
		}
	}
}

func TestUnixSocketHasTheModeItWasGiven(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		old := unix.Umask(umask)
		for given, want := range map[fs.FileMode]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666, 0o777: 0o777, fs.ModeSetuid | 0o640: 0o640} {
			path := t.TempDir() + "/s"
			ln, err := Listen(ListenOptions{Network: "unix", Address: path, Mode: given})
			if err != nil {
				t.Fatal(err)
			}
			fi, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := fi.Mode(); got != want|fs.ModeSocket {
				t.Errorf("mode %v under umask %03o: got %v, want %v", given, umask, got, want|fs.ModeSocket)
			}
			if got := ln.Addr().String(); got != path {
				t.Errorf("Addr: got %q, want %q", got, path)
			}
			_ = ln.Close()
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Close: got %v, want no file", err)
			}
		}
		unix.Umask(old)
	}
}

func TestAbstractUnixSocket(t *testing.T) {
	name := "@penstock-test-" + strings.ReplaceAll(t.TempDir(), "/", "-")
	e := start(t, 2, echoer())
	ln, err := Listen(ListenOptions{Network: "unix", Address: name})
	if err != nil {
		t.Fatal(err)
	}
	if got := ln.Addr().String(); got != name {
		t.Errorf("Addr: got %q, want %q", got, name)
	}
	a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("hello"))
	wants(t, c, "hello")
	if _, err := Listen(ListenOptions{Network: "unix", Address: name}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second Listen: got %v, want %v", err, unix.EADDRINUSE)
	}
	a.Stop()
	if ln, err = Listen(ListenOptions{Network: "unix", Address: name}); err != nil {
		t.Fatalf("Listen after Stop: %v", err)
	}
	_ = ln.Close()
}

func TestUnixSocketIsReplacedWhenNobodyServesIt(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := Listen(ListenOptions{Network: "unix", Address: path})
	if err != nil {
		t.Fatal(err)
	}
	if ln2, err := Listen(ListenOptions{Network: "unix", Address: path}); err == nil {
		_ = ln2.Close()
		t.Fatal("a served socket was replaced")
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = ln.Close() // as a crash would leave it
	ln, err = Listen(ListenOptions{Network: "unix", Address: path})
	if err != nil {
		t.Fatalf("an orphaned socket was not replaced: %v", err)
	}
	_ = ln.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(ListenOptions{Network: "unix", Address: path}); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}
