// Command penstock is an MQTT broker and the tools around it: one program with a subcommand each, wired by hand.
//
// Every command is a struct that kong (flags from struct tags) fills and whose Run does the work; an error that Run
// returns becomes the program's one line on stderr.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line. A bare `penstock`, with or without flags, is `penstock serve`.
type cli struct {
	Help helpFlag `help:"Show this help."`

	Serve   serveCmd   `cmd:"" default:"withargs" help:"Run the broker (the default)."`
	Pub     PubCmd     `cmd:"" help:"Publish messages, with mosquitto_pub's flags."`
	Sub     SubCmd     `cmd:"" help:"Subscribe and print messages, with mosquitto_sub's flags."`
	Ctl     CtlCmd     `cmd:"" help:"Ask or tell a running broker: status, listeners, store, clients, client, kick, reload."`
	Store   storeCmd   `cmd:"" help:"Look into a data directory, check, repair or compact it."`
	Bench   benchCmd   `cmd:"" help:"Measure brokers: run a scenario, or compare several."`
	Version versionCmd `cmd:"" help:"Say which version this is."`
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line was not understood
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	helped := false
	parser, err := kong.New(&cli{},
		kong.Name("penstock"),
		kong.Description("An MQTT broker for the edge: 3.1, 3.1.1 and 5.0. penstock COMMAND --help tells about one command; flags without a command are those of serve."),
		kong.NoDefaultHelp(), // its -h is the host of pub and sub
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Writers(stdout, stderr),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.Bind(&helped),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	ctx, err := parser.Parse(args)
	switch {
	case helped:
		return exitOK
	case err != nil:
		return fail(stderr, err, exitUsage)
	}
	if err := ctx.Run(); err != nil {
		return fail(stderr, err, exitFailed)
	}
	return exitOK
}

// fail writes the one line that says why the program ends. An error may bring an exit code of its own, and none of
// its text is written when it is empty: then whoever returned it has said enough.
func fail(stderr io.Writer, err error, code int) int {
	var coder kong.ExitCoder
	var usage *kong.ParseError
	if errors.As(err, &coder) && !errors.As(err, &usage) {
		code = coder.ExitCode()
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(stderr, "penstock: %s\n", strings.ReplaceAll(text, "\n", " "))
	}
	return code
}

// helpFlag is --help without kong's -h.
type helpFlag bool

// errHelped ends the parsing once the help is written.
var errHelped = errors.New("help was asked for")

// BeforeReset writes the help before anything else of the command line is judged.
func (helpFlag) BeforeReset(ctx *kong.Context, helped *bool) error {
	*helped = true
	about := *ctx
	if !slices.Contains(ctx.Args, "serve") && ctx.Selected().Name == "serve" {
		about.Path = ctx.Path[:1] // serve was not asked about, it only is what nothing means
	}
	if err := about.PrintUsage(false); err != nil {
		return err
	}
	return errHelped
}
