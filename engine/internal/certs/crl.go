package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// revoked is the set of certificates that were taken back. It is free of pointers: lists of a hundred thousand entries
// are common, and the garbage collector passes over these.
type revoked map[fingerprint]struct{}

// fingerprint stands for a certificate: a hash of its issuer's name and its serial number. The issuer is known by name
// and not by key (RFC 5280, 5.1.2.3), so that a list signed with an authority's new key covers what the old one signed.
type fingerprint [16]byte

func fingerprintOf(rawIssuer []byte, serial *big.Int) (f fingerprint) {
	var room [256]byte
	b := binary.BigEndian.AppendUint32(room[:0], uint32(len(rawIssuer)))
	b = append(b, rawIssuer...)
	b = append(b, byte(serial.Sign()))
	b = append(b, serial.Bytes()...)
	sum := sha256.Sum256(b)
	copy(f[:], sum[:])
	return f
}

// holds tells whether a certificate was taken back.
func (r revoked) holds(c *x509.Certificate) bool {
	if len(r) == 0 {
		return false
	}
	_, gone := r[fingerprintOf(c.RawIssuer, c.SerialNumber)]
	return gone
}

// crls is what the lists of a file say together. The lists themselves are let go: parsed, an entry takes some hundred bytes.
type crls struct {
	caFile      string
	authorities []*x509.Certificate // that sign them

	revoked  revoked
	expiries []Expiry
}

// parseCRLs reads all lists of a file, PEM or DER; at least one. Each must be signed by one of the authorities. A list
// whose next update is overdue still counts: what it names stays revoked. Several lists of one authority add up.
func parseCRLs(data []byte, authorities []*x509.Certificate, caFile string) (*crls, error) {
	lists, err := splitCRLs(data)
	if err != nil {
		return nil, err
	}
	all := &crls{caFile: caFile, authorities: authorities, revoked: revoked{}}
	for i, der := range lists {
		if err := all.add(der); err != nil {
			if len(lists) > 1 {
				err = fmt.Errorf("list %d: %w", i+1, err)
			}
			return nil, err
		}
	}
	return all, nil
}

// splitCRLs gives the lists of a file in DER.
func splitCRLs(data []byte) (lists [][]byte, err error) {
	var blocks []*pem.Block
	if bytes.Contains(data, pemBegin) {
		if blocks, err = decodePEM(data); err != nil {
			return nil, err
		}
		for _, block := range blocks {
			if block.Type == "X509 CRL" {
				lists = append(lists, block.Bytes)
			}
		}
	} else if data[0] == 0x30 {
		for rest := data; len(rest) > 0; {
			var list asn1.RawValue
			if rest, err = asn1.Unmarshal(rest, &list); err != nil {
				return nil, fmt.Errorf("list %d cannot be read: %w", len(lists)+1, err)
			}
			lists = append(lists, list.FullBytes)
		}
	}
	if len(lists) == 0 {
		if len(blocks) == 0 {
			return nil, errors.New("no revocation list in it: it is neither PEM nor DER")
		}
		return nil, errors.New("no revocation list in it" + insteadOf(data, blocks))
	}
	return lists, nil
}

func (all *crls) add(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("the revocation list cannot be read: %w", err)
	}
	if err := understood(list); err != nil {
		return fmt.Errorf("the revocation list of %s %w", list.Issuer, err)
	}
	if signerOf(list, all.authorities) == nil {
		return fmt.Errorf("the revocation list of %s is not signed by any of the authorities in %s", list.Issuer, all.caFile)
	}
	if len(all.revoked) == 0 {
		all.revoked = make(revoked, len(list.RevokedCertificateEntries))
	}
	// Under the name of each authority it is the list of, byte for byte as the certificates that one issues carry it: the
	// list may spell it differently, and so may the authority since it was renewed.
	for _, issuer := range spellings(list, all.authorities) {
		for i := range list.RevokedCertificateEntries {
			all.revoked[fingerprintOf(issuer, list.RevokedCertificateEntries[i].SerialNumber)] = struct{}{}
		}
	}
	if !list.NextUpdate.IsZero() {
		all.expiries = append(all.expiries, Expiry{Subject: list.Issuer.String(), At: list.NextUpdate})
	}
	return nil
}

// signerOf finds the authority of the list's name that has signed it.
func signerOf(list *x509.RevocationList, authorities []*x509.Certificate) *x509.Certificate {
	for _, c := range authorities {
		if isOf(list, c) && list.CheckSignatureFrom(c) == nil {
			return c
		}
	}
	return nil
}

// isOf tells whether a list has the name of an authority.
func isOf(list *x509.RevocationList, c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, list.RawIssuer) || c.Subject.String() == list.Issuer.String()
}

// spellings are the ways in which the authorities of the list's name write it.
func spellings(list *x509.RevocationList, authorities []*x509.Certificate) (names [][]byte) {
	for _, c := range authorities {
		if isOf(list, c) && !slices.ContainsFunc(names, func(n []byte) bool { return bytes.Equal(n, c.RawSubject) }) {
			names = append(names, c.RawSubject)
		}
	}
	return names
}

var (
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// understood refuses lists that would be read wrongly: a delta list is not whole, an indirect one names certificates of
// other issuers, and what is critical must be known (RFC 5280, 5.2).
func understood(list *x509.RevocationList) error {
	for _, ext := range list.Extensions {
		switch {
		case ext.Id.Equal(oidDelta):
			return errors.New("is a delta list: the whole one is needed")
		case ext.Id.Equal(oidDistribution):
			var point struct {
				Point      asn1.RawValue  `asn1:"optional,tag:0"`
				UserOnly   bool           `asn1:"optional,tag:1"`
				CAOnly     bool           `asn1:"optional,tag:2"`
				Reasons    asn1.BitString `asn1:"optional,tag:3"`
				Indirect   bool           `asn1:"optional,tag:4"`
				Attributes bool           `asn1:"optional,tag:5"`
			}
			if _, err := asn1.Unmarshal(ext.Value, &point); err != nil {
				return fmt.Errorf("has a distribution point that cannot be read: %w", err)
			}
			if point.Indirect {
				return errors.New("is an indirect list, of other issuers' certificates: these are not supported")
			}
		case ext.Critical:
			return fmt.Errorf("has an unknown critical extension %s", ext.Id)
		}
	}
	return nil
}
