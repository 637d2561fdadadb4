// Flame draws profiles of a broker as its architecture: who ran (loop 0, loop 1, the acceptor, the collector …) is the
// first row, what they ran stands below, in colours by package.
//
//	flame [-sample TYPE] [-title TEXT] PROFILE            one profile, as SVG on stdout
//	flame [-sample TYPE] [-title TEXT] -base OLD PROFILE  the difference, in shares: red has grown, blue has shrunk
//	flame -roles [-sample TYPE] [-base OLD] PROFILE       shares by who ran and by package, as text
//
// The SVG stands alone: a browser shows what a box is under the pointer, a click makes it the whole width.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

func main() {
	sample := flag.String("sample", "", "the value to draw, such as cpu, alloc_space, delay; the profile's own default when empty")
	title := flag.String("title", "", "heading of the picture")
	base := flag.String("base", "", "profile to compare with")
	roles := flag.Bool("roles", false, "print shares as text in place of a picture")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *base, *sample, *title, *roles); err != nil {
		fmt.Fprintln(os.Stderr, "flame:", err)
		os.Exit(1)
	}
}

func run(file, base, sample, title string, roles bool) error {
	t, err := load(file, sample)
	if err != nil {
		return err
	}
	var old *tree
	if base != "" {
		if old, err = load(base, sample); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	if roles {
		writeShares(out, t, old)
	} else {
		writeSVG(out, picture(t, old, title))
	}
	return out.Flush()
}

// load reads a profile into a tree.
func load(file, sample string) (*tree, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	at, err := p.SampleIndexByName(sample)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return grow(p, at), nil
}
