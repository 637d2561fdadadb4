package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/penstock-mqtt/penstock/bench"
)

// benchCmd measures brokers.
type benchCmd struct {
	Run     benchRunCmd     `cmd:"" default:"withargs" help:"Run a scenario against a broker (the default)."`
	List    benchListCmd    `cmd:"" help:"List the scenarios and presets."`
	Compare benchCompareCmd `cmd:"" help:"Run several brokers in turn and set their figures side by side."`
}

// exitFaults says that the load ran, and that the broker lost, doubled or damaged messages, or did otherwise what no
// broker may; or that a run of a comparison failed.
const exitFaults = 3

// benchRunCmd runs one scenario. Its flags are the options of package bench by the same names.
type benchRunCmd struct {
	Scenario string `arg:"" help:"Scenario or preset; penstock bench list tells which there are."`

	Addr     string  `default:"127.0.0.1:1883" placeholder:"ADDRESS" help:"The broker: HOST:PORT, or a URL such as tls://HOST:8883, ws://HOST:8083/mqtt, wss://HOST/mqtt or unix:///PATH; 127.0.0.1:1883 if not given."`
	Version  *string `name:"protocol-version" short:"V" placeholder:"VERSION" help:"311 (the default) or 5."`
	Username *string `short:"u" placeholder:"NAME" help:"User name."`
	Password *string `short:"P" aliases:"pw" placeholder:"PASSWORD" help:"Password."`
	PID      int     `name:"pid" placeholder:"PID" help:"The broker's process on this machine, to read its CPU and memory."`

	CAFile     *string `name:"cafile" placeholder:"FILE" help:"TLS: who may have signed the broker's certificate (PEM); the system's authorities if not given."`
	Cert       *string `placeholder:"FILE" help:"TLS: certificate of the clients (PEM)."`
	Key        *string `placeholder:"FILE" help:"TLS: its key (PEM)."`
	ServerName *string `name:"servername" placeholder:"NAME" help:"TLS: whom the broker's certificate must be for; the host of the address if not given."`
	Insecure   bool    `help:"TLS: take any certificate."`
	TLSVersion *string `name:"tls-version" placeholder:"VERSION" help:"TLS: 1.2 or 1.3 only."`
	TLSResume  bool    `name:"tls-resume" help:"TLS: a client that connects again takes up its earlier session."`
	WSFrames   *string `name:"ws-frames" placeholder:"WHAT" help:"WebSocket: what a frame holds, all that a flush has to write (the default) or a packet."`

	Publishers  *string `placeholder:"N" help:"Publishers."`
	Subscribers *string `placeholder:"N" help:"Subscribers."`
	Clients     *string `placeholder:"N" help:"Connections, of scenarios that have but one kind."`
	Topics      *string `placeholder:"N" help:"Topics."`
	Filters     *string `placeholder:"N" help:"Filters a subscriber."`
	Messages    *string `placeholder:"N" help:"Messages, of scenarios that send a number rather than for a time."`
	QoS         *string `name:"qos" short:"q" placeholder:"QOS" help:"0, 1 or 2."`
	Payload     *string `placeholder:"BYTES" help:"Bytes of a payload."`
	Window      *string `placeholder:"N" help:"Messages that a publisher may have open before it waits."`
	Rate        *string `placeholder:"N" help:"Messages a second, all publishers together, however the broker keeps up; 0 for windows instead."`
	ConnectRate *string `placeholder:"N" help:"Connections a second; 0 for as fast as they are answered."`
	AwaitAll    bool    `help:"At QoS 1 and 2 a message stays open until it is delivered, not just acknowledged, which bounds what the broker has to queue."`
	Persistent  bool    `help:"Sessions outlive the connection (of who subscribes, and of who publishes at QoS 2), so that the broker has to keep what they are sent; they are removed at the end."`
	AllowLoss   bool    `help:"Take lost QoS 0 messages for a figure, not a fault."`

	KeepAlive *string `name:"keepalive" short:"k" placeholder:"TIME" help:"Keep alive, such as 60s; 0 for none."`
	Warmup    *string `placeholder:"TIME" help:"Load before counting begins."`
	Duration  *string `placeholder:"TIME" help:"What is counted, such as 10s."`
	Drain     *string `placeholder:"TIME" help:"The longest wait for what is under way at the end."`
	Threads   *string `placeholder:"N" help:"Event loops of the generator; 1 if not given."`
	Scale     *string `placeholder:"F" help:"Multiply the clients and rates of a preset."`

	JSON    output `name:"json" placeholder:"FILE" help:"Write the report as JSON: --json to stdout, in place of the text, --json=FILE to a file."`
	GoBench output `name:"gobench" placeholder:"FILE" help:"Write a line of Go's benchmark format, for benchstat: --gobench or --gobench=FILE, likewise."`
	SVG     string `name:"svg" placeholder:"FILE" help:"Draw throughput, latency, CPU and memory over time."`
	Quiet   bool   `help:"Show no progress."`
}

