package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// CtlCmd speaks to a running broker through its admin socket, or its admin listener.
type CtlCmd struct {
	Socket string `placeholder:"PATH" help:"The broker's admin socket; where brokers put it by default when neither this nor --url is given."`
	URL    string `name:"url" placeholder:"URL" help:"The broker's admin listener, as in http://127.0.0.1:18083, instead of the socket."`
	Token  string `env:"PENSTOCK_TOKEN" help:"Token for --url (admin.token)."`
	CACert string `name:"cacert" placeholder:"FILE" help:"Authorities of the listener's certificate, for an https URL."`
	Cert   string `placeholder:"FILE" help:"Client certificate, for an https URL."`
	Key    string `placeholder:"FILE" help:"Its key."`
	JSON   bool   `name:"json" help:"Print JSON as the API answers it; clients are an object a line."`

	Status    ctlStatus    `cmd:"" help:"The broker at a glance."`
	Listeners ctlListeners `cmd:"" help:"Show the listeners: connections, what was refused and why, certificates."`
	Store     ctlStore     `cmd:"" help:"Show where state is kept, how that does, and what the last start has found."`
	Clients   ctlClients   `cmd:"" help:"List clients."`
	Client    ctlClient    `cmd:"" help:"Show one client with its subscriptions."`
	Kick      ctlKick      `cmd:"" help:"Disconnect a client."`
	Reload    ctlReload    `cmd:"" help:"Make the broker read its configuration again."`
}

const api = "/api/v1/"

type ctlStatus struct{}

// Run prints the status.
func (*ctlStatus) Run(ctl *CtlCmd, out io.Writer) error {
	var st admin.Status
	if done, err := ctl.ask("GET", api+"status", nil, out, &st); done || err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "penstock %s\t%s, for %s\n", st.Version, st.State, seconds(st.UptimeSeconds))
	for _, l := range st.Listeners {
		fmt.Fprintf(w, "listening\t%s\n", l.URL)
	}
	fmt.Fprintf(w, "clients\t%d connected, %d sessions, %d subscriptions\n", st.Connections, st.Sessions, st.Subscriptions)
	fmt.Fprintf(w, "away\t%d sessions%s\n", st.Offline, reasons(", ended: ", st.SessionsEnded))
	fmt.Fprintf(w, "queued\t%d messages, %s%s\n", st.Queued, size(float64(st.QueuedBytes)), reasons(", dropped: ", st.DroppedBy))
	fmt.Fprintf(w, "messages\t%.0f/s in, %.0f/s out, %d retained, %d dropped\n", st.Rates.MessagesReceived, st.Rates.MessagesSent, st.Retained, st.Dropped)
	fmt.Fprintf(w, "bytes\t%s/s in, %s/s out, %s waiting\n", size(st.Rates.BytesReceived), size(st.Rates.BytesSent), size(float64(st.OutboundBytes)))
	fmt.Fprintf(w, "store\t%s\n", storeLine(st.Store))
	fmt.Fprintf(w, "memory\t%s resident, %s heap, %d goroutines\n", size(float64(st.Memory.RSS)), size(float64(st.Memory.Heap)), st.Memory.Goroutines)
	for _, l := range st.Loops {
		fmt.Fprintf(w, "loop %d\t%d sockets, %.0f %% busy, %s late, %d in the inbox\n",
			l.Loop, l.Connections, 100*l.BusyShare, time.Duration(l.LagSeconds*float64(time.Second)).Round(10*time.Microsecond), l.Inbox)
	}
	return w.Flush()
}

// reasons lists how often what happened, the most frequent first.
func reasons(title string, by map[string]uint64) string {
	list := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), strings.Compare(a, b)) })
	for i, reason := range list {
		list[i] = fmt.Sprintf("%d %s", by[reason], reason)
	}
	if len(list) == 0 {
		return ""
	}
	return title + strings.Join(list, ", ")
}

type ctlClients struct {
	Prefix   string `placeholder:"TEXT" help:"Only clients whose identifier begins so."`
	Contains string `placeholder:"TEXT" help:"Only clients whose identifier contains this."`
	Online   bool   `help:"Only clients that are connected."`
	Limit    int    `placeholder:"N" help:"At most so many; all without it."`
}

// ctlPage is how many clients are asked for at a time.
const ctlPage = 1000

