package seglog

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// The directories in testdata/golden were written by a version of this program and stay loadable for ever: what is in them
// never changes. A version that writes something else adds its own beside them: go test -run Golden -golden 1.1
var golden = flag.String("golden", "", "write the golden directories of this version under this name")

const goldenDir = "testdata/golden"

// goldenLogs are what each version writes.
var goldenLogs = map[string]func(t *testing.T) *paper{
	"plain":     plainLog,
	"reclaimed": reclaimedLog,
	"torn":      tornLog,
	"damaged":   damagedLog,
	"healed":    healedLog,
}

func TestGoldenDirectoriesLoad(t *testing.T) {
	if *golden != "" {
		for name, make := range goldenLogs {
			writeGolden(t, filepath.Join(goldenDir, *golden, name), make(t))
		}
	}
	texts, err := filepath.Glob(filepath.Join(goldenDir, "*", "*.txt"))
	if err != nil || len(texts) < len(goldenLogs) {
		t.Fatalf("got %d golden directories, %v; want %d", len(texts), err, len(goldenLogs))
	}
	for _, text := range texts {
		dir := strings.TrimSuffix(text, ".txt")
		t.Run(dir, func(t *testing.T) {
			tmp := t.TempDir()
			if err := os.CopyFS(tmp, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(dir + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			for _, opening := range []string{"", ", opened again"} {
				got := goldenText(t, tmp)
				if opening != "" {
					got = afterTheFirst(got, string(want))
				}
				if got != string(want) {
					t.Errorf("%s%s:\n got %s\nwant %s", dir, opening, got, want)
				}
			}
		})
	}
}

// afterTheFirst gives a second opening the line of the first one: what was torn then is cut.
func afterTheFirst(got, want string) string {
	_, rest, _ := strings.Cut(got, "\n")
	line, _, _ := strings.Cut(want, "\n")
	return line + "\n" + rest
}

// writeGolden writes a paper down, and what it says. What is there already stays.
func writeGolden(t *testing.T, dir string, p *paper) {
	t.Helper()
	p.must(os.MkdirAll(filepath.Dir(dir), 0o755))
	p.must(os.Mkdir(dir, 0o755))
	var walk func(from, to string)
	walk = func(from, to string) {
		names, err := p.fs.ReadDir(from)
		p.must(err)
		for _, name := range names {
			if name == quarantineDir {
				p.must(os.Mkdir(filepath.Join(to, name), 0o755))
				walk(filepath.Join(from, name), filepath.Join(to, name))
			} else if name != lockName {
				p.must(os.WriteFile(filepath.Join(to, name), content(t, p.fs, filepath.Join(from, name)), 0o644))
			}
		}
	}
	walk(p.dir, dir)
	tmp := t.TempDir()
	p.must(os.CopyFS(tmp, os.DirFS(dir)))
	p.must(os.WriteFile(dir+".txt", []byte(goldenText(t, tmp)), 0o644))
}

// goldenText opens a directory and writes down what there is. It says no more than what every version will say.
func goldenText(t *testing.T, dir string) string {
	t.Helper()
	p, err := open(context.Background(), &Options{Dir: dir, FS: vfs.OS})
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	defer p.letGo()
	var out strings.Builder
	fmt.Fprintf(&out, "clean %v, torn %d\n", p.recovery.Clean, p.recovery.TornBytes)
	fmt.Fprintf(&out, "store %x, LSN %d, segments %d to %d\n", p.who.store, p.lsn, p.index.segments[0].id, p.index.segments[len(p.index.segments)-1].id)
	for _, h := range p.recovery.Holes {
		fmt.Fprintf(&out, "hole %s, original %v\n", holesText([]store.Hole{h}), h.File != "" && exists(t, vfs.OS, h.File))
	}
	type line struct {
		class int
		id    uint64
		text  string
	}
	var lines []line
	classes := map[store.Kind]int{store.META: 0, store.RET: 1, store.MSG: 2}
	var session uint64
	err = p.visit(context.Background(), func(r *store.Record) error {
		l := line{class: 3, text: recordText(r)}
		if class, ok := classes[r.Kind]; ok {
			l.class, l.id = class, r.Message.ID
		} else if r.Kind == store.SES {
			session = r.Session.ID
		}
		if l.class == 3 {
			l.id = session
		}
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		if n := cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.id, b.id)); n != 0 || a.class > 1 {
			return n
		}
		return strings.Compare(a.text, b.text)
	})
	for _, l := range lines {
		out.WriteString(l.text + "\n")
	}
	return out.String()
}

