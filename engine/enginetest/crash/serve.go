package crash

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// Serve runs a broker until SIGTERM, or until the end of in. With -volatile whatever is not synced is in the process's memory,
// so that to kill it is a power cut. A line "mark" on in is answered by "durable" as soon as all that was committed before it
// is synced.
//
//	-data DIR             where the log lies
//	-listen ADDRESS       host and port; 127.0.0.1:0 by default
//	-loops N              event loops; 2 by default
//	-sync MODE            always, interval or none
//	-interval DURATION    between two syncs
//	-segment BYTES        size of a segment
//	-volatile             power cuts
//	-lag DURATION         what a sync takes at most
//	-registrar            let in the clients of a Fleet, by their names; else everybody
func Serve(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("victim", flag.ContinueOnError)
	dir := flags.String("data", "", "")
	listen := flags.String("listen", "127.0.0.1:0", "")
	loops := flags.Int("loops", 2, "")
	sync := flags.String("sync", "always", "")
	interval := flags.Duration("interval", time.Second, "")
	segment := flags.Int64("segment", 0, "")
	volatile := flags.Bool("volatile", false, "")
	lag := flags.Duration("lag", 0, "")
	registrar := flags.Bool("registrar", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o := seglog.Options{Dir: *dir, Interval: *interval, SegmentSize: *segment, Logger: logger, Sync: modes[engine.Sync(*sync)]}
	o.FS = vfs.OS
	if *volatile {
		o.FS = faultfs.NewVolatile(o.FS)
	}
	if *lag > 0 {
		o.FS = NewLag(o.FS, *lag)
	}
	cfg := engine.DefaultConfig()
	cfg.Listeners = []engine.Listener{{Kind: engine.KindTCP, Address: *listen}}
	cfg.Loops, cfg.Sys.Interval = *loops, 0
	Unbounded(&cfg)
	parts := engine.Parts{Logger: logger, Store: seglog.New(o)}
	if *registrar {
		parts.Authenticator, parts.Authorizer = Registrar{}, Registrar{}
	}
	b, err := engine.New(cfg, parts)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if err := b.Start(); err != nil {
		return err
	}
	fmt.Fprintf(out, "penstock: listening on %s\n", b.Addrs()[0].URL)
	hungUp := make(chan struct{})
	go func() {
		defer close(hungUp)
		answer(b, in, out)
	}()
	select {
	case <-signals:
	case <-hungUp:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return b.Stop(ctx)
}

var modes = map[engine.Sync]seglog.Sync{
	engine.SyncAlways: seglog.SyncAlways, engine.SyncInterval: seglog.SyncInterval, engine.SyncNone: seglog.SyncNone,
}

// Unbounded keeps sessions and their messages for as long as the clients of a Fleet want them.
func Unbounded(c *engine.Config) {
	c.Session.MaxQueuedMessages, c.Session.MaxQueuedBytes = 1<<30, 1<<30
	c.Session.ExpiryV3 = lifetime * time.Second
}

// answer does what it is told, line by line.
func answer(b *engine.Broker, in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) != "mark" {
			continue
		}
		at, _ := b.StoreStats()
		for now := at; now.DurableLSN < at.LSN; now, _ = b.StoreStats() {
			time.Sleep(time.Millisecond)
		}
		fmt.Fprintln(out, "durable")
	}
}
