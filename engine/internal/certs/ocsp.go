package certs

import (
	"encoding/asn1"
	"errors"
	"fmt"
)

// oidBasicOCSP marks the one kind of OCSP response in use.
var oidBasicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

// ocspResponse is the outer shape of a response (RFC 6960, 4.2.1). What is inside is for clients to judge, who know the
// authority that signed it.
type ocspResponse struct {
	Status asn1.Enumerated
	Bytes  struct {
		Type asn1.ObjectIdentifier
		Data []byte
	} `asn1:"explicit,tag:0,optional"`
}

// loadOCSP reads the response to staple to a certificate.
func loadOCSP(path string) ([]byte, error) {
	data, err := readFile("OCSP", path)
	if err != nil {
		return nil, err
	}
	if err := checkOCSP(data); err != nil {
		return nil, wrongFile("OCSP", path, err)
	}
	return data, nil
}

func checkOCSP(data []byte) error {
	var r ocspResponse
	rest, err := asn1.Unmarshal(data, &r)
	switch {
	case err != nil:
		return errors.New("is no OCSP response in DER")
	case len(rest) > 0:
		return fmt.Errorf("has %d bytes behind the OCSP response", len(rest))
	case r.Status != 0:
		return fmt.Errorf("the responder refused to answer (status %d)", r.Status)
	case !r.Bytes.Type.Equal(oidBasicOCSP) || len(r.Bytes.Data) == 0:
		return errors.New("holds no basic OCSP response")
	}
	return nil
}
