package codec

// Cause is why a stage ended a connection: the label under which it is counted.
type Cause uint8

// The causes.
const (
	ProxyMissing     Cause = iota // a trusted source did not begin with a PROXY header
	ProxyMalformed                // its header breaks the format, or is longer than allowed
	TLSNotTLS                     // the first bytes are no TLS record: plain MQTT or HTTP on a TLS port
	TLSVersion                    // no protocol version in common
	TLSCipher                     // no cipher suite, curve or signature algorithm in common
	TLSALPN                       // none of the application protocols is ours
	TLSNoCertificate              // a client certificate is required and there is none
	TLSCertificate                // the client certificate is not accepted: unknown authority, expired, wrong use
	TLSRevoked                    // the client certificate is on a revocation list
	TLSAlert                      // the peer sent an alert: it does not accept our certificate, mostly
	TLSFlood                      // more bytes than a handshake takes
	TLSBusy                       // too many handshakes wait for their turn
	TLSProtocol                   // anything else that breaks TLS, also after the handshake
	WSNotHTTP                     // no HTTP request at all
	WSHeaderTooLarge              // the request header is larger than allowed
	WSMethod                      // not GET
	WSPath                        // another path than the listener's
	WSNotUpgrade                  // plain HTTP: no upgrade to WebSocket asked for
	WSVersion                     // another version than 13
	WSSubprotocol                 // none of MQTT's subprotocols
	WSOrigin                      // a web page of an origin that is not allowed
	WSBadRequest                  // a request that breaks the rules in another way
	WSUnmasked                    // a frame that is not masked
	WSOpcode                      // a text frame, or a reserved opcode [MQTT-6.0.0-1]
	WSTooLarge                    // a frame larger than allowed
	WSProtocol                    // any other frame that breaks the rules
	causes
)

var causeNames = [causes]string{
	"proxy_missing", "proxy_malformed",
	"tls_not_tls", "tls_version", "tls_cipher", "tls_alpn", "tls_no_certificate", "tls_certificate", "tls_revoked", "tls_alert",
	"tls_flood", "tls_busy", "tls_protocol",
	"ws_not_http", "ws_header_too_large", "ws_method", "ws_path", "ws_not_upgrade", "ws_version", "ws_subprotocol", "ws_origin",
	"ws_bad_request", "ws_unmasked", "ws_opcode", "ws_too_large", "ws_protocol",
}

// String is the cause's label.
func (c Cause) String() string {
	if c < causes {
		return causeNames[c]
	}
	return "unknown"
}

// Causes lists all of them.
func Causes() []Cause {
	all := make([]Cause, causes)
	for i := range all {
		all[i] = Cause(i)
	}
	return all
}

// Fault is what a stage says of a peer that broke its rules, or may not come in.
type Fault struct {
	Cause Cause
	Err   error // what was wrong, for the log; never with a query string in it
}

// Error gives the cause and what was wrong.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Cause.String()
	}
	return f.Cause.String() + ": " + f.Err.Error()
}

// Unwrap gives what was wrong.
func (f *Fault) Unwrap() error { return f.Err }
