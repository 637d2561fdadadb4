package certs

import (
	"io/fs"
	"os"
)

// watch knows the files as they were when they were read last, and as they were at the last look.
type watch struct {
	paths []string               // of the Files in force
	read  map[string]fs.FileInfo // at the last attempt to read them, good or not; nil: there was none
	seen  map[string]fs.FileInfo // at the last look
}

// tried notes the files before they are read: what changes while they are is found by the next looks.
func (w *watch) tried(f Files) {
	if w.read == nil {
		w.read, w.seen = map[string]fs.FileInfo{}, map[string]fs.FileInfo{}
	}
	for _, path := range f.paths() {
		info := look(path)
		w.read[path], w.seen[path] = info, info
	}
}

// loaded says that these are in force now.
func (w *watch) loaded(f Files) {
	w.paths = f.paths()
	read := make(map[string]fs.FileInfo, len(w.paths))
	for _, path := range w.paths {
		read[path] = w.read[path]
	}
	w.read = read
}

// Changed tells whether a file has another content, by its size, time and number, than when it was last read, and
// has kept it since the look before: a file that is being written is left alone. What a failed Reload has read is not told
// of again. Links are followed.
func (m *Material) Changed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.watch.look()
}

func (w *watch) look() bool {
	changed, stable := false, true
	seen := make(map[string]fs.FileInfo, len(w.paths))
	for _, path := range w.paths {
		info := look(path)
		seen[path] = info
		changed = changed || !same(info, w.read[path])
		stable = stable && same(info, w.seen[path])
	}
	w.seen = seen
	return changed && stable
}

func look(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}
