package compare

import (
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
)

// endWithin is how long a broker has to end. One that writes its whole state then may need it.
const endWithin = 30 * time.Second

// process is a broker that runs, with the folder that all it has to do with lies in.
type process struct {
	command []string
	below   Over // what lies under MQTT
	addr    string
	trust   *tls.Config // nil without TLS
	dir     string      // removed with its end
	said    *os.File

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has, with err set
	err   error
}

// start runs a broker on free ports and waits until it has accepted a CONNECT over the transport that is wanted. Its folder
// is made in place, the system's one for temporary files when that is empty.
func start(ctx context.Context, b *Broker, over Over, certs *pki.Files, places map[string]string, settings, place string) (*process, error) {
	dir, err := os.MkdirTemp(place, "penstock-compare-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, below: over}
	if ways[over].tls {
		p.trust, err = certs.Client()
	}
	if err == nil {
		err = p.furnish(b, places, settings)
	}
	if err == nil {
		err = p.launch()
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.ready(ctx, readyWithin); err != nil {
		said := p.words()
		p.stop(endWithin)
		return nil, fmt.Errorf("%w%s", err, said)
	}
	return p, nil
}

// furnish makes what the broker finds in its folder, and its command line.
func (p *process) furnish(b *Broker, places map[string]string, settings string) error {
	ports, err := freePorts()
	if err != nil {
		return err
	}
	p.addr = p.below.addr(ports[ways[p.below].port])
	for _, dir := range []string{p.home(), p.data()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	conf := filepath.Join(p.dir, "conf")
	replace := replacer(places, ports, map[string]string{"dir": p.home(), "data": p.data(), "conf": conf})
	if b.Config != "" {
		text := replace.Replace(b.Config + "\n" + settings + "\n")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return err
		}
	}
	p.command = replaced(b.Command, replace)
	p.said, err = os.Create(filepath.Join(p.dir, "output"))
	return err
}

func (p *process) home() string { return filepath.Join(p.dir, "home") }
func (p *process) data() string { return filepath.Join(p.dir, "data") }

// launch starts the program, for the first time or again.
func (p *process) launch() error {
	cmd, err := program(p.command)
	if err != nil {
		return err
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.home(), p.said, p.said
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		p.err = cmd.Wait()
		close(ended)
	}(p.ended)
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

func replaced(line words, replace *strings.Replacer) []string {
	args := make([]string, len(line))
	for i, word := range line {
		args[i] = replace.Replace(word)
	}
	return args
}

func command(line words, replace *strings.Replacer) (*exec.Cmd, error) {
	return program(replaced(line, replace))
}

func program(args []string) (*exec.Cmd, error) {
	path, err := look(args[0])
	if err != nil {
		return nil, err
	}
	return exec.Command(path, args[1:]...), nil
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

// stop ends the process, first kindly, and takes away what it left.
func (p *process) stop(within time.Duration) error {
	defer os.RemoveAll(p.dir)
	defer p.said.Close()
	return p.end(within)
}

// end ends the process, first kindly.
func (p *process) end(within time.Duration) error {
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
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("had to be killed %v after SIGTERM", within)
}

// kill ends the process as the machine's fall would.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}
