package transcript

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "renew what the scenarios expect")

// divider stands between the commands of a block and what comes back.
const divider = "----"

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

// play runs a file and compares it with what came back, or renews it.
func play(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t)
	defer s.end()
	var renewed strings.Builder
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i := 0; i < len(lines); {
		begin := i
		var commands, want []string
		for ; i < len(lines) && lines[i] != "" && lines[i] != divider; i++ {
			commands = append(commands, lines[i])
		}
		if i < len(lines) && lines[i] == divider {
			for i++; i < len(lines) && lines[i] != ""; i++ {
				want = append(want, lines[i])
			}
		}
		for i < len(lines) && lines[i] == "" {
			i++
		}
		got := s.block(file, begin+1, commands)
		renewed.WriteString(strings.Join(commands, "\n") + "\n")
		if isCode(commands) {
			renewed.WriteString(divider + "\n" + strings.Join(got, "\n") + "\n")
		}
		if i < len(lines) {
			renewed.WriteString("\n")
		}
		if !*rewrite && strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:%d:\n%s\ngot:\n\t%s\nwant:\n\t%s", file, begin+1, strings.Join(commands, "\n"),
				strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
	if *rewrite && !t.Failed() {
		if err := os.WriteFile(file, []byte(renewed.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
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
