package scripts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named is a test as GUARANTEES.md names it: the folder and the function, and of transcripts which.
var named = regexp.MustCompile("`([a-z_/]+) (Test[A-Za-z0-9_]+)(?:/([a-z0-9-]+))?`")

func TestEveryGuaranteeNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../GUARANTEES.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, inTable := 0, false
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		shown := cells[len(cells)-1]
		switch {
		case !inTable:
			if inTable = true; shown != "shown by" {
				t.Errorf("line %d: a table whose last column is %q, want \"shown by\": what nothing shows is no guarantee", i+1, shown)
			}
		case strings.HasPrefix(line, "|--"):
		default:
			rows++
			tests := named.FindAllStringSubmatch(shown, -1)
			if len(tests) == 0 {
				t.Errorf("line %d names no test: %s", i+1, line)
			}
			for _, test := range tests {
				if !hasTest(t, test[1], test[2]) || test[3] != "" && !hasTranscript(test[1], test[3]) {
					t.Errorf("line %d names %s, which does not exist", i+1, test[0])
				}
			}
		}
	}
	if rows < 20 {
		t.Errorf("GUARANTEES.md has %d rows, so this test does not understand its tables", rows)
	}
}

// hasTest tells whether a folder has a test of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}

func hasTranscript(dir, name string) bool {
	_, err := os.Stat(filepath.Join("..", dir, "testdata", name+".txt"))
	return err == nil
}
