package netloop

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"strings"
	"testing"
)

func TestGnetsFunctionsTakeWhatTheyAreCalledWith(t *testing.T) {
	pkg, err := build.Import("github.com/panjf2000/gnet/v2", ".", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"newStreamConn": "func(proto string, fd int, el *eventloop, sa unix.Sockaddr, localAddr, remoteAddr net.Addr) (c *conn)",
		"register0":     "func(c *conn) error",
	}
	for _, name := range pkg.GoFiles {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, pkg.Dir+"/"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || want[fn.Name.Name] == "" {
				continue
			}
			var got strings.Builder
			if err := printer.Fprint(&got, fset, fn.Type); err != nil {
				t.Fatal(err)
			}
			if got.String() != want[fn.Name.Name] {
				t.Errorf("gnet's %s is %s, want %s", fn.Name.Name, got.String(), want[fn.Name.Name])
			}
			delete(want, fn.Name.Name)
		}
	}
	for name := range want {
		t.Errorf("gnet has no %s", name)
	}
}