// recordText writes down the fields of version 1, and later ones where they say something.
func recordText(r *store.Record) string {
	switch r.Kind {
	case store.META:
		return fmt.Sprintf("META %q = %q", r.Key, r.Value)
	case store.RET, store.MSG:
		m := &r.Message
		return fmt.Sprintf("%v %d topic %q props %x payload %.40q (%d) qos %d retain %v publisher %d expiry %d %d", r.Kind, m.ID, m.Topic, m.Props, m.Payload,
			len(m.Payload), m.QoS, m.Retain, m.Publisher, m.Expiry.Left, m.Expiry.Wall)
	case store.SES:
		s := &r.Session
		w := &s.Will
		text := fmt.Sprintf("SES %d client %q principal %q user %q version %d clean %v online %v expiry %d created %d rest %d %d", s.ID, s.ClientID, s.Principal,
			s.Username, s.Version, s.Clean, s.Online, s.Expiry, s.Created, s.Rest.Left, s.Rest.Wall)
		if s.HasWill {
			text += fmt.Sprintf(" will %q props %x payload %q qos %d retain %v delay %d expiry %v %d rest %d %d", w.Topic, w.Props, w.Payload, w.QoS, w.Retain, w.Delay,
				w.HasExpiry, w.Expiry, w.Rest.Left, w.Rest.Wall)
		}
		return text + fmt.Sprintf(" sent %d parted %v superuser %v listener %q", s.Sent, s.Parted, s.Superuser, s.Listener)
	case store.SUB:
		return fmt.Sprintf("  SUB %q options %#02x id %d", r.Subscription.Filter, r.Subscription.Options, r.Subscription.ID)
	case store.QIN:
		return fmt.Sprintf("  QIN %d", r.PacketID)
	case store.ENQ:
		d := &r.Deliveries[0]
		return fmt.Sprintf("  ENQ %d message %d qos %d retain %v shared %v ids %d", d.Seq, r.Message.ID, d.QoS, d.Retain, d.Shared, d.SubIDs)
	case store.REL:
		return fmt.Sprintf("  REL %d", r.Seq)
	}
	return r.Kind.String()
}