// Help ends the help of the command.
func (*benchRunCmd) Help() string {
	return "All scenarios run over TCP, TLS, WebSocket and unix sockets, as the address says; the flags marked TLS are for tls:// and wss://.\n\n" +
		"What is not given is the scenario's default; the report names all that held. Ctrl-C ends a run early, and what was counted " +
		"until then is reported. Exit status: 0 when the run was clean, 3 when there were faults (messages lost, doubled, out of order or " +
		"damaged, connections dropped), 1 when it could not run or was asked for what cannot be, 2 when the command line was not understood.\n\n" +
		"penstock bench compare --help tells how to set several brokers side by side.\n\n" + scenarioList()
}

// output is a flag with or without a file: --json, --json=FILE and --json - are taken.
type output struct {
	wanted bool
	file   string // stdout when empty
}

// IsBool lets the flag stand alone.
func (*output) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (o *output) Decode(ctx *kong.DecodeContext) error {
	o.wanted = true
	if next := ctx.Scan.Peek(); next.Type == kong.FlagValueToken || next.Value == "-" {
		if o.file = fmt.Sprint(ctx.Scan.Pop().Value); o.file == "-" {
			o.file = ""
		}
	}
	return nil
}

// Run carries the scenario out and writes the report in the forms that were asked for.
func (b *benchRunCmd) Run(out io.Writer) error {
	config, err := b.config()
	if err != nil {
		return err
	}
	ctx, done := interruptible()
	defer done()
	show := func() {}
	if !b.Quiet {
		progress := bench.NewProgress(os.Stderr, terminalWidth(os.Stderr))
		config.Progress, show = progress.Show, progress.Done
	}
	report, err := measure(ctx, config)
	show()
	if report == nil || err != nil && ctx.Err() == nil && report.Elapsed == 0 {
		return err // it did not get so far that anything was counted
	}
	if ctx.Err() != nil {
		report.Notes = append(report.Notes, fmt.Sprintf("the run was ended early, after %.1f of %.1f s", report.Elapsed.Seconds(), report.Config.Duration.Seconds()))
	}
	if writing := b.write(out, report); writing != nil {
		return writing
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case report.Failed() && b.textual():
		return &exitError{exitFaults, ""} // the report has told them
	case report.Failed():
		return &exitError{exitFaults, "faults: " + report.Faults.String()}
	}
	return nil
}

// measure runs one load and signs the report with the program's version.
func measure(ctx context.Context, c bench.Config) (*bench.Report, error) {
	report, err := bench.Run(ctx, c)
	if report != nil {
		report.Env.Version = "penstock " + version
	}
	return report, err
}

// interruptible is over with the first SIGINT or SIGTERM; a second one ends the program.
func interruptible() (ctx context.Context, done func()) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// config is what the flags say.
func (b *benchRunCmd) config() (bench.Config, error) {
	c := bench.Config{Scenario: b.Scenario, Addr: b.Addr, PID: b.PID, AllowLoss: b.AllowLoss, AwaitAll: b.AwaitAll, Persistent: b.Persistent, Insecure: b.Insecure, TLSResume: b.TLSResume}
	for _, flag := range []struct {
		name  string
		value *string
	}{
		{"protocol-version", b.Version}, {"username", b.Username}, {"password", b.Password}, {"publishers", b.Publishers}, {"subscribers", b.Subscribers},
		{"clients", b.Clients}, {"topics", b.Topics}, {"filters", b.Filters}, {"messages", b.Messages}, {"qos", b.QoS}, {"payload", b.Payload},
		{"window", b.Window}, {"rate", b.Rate}, {"connect-rate", b.ConnectRate}, {"keepalive", b.KeepAlive}, {"warmup", b.Warmup},
		{"duration", b.Duration}, {"drain", b.Drain}, {"threads", b.Threads}, {"scale", b.Scale},
		{"cafile", b.CAFile}, {"cert", b.Cert}, {"key", b.Key}, {"servername", b.ServerName}, {"tls-version", b.TLSVersion}, {"ws-frames", b.WSFrames},
	} {
		if flag.value == nil {
			continue
		}
		if err := c.Set(flag.name, *flag.value); err != nil {
			return c, usage("--%v", err)
		}
	}
	if err := knownScenario(b.Scenario); err != nil {
		return c, err
	}
	if _, err := c.Resolve(); err != nil {
		return c, usage("%s: %v", b.Scenario, err)
	}
	return c, nil
}

// textual tells whether stdout holds the text: one form only goes there, and another may have been asked for.
func (b *benchRunCmd) textual() bool {
	return !(b.JSON.wanted && b.JSON.file == "") && !(b.GoBench.wanted && b.GoBench.file == "")
}

// write writes the report wherever it is wanted.
func (b *benchRunCmd) write(out io.Writer, r *bench.Report) error {
	for _, form := range []struct {
		output
		write func(io.Writer) error
	}{
		{b.JSON, r.JSON}, {b.GoBench, r.GoBench}, {output{b.SVG != "", b.SVG}, r.SVG}, {output{wanted: b.textual()}, r.Text},
	} {
		if !form.wanted {
			continue
		}
		if err := writeTo(form.file, out, form.write); err != nil {
			return err
		}
	}
	return nil
}

// writeTo writes to a file, or to out when none is named.
func writeTo(file string, out io.Writer, write func(io.Writer) error) error {
	if file == "" {
		return write(out)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
