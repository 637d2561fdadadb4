package faultfs

import (
	"path/filepath"
	"slices"
)

// dirOp is a creation (from is empty), a renaming, or a removal (to is empty) of a file that the process has seen happen and
// that is not durable. N is what the file system calls the file, whatever its name is.
type dirOp[N comparable] struct {
	node     N
	from, to string
	synced   bool // the file was, since
}

func (o *dirOp[N]) touches(dir string) bool {
	return o.from != "" && filepath.Dir(o.from) == dir || o.to != "" && filepath.Dir(o.to) == dir
}

// apply changes names as the operation does. An operation that did not come to the disk may have left the file another name.
func (o *dirOp[N]) apply(names map[string]N) {
	for name, n := range names {
		if n == o.node && (name == o.from || o.to != "") {
			delete(names, name)
		}
	}
	if o.to != "" {
		names[o.to] = o.node
	}
}

// split gives the operations that come to the disk when a directory is synced, and the rest, both in order. A rename between
// directories comes with either of them, and with each operation what befell the same file or the same names before.
func split[N comparable](ops []dirOp[N], dir string) (due, rest []dirOp[N]) {
	files, names := map[N]bool{}, map[string]bool{}
	comes := make([]bool, len(ops))
	for i, o := range slices.Backward(ops) {
		if comes[i] = o.touches(dir) || files[o.node] || names[o.from] || names[o.to]; comes[i] {
			files[o.node] = true
			for _, name := range []string{o.from, o.to} {
				names[name] = name != ""
			}
		}
	}
	for i := range ops {
		if comes[i] {
			due = append(due, ops[i])
		} else {
			rest = append(rest, ops[i])
		}
	}
	return due, rest
}
