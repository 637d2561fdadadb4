package codec

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"testing"
)

// What HAProxy 2.6 sends with send-proxy-v2-ssl-cn and proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,
// cert-sig,cert-key; with send-proxy; and for a health check. A CONNECT follows where there is a client.
var fromHAProxy = []struct {
	name, hex string
	want      ProxyHeader
}{
	{"client with certificate", "0d0a0d0a000d0a515549540a2111008f7f0000017f000001e6526fb803000477db1ea70100046d7174740200096c6f63616c686f7374" +
		"05001637463030303030313a453635325f364230323635393820004d0700000000210007544c5376312e33220006636c69656e7425000545433235362400116563" +
		"6473612d776974682d534841323536230016544c535f4145535f3235365f47434d5f534841333834100c00044d5154540402003c0000", ProxyHeader{
		Source: netip.MustParseAddrPort("127.0.0.1:58962"), Destination: netip.MustParseAddrPort("127.0.0.1:28600"),
		ALPN: "mqtt", Authority: "localhost", UniqueID: []byte("7F000001:E652_6B026598"),
		TLS: &ProxyTLS{Version: "TLSv1.3", Cipher: "TLS_AES_256_GCM_SHA384", Verified: true, CommonName: "client"}}},
	{"client without certificate", "0d0a0d0a000d0a515549540a211100867f0000017f000001e6566fb803000427eaab640100046d7174740200096c6f63616c686f7374" +
		"05001637463030303030313a453635365f3642303236353939200044010000000021" + "0007544c5376312e33250005454332353624001165636473612d776974682d" +
		"534841323536230016544c535f4145535f3235365f47434d5f534841333834100c00044d5154540402003c0000", ProxyHeader{
		Source: netip.MustParseAddrPort("127.0.0.1:58966"), Destination: netip.MustParseAddrPort("127.0.0.1:28600"),
		ALPN: "mqtt", Authority: "localhost", UniqueID: []byte("7F000001:E656_6B026599"),
		TLS: &ProxyTLS{Version: "TLSv1.3", Cipher: "TLS_AES_256_GCM_SHA384"}}},
	{"version 1", "50524f58592054435034203132372e302e302e31203132372e302e302e312034373438342032383630320d0a100c00044d5154540402003c0000", ProxyHeader{
		Source: netip.MustParseAddrPort("127.0.0.1:47484"), Destination: netip.MustParseAddrPort("127.0.0.1:28602")}},
	{"health check", "0d0a0d0a000d0a515549540a20000000", ProxyHeader{Local: true}},
}

func TestProxyReadsWhatHAProxySends(t *testing.T) {
	const connect = "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
	for _, tt := range fromHAProxy {
		b, err := hex.DecodeString(tt.hex)
		if err != nil {
			t.Fatal(err)
		}
		want := connect
		if tt.want.Local {
			want = ""
		}
		p := NewProxy(testHeaderMax)
		rest, done, err := p.Feed(b)
		if err != nil || !done || string(rest) != want || !reflect.DeepEqual(*p.Header(), tt.want) {
			t.Errorf("%s: rest %q, done %v, %v, header %+v; want %q, %+v", tt.name, rest, done, err, p.Header(), want, tt.want)
		}
		comparePieces(t, b, testHeaderMax, func(int) int { return 1 })
	}
}
