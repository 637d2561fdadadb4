package transcript

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "renew what the scenarios expect")

// divider stands between the commands of a block and what comes back.
const divider = "----"

// TestMain plays more scenarios at a time than there are cores: they wait for loops most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			play(t, file)
		})
	}
}

// Ways to play a scenario beside its own: they must give every client the same packets, though some may overtake others.
var variants = map[string]variant{
	"spread": {spread: true}, "spread and stored": {spread: true, stored: true},
}

// variant changes what a scenario leaves open.
type variant struct {
	spread bool // each new client is on the next loop, instead of loop 0
	stored bool // there is a store
}

// play runs a file and compares it with what came back, or renews it.
func play(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := cut(string(text))
	got := run(t, file, blocks, variant{})
	if *rewrite {
		if err := os.WriteFile(file, []byte(joined(blocks, got)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i, b := range blocks {
		if now := fold(got[i]); !slices.Equal(now, b.want) {
			t.Errorf("%s:%d:\n%s\ngot:\n\t%s\nwant:\n\t%s", file, b.line, strings.Join(b.commands, "\n"),
				strings.Join(now, "\n\t"), strings.Join(b.want, "\n\t"))
		}
	}
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, now := range run(t, file, blocks, v) {
				if b := blocks[i]; !slices.Equal(slices.Sorted(slices.Values(now)), slices.Sorted(slices.Values(got[i]))) {
					t.Errorf("%s:%d:\n%s\n%s, got:\n\t%s\nwant, in any order:\n\t%s", file, b.line, strings.Join(b.commands, "\n"), name,
						strings.Join(now, "\n\t"), strings.Join(got[i], "\n\t"))
				}
			}
		})
	}
}

// run plays the blocks of a file and returns what came back in each.
func run(t *testing.T, file string, blocks []block, v variant) (got [][]string) {
	s := newScenario(t)
	s.variant = v
	defer s.end()
	for _, b := range blocks {
		got = append(got, s.block(file, b.line, b.commands))
	}
	return got
}

// block is a part of a file: commands, and what is expected of them.
type block struct {
	line           int
	commands, want []string
}

// cut takes a file apart.
func cut(text string) (blocks []block) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); {
		b := block{line: i + 1}
		for ; i < len(lines) && lines[i] != "" && lines[i] != divider; i++ {
			b.commands = append(b.commands, lines[i])
		}
		if i < len(lines) && lines[i] == divider {
			for i++; i < len(lines) && lines[i] != ""; i++ {
				b.want = append(b.want, lines[i])
			}
		}
		for i < len(lines) && lines[i] == "" {
			i++
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// joined is the file again, with what came back.
func joined(blocks []block, got [][]string) string {
	var parts []string
	for i, b := range blocks {
		part := strings.Join(b.commands, "\n") + "\n"
		if isCode(b.commands) {
			part += divider + "\n" + strings.Join(fold(got[i]), "\n") + "\n"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n")
}

// isCode tells a block of commands from one of comments alone.
func isCode(commands []string) bool {
	for _, c := range commands {
		if !strings.HasPrefix(c, "#") {
			return true
		}
	}
	return false
}
