package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/penstock-mqtt/penstock/bench/compare"
)

// benchCompareCmd runs a comparison.
type benchCompareCmd struct {
	Spec     string   `required:"" placeholder:"FILE" help:"What to compare (YAML); bench/specs holds some."`
	Rounds   int      `placeholder:"N" help:"Rounds of every scenario, in place of the spec's."`
	Only     []string `placeholder:"NAME" help:"Only this scenario of the spec, or those that match a pattern such as 'p2p-*'; repeatable."`
	Data     string   `placeholder:"DIR" type:"existingdir" help:"Where brokers keep their data meanwhile, on the disk that is to be measured; the system's folder for temporary files if not given."`
	Markdown string   `placeholder:"FILE" help:"Write the tables as Markdown, too."`
	JSON     string   `name:"json" placeholder:"FILE" help:"Write every run with its whole report as JSON, too."`
}

// Help ends the help of the command.
func (*benchCompareCmd) Help() string {
	return "Every run has a fresh broker process, and the brokers take turns. Progress goes to stderr, the tables to stdout. Exit status: " +
		"0 when every run was clean, 3 when one failed, 1 when it could not run, 2 when the command line was not understood."
}

// Run measures, then writes the tables. What was measured before an interrupt is written all the same.
func (c *benchCompareCmd) Run(out io.Writer) error {
	spec, err := compare.Load(c.Spec)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	ctx, done := interruptible()
	defer done()
	result, err := compare.Run(ctx, spec, compare.Options{Self: self, Log: os.Stderr, Only: c.Only, Rounds: c.Rounds, Data: c.Data, Run: measure})
	if result == nil {
		return err
	}
	err = errors.Join(err, result.Text(out))
	if c.Markdown != "" {
		err = errors.Join(err, writeTo(c.Markdown, nil, result.Markdown))
	}
	if c.JSON != "" {
		err = errors.Join(err, writeTo(c.JSON, nil, result.JSON))
	}
	if err == nil && result.Failed() {
		err = &exitError{exitFaults, ""}
	}
	return err
}
