package certs_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// looks gives the answers of so many looks.
func (r *rig) looks(n int) []bool {
	got := make([]bool, n)
	for i := range got {
		got[i] = r.m.Changed()
	}
	return got
}

func (r *rig) mustLook(when string, want ...bool) {
	r.t.Helper()
	if got := r.looks(len(want)); !slices.Equal(got, want) {
		r.t.Errorf("%s: the looks tell %v, want %v", when, got, want)
	}
}

func TestAChangeIsToldOnceItIsStable(t *testing.T) {
	r := newRig(t, func(r *rig) {
		mutual(certs.Require)(r)
		r.files.CRL = r.write("ca.crl", r.ca.CRL(t))
		r.files.OCSP = []string{r.write("server.ocsp", ocsp(t, 0, basicOCSP))}
	})
	r.mustLook("untouched", false, false)
	for _, file := range []string{"server.crt", "server.key", "ca.crt", "ca.crl", "server.ocsp"} {
		path := filepath.Join(r.dir, file)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.write(file, content) // the same size, perhaps the same time
		r.mustLook(file+" replaced", false, true, true)
		r.reload()
		r.mustLook(file+" loaded", false, false)

		if err := os.Chtimes(path, time.Time{}, time.Unix(1_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		r.mustLook(file+" written in place", false)
		if err := os.Chtimes(path, time.Time{}, time.Unix(2_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		r.mustLook(file+" written on", false, true)
		r.reload()

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		r.mustLook(file+" gone", false, true)
		r.write(file, content)
		r.mustLook(file+" back", false, true)
		r.reload()
	}
}

func TestABrokenFileIsToldOnce(t *testing.T) {
	r := newRig(t, nil)
	r.write("server.key", []byte("garbage"))
	r.mustLook("broken", false, true)
	if _, err := r.m.Reload(r.files); err == nil {
		t.Fatal("Reload accepted garbage")
	}
	r.mustLook("tried", false, false, false)
	r.write("server.key", []byte("garbage of another kind"))
	r.mustLook("broken otherwise", false, true)
	if _, err := r.m.Reload(r.files); err == nil {
		t.Fatal("Reload accepted garbage")
	}
	if err := os.Remove(r.files.Key[0]); err != nil {
		t.Fatal(err)
	}
	r.mustLook("gone", false, true)
	if _, err := r.m.Reload(r.files); err == nil {
		t.Fatal("Reload accepted a missing file")
	}
	r.mustLook("gone and tried", false, false)
	r.write("server.key", r.server.KeyPEM(t))
	r.mustLook("repaired", false, true)
	r.reload()
	r.mustLook("loaded", false, false)
}

func TestOnlyTheFilesInForceAreWatched(t *testing.T) {
	r := newRig(t, nil)
	was := r.files
	cert, key := r.ca.Issue(t, "second").Write(t, r.dir, "second")
	r.files.Cert, r.files.Key = []string{cert}, []string{key}
	r.reload()
	r.server.Write(t, r.dir, "server")
	r.mustLook("a former file changed", false, false)
	r.write("second.key", r.ca.Issue(t, "third").KeyPEM(t))
	r.mustLook("one in force changed", false, true)

	r.files = was
	r.write("server.key", []byte("garbage"))
	if _, err := r.m.Reload(r.files); err == nil {
		t.Fatal("Reload accepted garbage")
	}
	r.mustLook("other files were tried and refused", true, true)
}

// TestALinkThatIsTurnedCounts: a mounted secret is a link to a folder that is replaced as a whole.
func TestALinkThatIsTurnedCounts(t *testing.T) {
	r := newRig(t, func(r *rig) {
		for _, version := range []string{"v1", "v2"} {
			dir := filepath.Join(r.dir, version)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			r.ca.Issue(t, version, certstest.Names("localhost")).Write(t, dir, "tls")
		}
		turn(t, r.dir, "v1")
		r.files.Cert[0], r.files.Key[0] = filepath.Join(r.dir, "data", "tls.crt"), filepath.Join(r.dir, "data", "tls.key")
	})
	r.mustLook("untouched", false, false)
	turn(t, r.dir, "v2")
	r.mustLook("turned", false, true)
	r.reload()
	if got := r.serves().Subject.CommonName; got != "v2" {
		t.Errorf("the server shows %q, want v2", got)
	}
	r.mustLook("loaded", false, false)
}

func turn(t *testing.T, dir, to string) {
	t.Helper()
	link := filepath.Join(dir, "data")
	if err := os.Symlink(to, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func TestExpiriesAreInOrder(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	in := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour).UTC() }
	r := newRig(t, func(r *rig) {
		r.ca = certstest.NewCA(t, "root", certstest.Expires(in(500)))
		sub := r.ca.Intermediate(t, "sub", certstest.Expires(in(100)))
		cert, key := sub.Issue(t, "expired", certstest.Names("localhost"), certstest.Expires(in(-5))).Write(t, r.dir, "server")
		r.files.Cert[0], r.files.Key[0] = cert, key
		r.files.CA = r.write("ca.crt", certstest.PEM(r.ca.Cert, sub.Cert))
		r.files.CRL = r.write("ca.crl", certstest.CRLPEM(r.ca.CRLOf(t, in(-50)), sub.CRLOf(t, in(50))))
		r.files.ClientAuth = certs.Optional
	})
	crt, ca, crl := r.files.Cert[0], r.files.CA, r.files.CRL
	want := []certs.Expiry{
		{File: crl, Subject: "CN=root", At: in(-50)},
		{File: crt, Subject: "CN=expired", At: in(-5)},
		{File: crl, Subject: "CN=sub", At: in(50)},
		{File: crt, Subject: "CN=sub", At: in(100)},
		{File: ca, Subject: "CN=sub", At: in(100)},
		{File: ca, Subject: "CN=root", At: in(500)},
	}
	if got := r.m.Expiries(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
