package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// storeCmd works on a data directory. What changes it needs it for itself; the others read it also while a broker uses it.
type storeCmd struct {
	Status  storeStatus  `cmd:"" help:"Say what the directory holds, and what was lost if it was ever damaged. Changes nothing."`
	Check   storeCheck   `cmd:"" help:"Say that of each file, and where it is damaged. Changes nothing."`
	Repair  storeRepair  `cmd:"" help:"Do what a start without store.strict does: cut off an unfinished end, set damaged files aside, keep what can be read of them."`
	Dump    storeDump    `cmd:"" help:"Print the records, one a line. Changes nothing."`
	Compact storeCompact `cmd:"" help:"Write what still counts anew, so that the files are as small as they can be."`
}

// directory is the argument of them all.
type directory struct {
	Dir string `arg:"" help:"Data directory (store.path)."`
}

func (d directory) options() seglog.Options { return seglog.Options{Dir: d.Dir} }

type storeStatus struct {
	directory
	JSON bool `name:"json" help:"Print JSON."`
}

// Run tells what the directory holds. Damage that no start has set aside yet is an error.
func (c *storeStatus) Run(out io.Writer) error {
	r, err := seglog.Check(context.Background(), c.options())
	if err != nil {
		return err
	}
	if err := c.print(out, &r); err != nil {
		return err
	}
	return damaged(&r)
}

func (c *storeStatus) print(out io.Writer, r *seglog.Report) error {
	if c.JSON {
		return printJSON(out, reportOf(r, false))
	}
	return statusText(out, r)
}

type storeCheck struct {
	directory
	JSON bool `name:"json" help:"Print JSON."`
}

// Run reads everything.
func (c *storeCheck) Run(out io.Writer) error {
	r, err := seglog.Check(context.Background(), c.options())
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(out, reportOf(&r, true))
	} else {
		r.Text(out)
	}
	if err != nil {
		return err
	}
	return damaged(&r)
}

// damaged is what a check that finds damage ends with.
func damaged(r *seglog.Report) error {
	n := len(r.Recovery.Holes)
	if n == 0 {
		return nil
	}
	if r.Broken != "" {
		return fmt.Errorf("nothing of the store in %s can be read (%s), and no start touches it; if the disk is lost, penstock store repair sets "+
			"the files aside and begins an empty store", r.Dir, r.Broken)
	}
	next := "a start of the broker, or penstock store repair, sets the damaged files aside and keeps what can be read"
	if r.Held {
		next = "the next start of the broker sets the damaged files aside and keeps what can be read"
	}
	return fmt.Errorf("%s is damaged: %s cannot be read; %s", r.Dir, several(n, "part"), next)
}

type storeRepair struct {
	directory
	JSON bool `name:"json" help:"Print JSON."`
}

// Run heals the log, and tells what it was like and what was lost.
func (c *storeRepair) Run(out io.Writer) error {
	r, err := seglog.Repair(context.Background(), c.options())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, reportOf(&r, true))
	}
	r.Text(out)
	return nil
}

type storeDump struct {
	directory
	JSON bool `name:"json" help:"Print each record as a JSON object."`
	Live bool `help:"Leave out what does not count any more."`
	Full bool `help:"Print payloads and fan-outs whole, not only their beginning."`
}

// Run prints the records.
func (c *storeDump) Run(out io.Writer) error {
	w := bufio.NewWriterSize(out, 64<<10)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	err := seglog.Dump(context.Background(), c.options(), c.Live, func(segment uint32, offset int64, lsn uint64, r *store.Record) error {
		f := recordFields(r, c.Full)
		if !c.JSON {
			_, err := fmt.Fprintf(w, "%08x+%d lsn=%d %s %s\n", segment, offset, lsn, r.Kind, f)
			return err
		}
		at := fields{{"segment", uint64(segment)}, {"offset", offset}, {"lsn", lsn}, {"kind", r.Kind.String()}, {"version", uint64(r.Version)}}
		return e.Encode(append(at, f...))
	})
	return errors.Join(err, w.Flush())
}

type storeCompact struct {
	directory
	JSON bool `name:"json" help:"Print JSON."`
}

// Run makes the files small.
func (c *storeCompact) Run(out io.Writer) error {
	before, after, err := seglog.Compact(context.Background(), c.options())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, map[string]any{
			"bytes_before": before.Bytes, "bytes_after": after.Bytes, "segments_before": before.Segments, "segments_after": after.Segments,
			"live_bytes": after.LiveBytes,
		})
	}
	_, err = fmt.Fprintf(out, "%s: %s in %s before, %s in %s now\n", shown(c.Dir), size(float64(before.Bytes)), several(before.Segments, "segment"),
		size(float64(after.Bytes)), several(after.Segments, "segment"))
	return err
}

// printJSON prints an object for machines, and for people who pipe it.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
