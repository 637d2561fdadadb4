package engine

import (
	"bytes"

	"github.com/penstock-mqtt/penstock/codec"
)

// rejection says why a connection came to nothing before its CONNECT was read. The first of them are the causes of the
// codec's stages, which may end a connection later too.
type rejection uint8

const firstOwn = 64 // well above the codec's causes

const (
	refusedMax        rejection = firstOwn + iota // beyond max_connections
	refusedPerAddress                             // beyond max_connecting_per_address
	refusedBytes                                  // beyond max_connecting_bytes
	refusedTimeout                                // no answer to a CONNECT within connect_timeout
	refusedSilent                                 // silent while others wait for its place
	refusedHTTP                                   // HTTP where MQTT is spoken
	refusedTLS                                    // TLS where MQTT is spoken
	refusedProxy                                  // a PROXY header from a source that is not trusted
	refusedNotMQTT                                // anything else that is no CONNECT
	refusedBacklog                                // answers of the stages that the peer does not read
	rejections
)

var rejectionNames = [...]string{"max_connections", "max_connecting_per_address", "max_connecting_bytes", "connect_timeout", "silent",
	"not_mqtt_http", "not_mqtt_tls", "not_mqtt_proxy", "not_mqtt", "unread_answers"}

func (r rejection) String() string {
	if r < firstOwn {
		return codec.Cause(r).String()
	}
	return rejectionNames[r-firstOwn]
}

func (lst *listener) refuse(r rejection) { lst.refused[r].Add(1) }

// strange names what came in the place of a CONNECT.
func strange(b []byte) rejection {
	for _, method := range []string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE ", "PRI "} {
		if n := min(len(b), len(method)); n >= 3 && string(b[:n]) == method[:n] {
			return refusedHTTP
		}
	}
	switch {
	case len(b) >= 2 && b[0] == 0x16 && b[1] == 3:
		return refusedTLS
	case bytes.HasPrefix(b, []byte("PROXY ")), bytes.HasPrefix(b, []byte("\r\n\r\n\x00\r\nQUIT\n")):
		return refusedProxy
	}
	return refusedNotMQTT
}
