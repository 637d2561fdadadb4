package seglog

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

func TestANewStoreHasAnIdentityThatStays(t *testing.T) {
	f := faultfs.NewMem(1 << 20)
	o := &Options{Dir: "/a/log", FS: f}
	var who identity
	for i := range 3 {
		p, err := open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			who = p.who
		}
		if p.who != who || who.marker == 0 || who.store == [16]byte{} || len(p.index.segments) > 0 || p.lsn != 0 || !p.recovery.Clean {
			t.Errorf("open %d: got %+v, want %+v and nothing in it", i, p, who)
		}
		for shift := 0; shift < 64; shift += 8 {
			if byte(who.marker>>shift) == 0 {
				t.Errorf("the marker %x has a zero byte", who.marker)
			}
		}
		p.letGo()
	}
}

func TestTheIdentityIsFoundWhereverItIsLeft(t *testing.T) {
	for name, lose := range map[string]func(p *paper){
		"no file":                func(p *paper) { p.must(p.fs.Remove("/log/store")) },
		"damaged file":           func(p *paper) { p.change("/log/store", 5, invert, 1) },
		"file of another store":  func(p *paper) { p.change("/log/store", 0, foreign, headerSize) },
		"segment of another one": func(p *paper) { p.change(p.path(1), 0, foreign, headerSize) },
		"file and first header":  func(p *paper) { p.must(p.fs.Remove("/log/store")); p.flip(1, 3) },
		"all but the frames": func(p *paper) {
			p.must(p.fs.Remove("/log/store"))
			for _, s := range p.x.segments {
				p.flip(s.id, 3)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 12)
			lose(p)
			got, state := p.open(p.options())
			same(t, "opened", state, without(t, 12))
			if got.who.marker != p.who.marker || name != "all but the frames" && got.who != p.who {
				t.Errorf("got %+v, want %+v", got.who, p.who)
			}
			again, state := p.open(p.options())
			same(t, "opened again", state, without(t, 12))
			if again.who != got.who || len(again.fixed) > 0 {
				t.Errorf("opened again: got %+v, %d holes; want %+v, none", again.who, len(again.fixed), got.who)
			}
		})
	}
}

func foreign(b []byte) {
	other := paperID
	other.store[3]++
	other.marker++
	copy(b, appendHeader(nil, other, 1, 5))
}

func TestTheSecondToOpenAStoreIsToldWhoHasIt(t *testing.T) {
	dir := t.TempDir()
	o := &Options{Dir: dir, FS: vfs.OS}
	p, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(t.Context(), o)
	if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "this process") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want ErrLocked, and who has it", err)
	}
	p.letGo()
	if p, err = open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p.letGo()
}

func TestHeadersComeBackAsTheyWereWritten(t *testing.T) {
	want := header{who: paperID, segment: 1<<32 - 1, created: 1_800_000_000}
	b := appendHeader(nil, want.who, uint32(want.segment), want.created)
	if len(b) != headerSize {
		t.Errorf("got %d bytes, want %d", len(b), headerSize)
	}
	got, err := parseHeader(b)
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for i := range b[:headerCRC+4] {
		b[i] ^= 0x10
		if _, err := parseHeader(b); !errors.Is(err, errHeader) {
			t.Errorf("byte %d changed: got %v, want errHeader", i, err)
		}
		b[i] ^= 0x10
	}
	b[8]++
	if _, err := parseHeader(sealed(b)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer major: got %v, want ErrNewer", err)
	}
	b[8]--
	b[10]++
	if _, err := parseHeader(sealed(b)); err != nil {
		t.Errorf("a newer minor: got %v, want nil", err)
	}
}
