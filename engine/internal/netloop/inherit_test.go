package netloop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func everybody(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }

// ask says something and wants it back.
func ask(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 5)
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != "hello" {
		return fmt.Errorf("read %q, want hello", b)
	}
	return nil
}

// listenOn opens a listener somewhere.
func listenOn(t *testing.T, network string) (ln net.Listener, addr string) {
	t.Helper()
	addr = "127.0.0.1:0"
	if network == "unix" {
		addr = t.TempDir() + "/s"
	}
	ln, err := Listen(ListenOptions{Network: network, Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	return ln, ln.Addr().String()
}

func TestConnectionsOfTheGapAreTheNextOnes(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			ln, addr := listenOn(t, network)
			for range 3 { // from one engine to the next
				e := start(t, 2, echoer())
				a := e.Serve(ln, AdmitFunc(everybody))
				f, err := a.File()
				if err != nil {
					t.Fatal(err)
				}
				before, err := net.Dial(network, addr)
				if err == nil {
					err = ask(before)
				}
				if err != nil {
					t.Fatal(err)
				}
				a.Keep()
				a.Stop()
				if _, err := a.File(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("File after Stop: got %v, want %v", err, net.ErrClosed)
				}
				var gap []net.Conn
				for range 50 {
					c, err := net.Dial(network, addr)
					if err != nil {
						t.Fatalf("dial in the gap: %v", err)
					}
					gap = append(gap, c)
				}
				if err := ask(before); err != nil { // connections stay where they are
					t.Errorf("an old connection: %v", err)
				}
				stop(t, e)
				e = start(t, 2, echoer())
				if ln, err = Adopt(f, ListenOptions{Network: network}); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				b := e.Serve(ln, AdmitFunc(everybody))
				for i, c := range gap {
					if err := ask(c); err != nil {
						t.Fatalf("connection %d of the gap: %v", i, err)
					}
					_ = c.Close()
				}
				if b.Accepted() != 50 || b.Shed() != 0 {
					t.Errorf("accepted %d, shed %d; want 50 and 0", b.Accepted(), b.Shed())
				}
				_ = before.Close()
				if f, err = b.File(); err != nil {
					t.Fatal(err)
				}
				b.Stop() // adopted: the file stays without Keep
				if ln, err = Adopt(f, ListenOptions{}); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				stop(t, e)
			}
			_ = ln.Close()
		})
	}
}

func TestKeepLeavesTheFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := t.TempDir() + "/s"
		ln, err := Listen(ListenOptions{Network: "unix", Address: path})
		if err != nil {
			t.Fatal(err)
		}
		e := start(t, 1, &hooks{})
		if a := e.Serve(ln, AdmitFunc(everybody)); keep {
			a.Keep()
		}
		stop(t, e)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) == keep {
			t.Errorf("Keep called %v, file after Stop: %v", keep, err)
		}
	}
}

// heir is a process that takes over the listening socket it finds under number 3, when its input says so.
func heir(string, int) error {
	f := os.NewFile(3, "passed")
	ln, err := Adopt(f, ListenOptions{})
	if err != nil {
		return err
	}
	_ = f.Close()
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadByte(); err != nil {
		return err
	}
	e, err := Start(Config{Loops: 2, Tick: 5 * time.Millisecond}, echoer())
	if err != nil {
		return err
	}
	e.Serve(ln, AdmitFunc(everybody))
	_, _ = io.Copy(io.Discard, in)
	return e.Stop(context.Background())
}

// Clients come all the time, while the socket goes to another process and that one begins to serve.
func TestAnotherProcessTakesOverAndNobodyIsRefused(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			ln, addr := listenOn(t, network)
			e := start(t, 2, echoer())
			a := e.Serve(ln, AdmitFunc(everybody))
			var served atomic.Int64
			quit := make(chan struct{})
			var wg sync.WaitGroup
			leave := sync.OnceFunc(func() { close(quit) })
			defer wg.Wait()
			defer leave()
			for range 4 {
				wg.Go(func() {
					for {
						select {
						case <-quit:
							return
						default:
						}
						c, err := net.Dial(network, addr)
						if err != nil {
							t.Errorf("refused: %v", err)
							return
						}
						if err := ask(c); err != nil {
							t.Errorf("not served: %v", err)
							return
						}
						served.Add(1)
						_ = c.Close()
					}
				})
			}
			more := func() {
				t.Helper()
				at := served.Load()
				eventually(t, "more clients", func() bool { return t.Failed() || served.Load() > at+100 })
			}
			more()
			f, err := a.File()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), clientEnv+"=heir", "COUNT=0")
			cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{f}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wants(t, out, "ready\n")
			if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("flags of the socket: %#o, %v; want O_NONBLOCK", flags, err)
			}
			_ = f.Close()
			more() // we serve while the other one prepares
			a.Keep()
			a.Stop()
			c, err := net.Dial(network, addr) // and nobody does for a moment
			if err != nil {
				t.Fatalf("dial in the gap: %v", err)
			}
			_, _ = in.Write([]byte("x"))
			if err := ask(c); err != nil {
				t.Errorf("who came in the gap: %v", err)
			}
			_ = c.Close()
			more()
			leave()
			wg.Wait()
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("the other process: %v", err)
			}
		})
	}
}
