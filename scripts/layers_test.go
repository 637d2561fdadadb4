// Package scripts holds what runs over the whole project; its one test is the import table.
package scripts

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/penstock-mqtt/penstock"

// layer is what one package may import, as words: packages of the project by their folder, other modules by their path.
// The standard library is free to all.
type layer struct {
	imports string
	tests   string // what its test files may import besides
}

// Modules by short names, so that the table fits a screen.
const (
	gnet   = " github.com/panjf2000/gnet/v2"
	pool   = " github.com/valyala/bytebufferpool"
	xxhash = " github.com/cespare/xxhash/v2"
	kong   = " github.com/alecthomas/kong"
	yaml   = " github.com/goccy/go-yaml"
	sys    = " golang.org/x/sys"

	systemd = " github.com/coreos/go-systemd/v22"

	prometheus = " github.com/prometheus"
	hdr        = " github.com/HdrHistogram/hdrhistogram-go"
)

// layers is the architecture: who may import whom. Imports point down only, so each package's words stand above it.
// A package that is not here fails the test until somebody has thought about its place.
var layers = map[string]layer{
	// topics, packets, the QoS machine, the client side
	"trie":            {imports: xxhash},
	"codec/mqtt":      {},
	"codec/flow":      {imports: "codec/mqtt"},
	"codec/codectest": {},
	"codec":           {imports: "github.com/gobwas/ws", tests: "codec/codectest"},
	"codec/client":    {imports: "codec codec/mqtt codec/flow trie", tests: "github.com/gobwas/ws"},

	// one message, many receivers
	"fanout": {imports: "codec/mqtt trie" + xxhash + pool},

	// parts of the core nobody else may use: Go's internal/ says so, the table says what they stand on
	"engine/internal/wheel":   {},
	"engine/internal/offload": {},
	"engine/internal/netloop": {imports: gnet + sys}, // with the load generator's loop alone in knowing gnet
	"engine/internal/certs":   {tests: "engine/internal/certs/certstest"},
	"engine/internal/session": {imports: "codec/mqtt codec/flow trie fanout"},

	"engine/internal/certs/certstest": {}, // certificates for tests

	// contracts the core calls
	"engine/store":             {imports: "codec/mqtt", tests: "engine/store/storetest"},
	"engine/store/storetest":   {imports: "engine/store codec/mqtt"},
	"engine/store/vfs":         {imports: "golang.org/x/sys"},
	"engine/store/vfs/faultfs": {imports: "engine/store/vfs"},
	"engine/store/seglog":      {imports: "engine/store engine/store/vfs" + sys, tests: "codec/mqtt engine/store/storetest engine/store/vfs/faultfs"},
	"engine/store/crashtest":   {imports: "codec/mqtt engine/store engine/store/seglog engine/store/vfs engine/store/vfs/faultfs"},
	"engine/auth":              {imports: "codec/mqtt", tests: "engine/auth/authtest"},
	"engine/auth/authtest":     {imports: "engine/auth codec/mqtt"},

	// connections, sessions, steps
	"engine": {
		imports: "codec codec/mqtt codec/flow trie fanout engine/store engine/store/seglog engine/auth" + xxhash +
			" engine/internal/wheel engine/internal/offload engine/internal/netloop engine/internal/session engine/internal/certs",
		tests: "codec/client engine/internal/certs/certstest",
	},

	// load from outside, any broker
	"bench/internal/loop":   {imports: "codec" + gnet + sys, tests: "bench/internal/pki"}, // what lies under MQTT is not what it judges
	"bench/internal/hist":   {imports: hdr},
	"bench/internal/proc":   {},
	"bench/internal/human":  {},
	"bench/internal/pki":    {},                                                             // certificates for a comparison or a test
	"bench/internal/faulty": {imports: "codec/mqtt codec/flow trie", tests: "codec/client"}, // what the instrument is tested on
	"bench": {
		imports: "codec codec/client codec/mqtt bench/internal/loop bench/internal/hist bench/internal/proc bench/internal/human" + sys,
		tests:   "engine engine/store bench/internal/faulty bench/internal/pki",
	},
	"bench/compare": {imports: "bench bench/internal/human bench/internal/pki codec/client codec/mqtt" + yaml, tests: "engine"},

	// on top of the core
	"perf":                           {tests: "codec/mqtt codec/flow trie fanout engine engine/store"},
	"engine/enginetest":              {imports: "engine engine/store engine/auth codec/client", tests: "codec/mqtt engine/internal/certs/certstest"},
	"engine/enginetest/matrix":       {imports: "engine/enginetest"},
	"engine/enginetest/rig":          {imports: "engine engine/store codec codec/mqtt"},
	"engine/enginetest/soak":         {tests: "engine/enginetest/rig engine engine/store engine/auth codec/mqtt"},
	"engine/enginetest/badinput":     {tests: "engine/enginetest/rig engine engine/store engine/auth codec codec/codectest codec/mqtt engine/internal/certs/certstest"},
	"engine/enginetest/crash":        {imports: "codec/mqtt engine engine/auth engine/store/seglog engine/store/vfs engine/store/vfs/faultfs engine/enginetest/rig", tests: "engine/store engine/plugin/admin"},
	"engine/enginetest/crash/victim": {imports: "engine/enginetest/crash"},
	"engine/enginetest/transcript":   {imports: "", tests: "engine engine/store engine/auth codec/mqtt"},

	"engine/plugin/admin": {imports: "engine engine/store codec/mqtt" + prometheus, tests: "codec/client engine/internal/certs/certstest"},

	// the program
	"cmd/penstock/internal/config": {imports: "engine engine/plugin/admin" + yaml},
	"cmd/penstock":                 {imports: "cmd/penstock/internal/config engine engine/store engine/store/seglog engine/plugin/admin bench bench/compare codec/client codec/mqtt" + kong + sys + systemd},

	"scripts": {},
}

