package mqtt

import (
	"bytes"
	"testing"
)

func TestPropertiesSetUnsetReset(t *testing.T) {
	var p Properties
	p.MessageExpiry = 7
	if p.Has(PropMessageExpiry) {
		t.Error("a field without Set is there")
	}
	p.Set(PropMessageExpiry)
	p.User = append(p.User, UserProperty{[]byte("n"), []byte("v")})
	p.SubscriptionIDs = append(p.SubscriptionIDs, 1)
	for _, id := range []PropID{PropMessageExpiry, PropUser, PropSubscriptionID} {
		if !p.Has(id) {
			t.Errorf("property %#x: got absent, want present", id)
		}
		p.Unset(id)
		if p.Has(id) {
			t.Errorf("property %#x: got present after Unset", id)
		}
	}
	p.Set(PropUser) // means nothing: present is what is not empty
	if p.Has(PropUser) {
		t.Error("User Property is there without any")
	}
	p.User = append(p.User, UserProperty{[]byte("n"), []byte("v")})
	p.TopicAlias = 3
	p.Reset()
	if p.has != 0 || len(p.User) != 0 || p.TopicAlias != 0 || cap(p.User) == 0 {
		t.Errorf("after Reset: %+v, capacity %d", p, cap(p.User))
	}
	if kept := p.User[:1][0]; kept.Name != nil || kept.Value != nil {
		t.Errorf("Reset keeps a packet alive: %q %q", kept.Name, kept.Value)
	}
}

// One hostile packet must not make a loop's packet value large for good.
func TestPropertiesResetLetsLargeListsGo(t *testing.T) {
	p := Properties{User: make([]UserProperty, keptEntries+1), SubscriptionIDs: make([]uint32, keptEntries+1)}
	p.Reset()
	if cap(p.User) != 0 || cap(p.SubscriptionIDs) != 0 {
		t.Errorf("got capacities %d and %d, want 0", cap(p.User), cap(p.SubscriptionIDs))
	}
}

// Decoding into a used value takes out whatever kind of property was there.
func TestPropertiesOfThePacketBeforeAreGone(t *testing.T) {
	for id, value := range sample {
		for sc := range scopes {
			if allowed[sc]>>id&1 == 0 {
				continue
			}
			var p Properties
			if why := p.read(pack(id, value), sc); why != nil {
				t.Fatalf("property %#x: %v", id, why.at(site5))
			}
			if p.clear(); !same(p, Properties{}) {
				t.Errorf("after property %#x: got %+v, want nothing", id, p)
			}
		}
	}
}

func TestListsOfOneLargePacketAreLetGo(t *testing.T) {
	var u Unsubscribe
	for _, n := range []int{keptEntries + 1, 1} {
		if err := u.Decode(client311, 2, pack(0, 1, bytes.Repeat(pack("a"), n))); err != nil || len(u.Filters) != n {
			t.Fatalf("%d filters: got %d, %v", n, len(u.Filters), err)
		}
	}
	if cap(u.Filters) > keptEntries {
		t.Errorf("got capacity %d, want at most %d", cap(u.Filters), keptEntries)
	}
}

func TestAppendForward(t *testing.T) {
	p := with(Properties{
		PayloadFormat: 1, MessageExpiry: 9, ContentType: []byte("t"), ResponseTopic: []byte("r"), CorrelationData: []byte{0},
		TopicAlias: 3, SubscriptionIDs: []uint32{5},
		User: []UserProperty{{[]byte("b"), []byte("1")}, {[]byte("a"), []byte("2")}},
	}, PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic, PropCorrelationData, PropTopicAlias)
	want := pack(0xEE, 0x01, 1, 0x03, "t", 0x08, "r", 0x09, "\x00", 0x26, "b", "1", 0x26, "a", "2")
	if got := p.AppendForward([]byte{0xEE}); !bytes.Equal(got, want) {
		t.Errorf("got % X\nwant % X", got, want)
	}
	if got := new(Properties).AppendForward(nil); len(got) != 0 {
		t.Errorf("got % X, want nothing", got)
	}
}

// What is allocated for a list stays in proportion to the bytes that arrived,
// however many entries they hold and whatever they claim.
func TestListsGrowWithWhatArrived(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 100, 10000} {
		block := bytes.Repeat(pack(0x26, "", ""), n)
		var p Publish
		if err := p.Decode(client5, 0, pack("a", AppendVarint(nil, len(block)), block)); err != nil {
			t.Fatal(err)
		}
		if len(p.Props.User) != n || cap(p.Props.User) > n {
			t.Errorf("%d user properties: got %d, capacity %d", n, len(p.Props.User), cap(p.Props.User))
		}
		var s Subscribe
		if err := s.Decode(client5, 2, pack(0, 1, 0, bytes.Repeat(pack("", 0), n))); err != nil {
			t.Fatal(err)
		}
		if len(s.Filters) != n || cap(s.Filters) > n {
			t.Errorf("%d filters: got %d, capacity %d", n, len(s.Filters), cap(s.Filters))
		}
		var u Unsubscribe
		if err := u.Decode(client5, 2, pack(0, 1, 0, bytes.Repeat(pack(""), n))); err != nil {
			t.Fatal(err)
		}
		if len(u.Filters) != n || cap(u.Filters) > n {
			t.Errorf("%d filters to leave: got %d, capacity %d", n, len(u.Filters), cap(u.Filters))
		}
	}
}

func TestVarint(t *testing.T) {
	for _, c := range []struct {
		n    int
		want []byte
	}{
		{0, pack(0)}, {127, pack(0x7F)}, {128, pack(0x80, 1)}, {16383, pack(0xFF, 0x7F)}, {16384, pack(0x80, 0x80, 1)},
		{2097151, pack(0xFF, 0xFF, 0x7F)}, {2097152, pack(0x80, 0x80, 0x80, 1)}, {MaxRemaining, pack(0xFF, 0xFF, 0xFF, 0x7F)},
	} {
		got := AppendVarint(nil, c.n)
		n, size := readVarint(got)
		if !bytes.Equal(got, c.want) || n != c.n || size != len(c.want) || VarintSize(c.n) != len(c.want) {
			t.Errorf("%d: wrote % X, read %d in %d bytes, size %d; want % X", c.n, got, n, size, VarintSize(c.n), c.want)
		}
		if _, size := readVarint(got[:len(got)-1]); size != 0 {
			t.Errorf("% X: got size %d, want 0", got[:len(got)-1], size)
		}
	}
	if _, size := readVarint(pack(0x80, 0x80, 0x80, 0x80)); size != -1 {
		t.Errorf("five bytes: got size %d, want -1", size)
	}
}

func TestAppendStringCutsWhatCannotBeWritten(t *testing.T) {
	long := bytes.Repeat([]byte("x"), maxString+1)
	if got := AppendString(nil, long); len(got) != 2+maxString || got[0] != 0xFF || got[1] != 0xFF {
		t.Errorf("got %d bytes starting % X", len(got), got[:2])
	}
	if got := stringSize(long); got != 2+maxString {
		t.Errorf("stringSize: got %d, want %d", got, 2+maxString)
	}
}