// plainLog has every kind of record with all its fields, those that take back included, and was closed.
func plainLog(t *testing.T) *paper {
	p := newPaper(t, 4<<10)
	life := store.Lifetime{Left: 60, Wall: 1_750_000_000}
	binary := []byte{0, 255, 10, 13}
	p.commit(0, func(b *store.Batch) {
		b.Meta([]byte("ids"), []byte{1, 2, 3})
		b.Meta([]byte("gone"), []byte("x"))
		b.Retain(&store.Message{Topic: []byte("a/b"), Props: binary, Payload: []byte("kept"), QoS: 1, Retain: true, Publisher: 1, Expiry: life})
		b.Retain(&store.Message{Topic: []byte("gone"), Payload: []byte("x")})
		b.Session(&store.Session{ID: 1, ClientID: []byte("first"), Principal: []byte("p"), Username: []byte("u"), Version: mqtt.V5, Clean: true, Online: true,
			Expiry: 1<<32 - 1, Created: 1_700_000_000, HasWill: true, Will: store.Will{Topic: []byte("w"), Props: binary, Payload: []byte("dead"), QoS: 2, Retain: true,
				Delay: 5, HasExpiry: true, Expiry: 9, Rest: life}, Sent: 12, Parted: true, Superuser: true, Listener: []byte("tls")})
		b.Session(&store.Session{ID: 2, ClientID: binary, Version: mqtt.V311, Rest: life, Expiry: 7})
		b.Session(&store.Session{ID: 3, ClientID: []byte("gone")})
		b.Subscribe(1, &store.Subscription{Filter: []byte("$share/g/+/#"), Options: 0x2e, ID: 268435455})
		b.Subscribe(1, &store.Subscription{Filter: []byte("gone")})
		b.Receive(1, 65535)
		b.Receive(1, 7)
		b.Message(&store.Message{ID: 1 << 40, Topic: []byte("t"), Props: binary, Payload: bytes.Repeat([]byte("payload "), 30), QoS: 2, Retain: true, Publisher: 2,
			Expiry: life})
		b.Enqueue(1<<40, []store.Delivery{{Session: 1, Seq: 10, QoS: 2, Retain: true, Shared: true, SubIDs: []uint32{1, 268435455}}, {Session: 2, Seq: 1, QoS: 1}})
		for seq := uint64(11); seq < 14; seq++ {
			b.Message(&store.Message{ID: seq, Topic: []byte("t"), QoS: 1})
			b.Enqueue(seq, []store.Delivery{{Session: 1, Seq: seq, QoS: 1}, {Session: 3, Seq: seq, QoS: 1}})
		}
	})
	p.commit(0, func(b *store.Batch) {
		b.Meta([]byte("gone"), nil)
		b.Unretain([]byte("gone"))
		b.Unsubscribe(1, []byte("gone"))
		b.Complete(1, 7)
		b.Release(1, 10)
		b.Ack(1, 12)
		b.DropSession(3)
	})
	// A session as version 1 wrote it, and what a later version may add.
	old := []byte{byte(store.SES), 1, 9, 5, 0, 4, 60, 1, 1, 'o', 0, 0}
	p.must(store.Each(old, &store.Record{}, func(*store.Record) error { return nil }))
	p.write(frameRecords, append(old, 0x70, 1, 1, 'x'), 2)
	p.write(0x7f, []byte("to be left out"), 0)
	p.write(frameClosed, nil, 0)
	return p
}

// reclaimedLog begins with the fifth segment or so: sessions and messages stand behind what names them.
func reclaimedLog(t *testing.T) *paper {
	p := newPaper(t, 2<<10)
	p.commit(0, func(b *store.Batch) {
		for id := uint64(1); id <= 3; id++ {
			tellSession(b, id)
		}
	})
	for id := uint64(10); p.x.segments[0].id < 5; id++ {
		p.commit(150, func(b *store.Batch) {
			b.Message(&store.Message{ID: id * 10, Topic: []byte("t"), Payload: bytes.Repeat([]byte{'.'}, 200), QoS: 1})
			b.Enqueue(id*10, []store.Delivery{{Session: id%3 + 1, Seq: id, QoS: 1}})
			if id%4 > 0 {
				b.Ack(id%3+1, id)
			}
			if id == 20 { // for the message of the first segment
				b.Enqueue(101, []store.Delivery{{Session: 2, Seq: 5, QoS: 1}})
			}
		})
	}
	return p
}

// tornLog ends in the middle of a frame.
func tornLog(t *testing.T) *paper {
	p := told(t, 10)
	s := p.of(p.lsn)
	p.wipe(s.seg, s.off+100, s.size-100)
	return p
}

// damagedLog has lost frames in two segments, a header and a file.
func damagedLog(t *testing.T) *paper {
	p := told(t, 24)
	p.spoil(p.frameOf(2))
	p.wipe(1, p.of(p.frameOf(4)).off, 20)
	p.flip(2, 1)
	p.must(p.fs.Remove(p.path(3)))
	return p
}

// healedLog was damaged, and was repaired.
func healedLog(t *testing.T) *paper {
	p := damagedLog(t)
	if _, err := Repair(t.Context(), *p.options()); err != nil {
		t.Fatal(err)
	}
	return p
}