func TestEveryPackageImportsOnlyWhatTheTableAllows(t *testing.T) {
	for _, pkg := range packages(t) {
		rule, known := layers[pkg]
		if !known {
			t.Errorf("package %s is not in the import table: decide which layer it is of", pkg)
			continue
		}
		allowed := strings.Fields(rule.imports)
		inTests := append(slices.Clone(allowed), strings.Fields(rule.tests)...)
		inTests = append(inTests, pkg) // a test from outside the package
		for _, file := range goFiles(t, pkg) {
			may := allowed
			if strings.HasSuffix(file, "_test.go") {
				may = inTests
			}
			for _, imported := range imports(t, file) {
				if !mayImport(imported, may) {
					t.Errorf("%s imports %s; package %s may import %q", file, imported, pkg, may)
				}
			}
		}
	}
}

func TestTheTableHoldsNoPackageThatIsGone(t *testing.T) {
	there := packages(t)
	for pkg := range layers {
		if !slices.Contains(there, pkg) {
			t.Errorf("package %s of the import table does not exist", pkg)
		}
	}
}

// TestTheTablePointsDown finds circles in the table itself, which a build would find only once both arrows are used.
func TestTheTablePointsDown(t *testing.T) {
	var visit func(pkg string, above []string)
	visit = func(pkg string, above []string) {
		if slices.Contains(above, pkg) {
			t.Fatalf("the table has a circle: %s", strings.Join(append(above, pkg), " -> "))
		}
		for _, imported := range strings.Fields(layers[pkg].imports) {
			visit(imported, append(above, pkg))
		}
	}
	for pkg := range layers {
		visit(pkg, nil)
	}
}

// TestGnetStaysBehindTheLoops holds for test files too, whatever the table says.
func TestGnetStaysBehindTheLoops(t *testing.T) {
	mayKnow := []string{"engine/internal/netloop", "bench/internal/loop"}
	for _, pkg := range packages(t) {
		for _, file := range goFiles(t, pkg) {
			for _, imported := range imports(t, file) {
				if strings.HasPrefix(imported, strings.TrimSpace(gnet)) && !slices.Contains(mayKnow, pkg) {
					t.Errorf("%s imports %s; only %q may", file, imported, mayKnow)
				}
			}
		}
	}
}

// mayImport reports whether an import is of the standard library or allowed. An allowed module allows its packages, an
// allowed package of the project only itself.
func mayImport(imported string, allowed []string) bool {
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true
	}
	if pkg, ours := strings.CutPrefix(imported, module+"/"); ours {
		return slices.Contains(allowed, pkg)
	}
	return slices.ContainsFunc(allowed, func(m string) bool {
		return imported == m || strings.HasPrefix(imported, m+"/")
	})
}

// packages lists the folders of the module that hold Go files, relative to its root. Folders with a go.mod are modules of
// their own, and nobody's layer.
func packages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case !entry.IsDir():
			if dir := filepath.ToSlash(filepath.Dir(file)); strings.HasSuffix(name, ".go") {
				found = append(found, strings.TrimPrefix(dir, "../"))
			}
		case file == "..":
		case strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || isModule(file):
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// goFiles lists the Go files of a package under every build tag.
func goFiles(t *testing.T, pkg string) []string {
	t.Helper()
	files, err := filepath.Glob(path.Join("..", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	paths := make([]string, len(tree.Imports))
	for i, spec := range tree.Imports {
		if paths[i], err = strconv.Unquote(spec.Path.Value); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}
