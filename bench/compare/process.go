package compare

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/pki"
	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// How long a broker has to serve, and to end.
const (
	readyWithin = 20 * time.Second
	endWithin   = 10 * time.Second
	tryEvery    = 20 * time.Millisecond
)

// process is a broker that runs.
type process struct {
	cmd   *exec.Cmd
	addr  string
	trust *tls.Config // nil without TLS
	dir   string      // removed with its end
	said  *os.File
	ended chan struct{} // closed when it has, with err set
	err   error
}

// start runs a broker on free ports and waits until it has accepted a CONNECT over the transport that is wanted.
func start(ctx context.Context, b *Broker, over Over, certs *pki.Files, places map[string]string, settings string) (*process, error) {
	dir, err := os.MkdirTemp("", "penstock-compare-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, ended: make(chan struct{})}
	if ways[over].tls {
		p.trust, err = certs.Client()
	}
	if err == nil {
		err = p.launch(b, over, places, settings)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.ready(ctx); err != nil {
		said := p.words()
		p.stop(endWithin)
		return nil, fmt.Errorf("%w%s", err, said)
	}
	return p, nil
}

func (p *process) launch(b *Broker, over Over, places map[string]string, settings string) error {
	ports, err := freePorts()
	if err != nil {
		return err
	}
	p.addr = over.addr(ports[ways[over].port])
	data := filepath.Join(p.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	conf := filepath.Join(p.dir, "conf")
	replace := replacer(places, ports, map[string]string{"dir": data, "conf": conf})
	if b.Config != "" {
		text := replace.Replace(b.Config + "\n" + settings + "\n")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if p.said, err = os.Create(filepath.Join(p.dir, "output")); err != nil {
		return err
	}
	p.cmd, err = command(b.Command, replace)
	if err == nil {
		p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = data, p.said, p.said
		err = p.cmd.Start()
	}
	if err != nil {
		p.said.Close()
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// replacer knows the placeholders in braces.
func replacer(sets ...map[string]string) *strings.Replacer {
	var pairs []string
	for _, set := range sets {
		for name, value := range set {
			pairs = append(pairs, "{"+name+"}", value)
		}
	}
	return strings.NewReplacer(pairs...)
}

func command(line words, replace *strings.Replacer) (*exec.Cmd, error) {
	args := make([]string, len(line))
	for i, word := range line {
		args[i] = replace.Replace(word)
	}
	program, err := look(args[0])
	if err != nil {
		return nil, err
	}
	return exec.Command(program, args[1:]...), nil
}

// look finds a program also where daemons lie, which is on few people's path.
func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || strings.ContainsRune(name, filepath.Separator) {
		return path, err
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// ready waits until the broker answers a CONNECT with a CONNACK that accepts.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(tryEvery)
	defer tick.Stop()
	var why error
	for {
		err := p.connect(ctx)
		if err == nil {
			return nil
		}
		if why == nil || ctx.Err() == nil { // not that the last attempt was cut short
			why = err
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended by itself: %v", p.err)
		case <-ctx.Done():
			return fmt.Errorf("does not serve: %w", why)
		case <-tick.C:
		}
	}
}

func (p *process) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, _, err := client.Dial(ctx, client.Options{Addr: p.addr, TLS: p.trust, Version: mqtt.V311, ClientID: "ready", CleanStart: true})
	if err != nil {
		return err
	}
	return c.Disconnect(ctx, mqtt.NormalDisconnection)
}

// words is the end of what the broker has printed.
func (p *process) words() string {
	text, err := os.ReadFile(p.said.Name())
	text = bytes.TrimSpace(text)
	if err != nil || len(text) == 0 {
		return ""
	}
	return "; it said: " + string(text[max(0, len(text)-300):])
}

// over reports whether the broker has ended though nobody told it to.
func (p *process) over() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the broker ended by itself: %v%s", p.err, p.words())
	default:
		return nil
	}
}

// stop ends the process, first kindly, and takes away what it left.
func (p *process) stop(within time.Duration) error {
	defer os.RemoveAll(p.dir)
	defer p.said.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return fmt.Errorf("had to be killed %v after SIGTERM", within)
}
