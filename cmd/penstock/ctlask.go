package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// ctlTimeout is how long a request may take: longer than the broker gives its event loops to answer.
const ctlTimeout = 20 * time.Second

// ask sends one request and reads the answer into v. With --json the answer is written to out as it came, if there is an
// out, and done is true.
func (ctl *CtlCmd) ask(method, path string, q url.Values, out io.Writer, v any) (done bool, err error) {
	client, base, where, err := ctl.dialler()
	if err != nil {
		return false, err
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequest(method, base+path+"?"+q.Encode(), nil)
	if err != nil {
		return false, err
	}
	if ctl.Token != "" {
		r.Header.Set("Authorization", "Bearer "+ctl.Token)
	}
	resp, err := client.Do(r)
	if err != nil {
		return false, unreachable(where, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, fmt.Errorf("read the answer of %s: %w", where, err)
	}
	if resp.StatusCode/100 != 2 {
		return false, refusal(resp.Status, body)
	}
	if ctl.JSON && out != nil {
		_, err = out.Write(body)
		return true, err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return false, fmt.Errorf("%s does not answer like a broker: %w", where, err)
	}
	return false, nil
}

// dialler gives the client, the URL to begin with, and what to call the other end.
func (ctl *CtlCmd) dialler() (client *http.Client, base, where string, err error) {
	transport := &http.Transport{}
	client = &http.Client{Transport: transport, Timeout: ctlTimeout}
	if ctl.URL == "" {
		places := admin.SocketPlaces()
		if ctl.Socket != "" {
			places = []string{ctl.Socket}
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialFirst(ctx, places) }
		return client, "http://penstock", strings.Join(places, " or "), nil
	}
	if ctl.Socket != "" {
		return nil, "", "", errors.New("--socket and --url exclude each other")
	}
	u, err := url.Parse(ctl.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", "", fmt.Errorf("--url %s: must be like http://127.0.0.1:18083", ctl.URL)
	}
	transport.TLSClientConfig, err = ctl.tls()
	return client, strings.TrimRight(ctl.URL, "/"), ctl.URL, err
}

func (ctl *CtlCmd) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ctl.CACert != "" {
		pem, err := os.ReadFile(ctl.CACert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: no certificate in %s", ctl.CACert)
		}
	}
	if ctl.Cert != "" || ctl.Key != "" {
		pair, err := tls.LoadX509KeyPair(ctl.Cert, ctl.Key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dialFirst connects to the first socket that answers.
func dialFirst(ctx context.Context, places []string) (net.Conn, error) {
	var errs []error
	for _, path := range places {
		c, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// unreachable says that nobody is there, and what can be done about it.
func unreachable(where string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s belongs to another user: be the broker's, or use --url and --token", where)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no broker listens on %s; --socket or --url say where another is", where)
	}
	return fmt.Errorf("ask %s: %w", where, err)
}

// refusal is the broker's own words where it has any.
func refusal(status string, body []byte) error {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return fmt.Errorf("the broker answers %s", status)
}

// shown is a name from outside as a terminal may have it: control characters are escaped.
func shown(s string) string {
	switch {
	case s == "":
		return "-"
	case strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return strconv.Quote(s)
	}
	return s
}

func seconds(s float64) string { return (time.Duration(s) * time.Second).String() }

func expiry(s uint32) string {
	switch s {
	case 0:
		return "ends with the connection"
	case math.MaxUint32:
		return "kept for ever"
	}
	return "kept for " + seconds(float64(s))
}

// size writes bytes with a unit of 1,024s.
func size(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}
