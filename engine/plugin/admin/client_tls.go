package admin

import (
	"encoding/hex"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// TLSDetails is what a client's TLS handshake has agreed on.
type TLSDetails struct {
	Version     string             `json:"version,omitempty"`     // "TLS 1.3", or as a proxy says it
	Cipher      string             `json:"cipher,omitempty"`      // "TLS_AES_128_GCM_SHA256", or as a proxy says it
	ServerName  string             `json:"server_name,omitempty"` // SNI
	Protocol    string             `json:"protocol,omitempty"`    // ALPN
	Resumed     bool               `json:"resumed,omitempty"`     // it took up an earlier session
	ByProxy     bool               `json:"by_proxy,omitempty"`    // it ends at a proxy, which said so
	Certificate *ClientCertificate `json:"certificate,omitempty"`
}

// ClientCertificate is the certificate that a client has presented and that was accepted.
type ClientCertificate struct {
	CommonName  string     `json:"common_name"`
	Subject     string     `json:"subject,omitempty"`
	Issuer      string     `json:"issuer,omitempty"`
	Serial      string     `json:"serial,omitempty"`
	Fingerprint string     `json:"sha256,omitempty"` // of the whole certificate, in hex
	NotAfter    *time.Time `json:"not_after,omitempty"`
	ByProxy     bool       `json:"by_proxy,omitempty"` // a proxy accepted it and said its common name, nothing more
}

func shownTLS(d *engine.ClientTLS) *TLSDetails {
	if d == nil {
		return nil
	}
	out := &TLSDetails{
		Version: d.Version, Cipher: d.Cipher, ServerName: d.ServerName, Protocol: d.Protocol, Resumed: d.Resumed, ByProxy: d.ByProxy,
	}
	switch x := d.Certificate; {
	case x == nil:
	case x.ByProxy:
		out.Certificate = &ClientCertificate{CommonName: x.CommonName, ByProxy: true}
	default:
		out.Certificate = &ClientCertificate{
			CommonName: x.CommonName, Subject: x.Subject, Issuer: x.Issuer, Serial: x.Serial,
			Fingerprint: hex.EncodeToString(x.Fingerprint[:]), NotAfter: &x.NotAfter,
		}
	}
	return out
}
