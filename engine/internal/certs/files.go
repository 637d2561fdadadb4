package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// maxFile is the largest file that is read: a revocation list of millions of entries fits.
const maxFile = 256 << 20

// readFile reads a regular file of bounded size. Anything else, a pipe say, could not be read again.
func readFile(what, path string) ([]byte, error) {
	data, err := func() ([]byte, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, errors.New("is not a regular file")
		case info.Size() > maxFile:
			return nil, fmt.Errorf("has %d bytes, more than %d", info.Size(), maxFile)
		}
		data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
		switch {
		case err != nil:
			return nil, err
		case len(data) == 0:
			return nil, errors.New("is empty")
		}
		return data, nil
	}()
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrong.Err // the path is named below
	}
	if err != nil {
		return nil, wrongFile(what, path, err)
	}
	return data, nil
}

// wrongFile names the file in an error.
func wrongFile(what, path string, err error) error {
	return fmt.Errorf("%s file %s: %w", what, path, err)
}

var (
	pemBegin = []byte("-----BEGIN ")
	utf8BOM  = []byte("\xef\xbb\xbf")
)

// errBrokenPEM is for a file that was cut off or damaged: pem.Decode would pass over such a block in silence.
var errBrokenPEM = errors.New("a PEM block is broken or cut off")

// decodePEM splits a file into its blocks.
func decodePEM(data []byte) ([]*pem.Block, error) {
	data = bytes.TrimPrefix(data, utf8BOM)
	var blocks []*pem.Block
	begun := bytes.Count(data, pemBegin)
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	if len(blocks) != begun {
		return nil, errBrokenPEM
	}
	return blocks, nil
}

// loadCertificates reads all certificates of a PEM file: at least one. Blocks of other kinds are passed over, so that a
// certificate and its key may share a file.
func loadCertificates(what, path string) ([]*x509.Certificate, error) {
	data, err := readFile(what, path)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(data)
	if err != nil {
		return nil, wrongFile(what, path, err)
	}
	return certs, nil
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	blocks, err := decodePEM(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, block := range blocks {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in it cannot be read: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in it" + insteadOf(data, blocks))
	}
	return certs, nil
}

// insteadOf says what a file holds that lacks what was looked for.
func insteadOf(data []byte, blocks []*pem.Block) string {
	switch {
	case len(blocks) > 0:
		types := make([]string, len(blocks))
		for i, b := range blocks {
			types[i] = b.Type
		}
		slices.Sort(types)
		return ", but: " + strings.Join(slices.Compact(types), ", ")
	case data[0] == 0x30:
		return ": it looks like DER, and PEM is needed"
	}
	return ": it is no PEM"
}
