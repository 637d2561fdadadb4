package seglog

import (
	"slices"
	"testing"
)

func TestTheScannerFindsFramesWhereverItsWindowsEnd(t *testing.T) {
	var log []byte
	var want []int64
	for lsn := range uint64(6) {
		log = append(log, make([]byte, 11*lsn)...) // zeroes between: nothing that follows is where it should be
		want = append(want, int64(len(log)))
		start := len(log)
		log = append(beginFrame(log), slices.Repeat([]byte{byte(lsn)}, int(40*lsn))...)
		endFrame(log, start, paperID, frameRecords, lsn+1, 1, 0)
	}
	p := newPaper(t, 4<<10)
	file, err := p.fs.Create("/f", int64(len(log)))
	p.must(err)
	_, err = file.WriteAt(log, 0)
	p.must(err)
	for step := int64(frameSize); step < 2*int64(len(log)); step += 1 + step/20 {
		s := newScanner(file, paperID, int64(len(log)), 0)
		s.step = step
		var got []int64
		for {
			f, ok, err := s.find(s.at, 0)
			p.must(err)
			if !ok {
				break
			}
			if string(f.body) != string(log[f.off+frameSize:f.end()]) {
				t.Errorf("windows of %d: the frame at %d has another body", step, f.off)
			}
			got = append(got, f.off)
			s.at = f.end()
		}
		if !slices.Equal(got, want) {
			t.Errorf("windows of %d: got frames at %d, want %d", step, got, want)
		}
		if lsn, durable, err := s.heads(0, 0); err != nil || lsn != 6 || durable != 5 {
			t.Errorf("windows of %d: got heads up to %d, %d of them durable, %v; want 6 and 5", step, lsn, durable, err)
		}
	}
}
