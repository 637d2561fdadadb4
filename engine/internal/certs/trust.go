package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
)

// trust is what is believed of clients: the authorities, and what these have taken back. It never changes.
type trust struct {
	digest   [sha256.Size]byte // of the files' content
	roots    *x509.CertPool
	revoked  revoked
	expiries []Expiry
}

// loadTrust reads authorities and revocation lists. before is taken over when the content is the same.
func loadTrust(caFile, crlFile string, before *trust) (*trust, error) {
	t := &trust{}
	if caFile == "" {
		return t, nil
	}
	ca, err := readFile("CA", caFile)
	if err != nil {
		return nil, err
	}
	var crl []byte
	if crlFile != "" {
		if crl, err = readFile("CRL", crlFile); err != nil {
			return nil, err
		}
	}
	if t.digest = digest(ca, crl); before != nil && t.digest == before.digest {
		return before, nil
	}
	authorities, err := parseCertificates(ca)
	if err != nil {
		return nil, wrongFile("CA", caFile, err)
	}
	t.roots = x509.NewCertPool()
	for _, c := range authorities {
		t.roots.AddCert(c)
		t.expiries = append(t.expiries, Expiry{File: caFile, Subject: name(c), At: c.NotAfter})
	}
	if crlFile == "" {
		return t, nil
	}
	lists, err := parseCRLs(crl, authorities, caFile)
	if err != nil {
		return nil, wrongFile("CRL", crlFile, err)
	}
	t.revoked = lists.revoked
	for _, e := range lists.expiries {
		e.File = crlFile
		t.expiries = append(t.expiries, e)
	}
	return t, nil
}

func digest(ca, crl []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(ca)))
	h.Write(ca)
	h.Write(crl)
	h.Sum(sum[:0])
	return sum
}
