package scripts

import (
	"os"
	"strings"
	"testing"
)

// The README quotes the summary of the conformance table; scripts/conformance.sh renews the table.
func TestReadmeQuotesTheConformanceFigures(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../engine/CONFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(table), "| MQTT |")
	if !ok {
		t.Fatal("engine/CONFORMANCE.md has no summary")
	}
	summary, _, _ := strings.Cut("| MQTT |"+after, "\n\n")
	if !strings.Contains(string(readme), summary) {
		t.Errorf("README.md does not hold the figures of engine/CONFORMANCE.md:\n%s", summary)
	}
}
