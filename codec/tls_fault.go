package codec

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// The verification of a tls.Config is somebody else's, and its errors reach us as they are. One that has one of these
// methods, itself or what it wraps, tells its cause by it.
type (
	certificateError interface {
		error
		CertificateFault() (revoked bool) // TLSRevoked or TLSCertificate
	}
	alpnError interface {
		error
		ALPNFault() // TLSALPN
	}
)

// tlsFault gives an error of crypto/tls its cause.
func tlsFault(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{tlsCause(err), err}
}

// plainAlert finds a fatal alert that is not encrypted where a flight begins. OpenSSL's clients send one when they do not
// trust our certificate, also where crypto/tls expects an encrypted record by then and would speak of a bad one; and as they
// close at once, the handshake's goroutine may never come to read it.
func plainAlert(b []byte) error {
	if len(b) >= 7 && b[0] == 0x15 && b[1] == 3 && b[3] == 0 && b[4] == 2 && b[5] == 2 {
		return &Fault{TLSAlert, fmt.Errorf("remote error: %w", tls.AlertError(b[6]))}
	}
	return nil
}

func tlsCause(err error) Cause {
	if e, ok := errors.AsType[certificateError](err); ok {
		if e.CertificateFault() {
			return TLSRevoked
		}
		return TLSCertificate
	}
	if _, ok := errors.AsType[alpnError](err); ok {
		return TLSALPN
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return TLSCertificate
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && e.Conn != nil {
		return TLSNotTLS // its first record; a later one that is wrong has no Conn
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" {
		return TLSAlert
	}
	if errors.Is(err, io.EOF) {
		return TLSAlert // close_notify in the middle of the handshake
	}
	return textCause(err.Error())
}

// tlsTexts are the beginnings of those errors of crypto/tls that have no type. The tests bring each of the causes about,
// so that another wording of another Go does not go unnoticed.
var tlsTexts = []struct {
	begins string
	cause  Cause
}{
	{"tls: client offered only unsupported versions", TLSVersion},
	{"tls: client using inappropriate protocol fallback", TLSVersion},
	{"tls: client offered TLS version older than", TLSVersion},
	{"tls: server selected unsupported protocol version", TLSVersion},
	{"tls: no cipher suite supported by both", TLSCipher},
	{"tls: no key exchanges supported by both", TLSCipher},
	{"tls: client offered only incompatible point formats", TLSCipher},
	{"tls: peer doesn't support any of the certificate's signature algorithms", TLSCipher},
	{"tls: client requested unsupported application protocols", TLSALPN},
	{"tls: client did not request an application protocol", TLSALPN},
	{"tls: client didn't provide a certificate", TLSNoCertificate},
	{"tls: failed to parse client certificate", TLSCertificate},
	{"tls: client sent certificate containing RSA key larger", TLSCertificate},
	{"tls: client certificate ", TLSCertificate},
	{"tls: invalid signature by the client certificate", TLSCertificate},
}

func textCause(text string) Cause {
	for _, t := range tlsTexts {
		if strings.HasPrefix(text, t.begins) {
			return t.cause
		}
	}
	return TLSProtocol
}