// Run prints the clients page by page: a million of them is no reason to hold them all.
func (c *ctlClients) Run(ctl *CtlCmd, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !ctl.JSON {
		fmt.Fprintln(w, "CLIENT\tVERSION\tTRANSPORT\tADDRESS\tUSER\tSINCE\tSUBSCRIPTIONS\tINFLIGHT\tQUEUED\tLOOP")
	}
	q := url.Values{"prefix": {c.Prefix}, "contains": {c.Contains}, "online": {strconv.FormatBool(c.Online)}}
	for left := c.Limit; ; {
		limit := ctlPage
		if c.Limit > 0 {
			limit = min(limit, left)
		}
		q.Set("limit", strconv.Itoa(limit))
		var page admin.Page
		if _, err := ctl.ask("GET", api+"clients", q, nil, &page); err != nil {
			return err
		}
		for i := range page.Clients {
			if err := ctl.line(w, out, &page.Clients[i]); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if left -= len(page.Clients); page.Next == 0 || c.Limit > 0 && left <= 0 {
			return nil
		}
		q.Set("after", strconv.FormatUint(page.Next, 10))
	}
}

func (ctl *CtlCmd) line(w, raw io.Writer, c *admin.Client) error {
	if ctl.JSON {
		return json.NewEncoder(raw).Encode(c)
	}
	address, since := "away", "-"
	if c.Connected {
		address, since = shown(c.Remote), c.ConnectedSince.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", shown(c.ClientID), c.Version, shown(c.Transport), address, shown(c.Username), since,
		c.Subscriptions, c.Inflight, c.Queued, c.Loop)
	return err
}

type ctlClient struct {
	ID string `arg:"" name:"client" help:"Client identifier."`
}

// Run prints the client.
func (c *ctlClient) Run(ctl *CtlCmd, out io.Writer) error {
	var d admin.Details
	if done, err := ctl.ask("GET", clientPath(c.ID), nil, out, &d); done || err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "client\t%s\n", shown(d.ClientID))
	fmt.Fprintf(w, "user\t%s\n", shown(d.Username))
	fmt.Fprintf(w, "version\t%s\n", d.Version)
	if d.Connected {
		fmt.Fprintf(w, "connected\tfrom %s to %s since %s\n", origin(&d.Client), shown(d.Listener), d.ConnectedSince.Local().Format(time.DateTime))
		fmt.Fprintf(w, "transport\t%s\n", d.Transport)
		printTLS(w, d.TLS)
		fmt.Fprintf(w, "keep alive\t%s\n", seconds(d.KeepAliveSeconds))
	} else {
		fmt.Fprintf(w, "connected\tno\n")
	}
	fmt.Fprintf(w, "session\t%s, on loop %d\n", expiry(d.ExpirySeconds), d.Loop)
	fmt.Fprintf(w, "waiting\t%d unacknowledged, %d queued (%s), %s outbound\n", d.Inflight, d.Queued, size(float64(d.QueuedBytes)), size(float64(d.OutboundBytes)))
	fmt.Fprintf(w, "subscriptions\t%d\n", d.Subscriptions)
	for _, f := range d.Filters {
		fmt.Fprintf(w, "\tQoS %d  %s\n", f.QoS, shown(f.Filter))
	}
	return w.Flush()
}

type ctlKick struct {
	ID      string `arg:"" name:"client" help:"Client identifier."`
	Session bool   `help:"End its session, too: subscriptions and queued messages are gone."`
}

// Run disconnects the client.
func (c *ctlKick) Run(ctl *CtlCmd, out io.Writer) error {
	var k admin.Kicked
	done, err := ctl.ask("DELETE", clientPath(c.ID), url.Values{"session": {strconv.FormatBool(c.Session)}}, out, &k)
	if done || err != nil {
		return err
	}
	what := "was not connected"
	if k.Disconnected {
		what = "disconnected"
	}
	if k.SessionEnded {
		what += ", session ended"
	}
	_, err = fmt.Fprintf(out, "%s: %s\n", shown(c.ID), what)
	return err
}

type ctlReload struct{}

// Run asks for a reload.
func (*ctlReload) Run(ctl *CtlCmd, out io.Writer) error {
	done, err := ctl.ask("POST", api+"reload", nil, out, &struct{}{})
	if done || err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "configuration reloaded")
	return err
}

// clientPath escapes dots, too: a client may be called "..", and a path of that name leads elsewhere.
func clientPath(id string) string {
	return api + "client/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
}
