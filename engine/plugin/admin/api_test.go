package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

func TestHealthFollowsTheBrokersLife(t *testing.T) {
	r := prepare(t, local(t))
	if _, err := r.admin.Start(); err != nil {
		t.Fatal(err)
	}
	check := func(when string, health, ready int, state string) {
		t.Helper()
		if got := get[Status](r, "/api/v1/status").State; got != state {
			t.Errorf("%s: the status is %q, want %q", when, got, state)
		}
		if a := r.ask(request{path: "/healthz"}); a.status != health {
			t.Errorf("%s: /healthz is %d %s, want %d", when, a.status, a.body, health)
		}
		if a := r.ask(request{path: "/readyz"}); a.status != ready || ready != 200 && a.body != state+"\n" {
			t.Errorf("%s: /readyz is %d %q, want %d for %s", when, a.status, a.body, ready, state)
		}
		want := 503
		if state != starting && when != "after the stop" { // the loops are there
			want = 200
		}
		if a := r.ask(request{path: "/api/v1/clients"}); a.status != want {
			t.Errorf("%s: /api/v1/clients is %d %s, want %d", when, a.status, a.body, want)
		}
		for _, path := range []string{"/metrics", "/api/v1/status", "/api/v1/listeners"} {
			if a := r.ask(request{path: path}); a.status != 200 {
				t.Errorf("%s: %s is %d %s, want 200", when, path, a.status, a.body)
			}
		}
	}
	check("before the start", 200, 503, starting)
	if err := r.broker.Prepare(); err != nil {
		t.Fatal(err)
	}
	check("prepared", 200, 503, starting)
	if err := r.broker.Start(); err != nil {
		t.Fatal(err)
	}
	check("serving", 200, 200, serving)
	if err := r.broker.HandOver(context.Background(), io.Discard); err != nil {
		t.Fatal(err)
	}
	check("handed over", 200, 503, draining)
	if err := r.broker.Resume(); err != nil {
		t.Fatal(err)
	}
	check("serving again", 200, 200, serving)
	if err := r.broker.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	check("after the stop", 200, 503, draining)
	r.stop()
}

func TestALoopThatDoesNotAnswerIsHung(t *testing.T) {
	loops := []engine.LoopStats{{Loop: 0}, {Loop: 1, Lag: engine.Lag{Open: hungAfter}}}
	if got := hung(loops); got != "" {
		t.Errorf("a loop that is late: got %q, want that all is well", got)
	}
	loops[1].Lag.Open = hungAfter + time.Second
	if got, want := hung(loops), "loop 1 has not answered for 6s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClientsAreListedAndFiltered(t *testing.T) {
	r := run(t, local(t))
	for i := range 5 {
		r.connect(fmt.Sprintf("dev-%d", i), 0)
	}
	away := r.connect("away", 60)
	away.Close()
	eventually(t, "a client that is away", func() bool { return r.broker.Stats().ClientsConnected == 5 })
	list := func(query string) (ids []string, pages int) {
		for after := uint64(0); ; pages++ {
			page := get[Page](r, fmt.Sprintf("/api/v1/clients?after=%d&%s", after, query))
			for _, c := range page.Clients {
				ids = append(ids, c.ClientID)
			}
			if after = page.Next; after == 0 {
				slices.Sort(ids)
				return ids, pages + 1
			}
		}
	}
	all := []string{"away", "dev-0", "dev-1", "dev-2", "dev-3", "dev-4"}
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"", all}, {"limit=2", all}, {"prefix=dev-", all[1:]}, {"contains=-3", []string{"dev-3"}}, {"online=true&limit=1", all[1:]}, {"prefix=x", nil},
	} {
		if got, _ := list(tt.query); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
	if _, pages := list("limit=2"); pages < 3 {
		t.Errorf("six clients with two a page: got %d pages", pages)
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "after=x", "online=yes"} {
		if a := r.ask(request{path: "/api/v1/clients?" + bad, socket: true}); a.status != 400 {
			t.Errorf("%s: got %d, want 400", bad, a.status)
		}
	}
}

func TestAClientIsShownWithItsSubscriptions(t *testing.T) {
	r := run(t, local(t))
	for _, id := range []string{"plain", "with/slash and ?", ".."} {
		c := r.connect(id, 300)
		if _, err := c.Subscribe(context.Background(), []client.Filter{{Filter: "a/+", QoS: 1}, {Filter: "b", QoS: 0}}, nil); err != nil {
			t.Fatal(err)
		}
		got := get[Details](r, "/api/v1/client/"+strings.ReplaceAll(url.PathEscape(id), ".", "%2E"))
		if got.ClientID != id || got.Username != "user of "+id || got.Version != "5.0" || !got.Connected || got.Clean || got.ExpirySeconds != 300 ||
			got.Subscriptions != 2 || got.KeepAliveSeconds != 60 || got.Remote == "" || time.Since(*got.ConnectedSince).Abs() > time.Minute {
			t.Errorf("%s: got %+v", id, got)
		}
		if want := []Subscription{{Filter: "a/+", QoS: 1}, {Filter: "b"}}; !slices.Equal(got.Filters, want) {
			t.Errorf("%s: got %+v, want %+v", id, got.Filters, want)
		}
	}
	if a := r.ask(request{path: "/api/v1/client/nobody"}); a.status != 404 {
		t.Errorf("nobody: got %d, want 404", a.status)
	}
}

func TestAKickedClientIsToldWhy(t *testing.T) {
	r := run(t, local(t))
	for _, whole := range []bool{false, true} {
		c := r.connect("me", 300)
		a := r.ask(request{method: "DELETE", path: fmt.Sprintf("/api/v1/client/me?session=%v", whole), socket: true})
		if a.status != 200 || !strings.Contains(a.body, `"disconnected":true`) || strings.Contains(a.body, `"session_ended":true`) != whole {
			t.Fatalf("session=%v: got %d %s", whole, a.status, a.body)
		}
		<-c.Done()
		if err := c.Err(); !errors.Is(err, mqtt.AdministrativeAction) {
			t.Errorf("session=%v: the client saw %v, want %v", whole, err, mqtt.AdministrativeAction)
		}
		want := 200
		if whole {
			want = 404
		}
		if a := r.ask(request{path: "/api/v1/client/me"}); a.status != want {
			t.Errorf("session=%v: afterwards got %d, want %d", whole, a.status, want)
		}
	}
}

func TestAReloadSaysHowItWent(t *testing.T) {
	r := run(t, local(t))
	q := request{method: "POST", path: "/api/v1/reload", socket: true}
	if a := r.ask(q); a.status != 501 {
		t.Errorf("without a configuration: got %d, want 501", a.status)
	}
	for _, err := range []error{nil, errors.New("penstock.yaml:3: bad")} {
		r.admin.Reload = func() error { return err }
		a := r.ask(q)
		if err == nil && a.status != 200 || err != nil && (a.status != 422 || !strings.Contains(a.body, err.Error())) {
			t.Errorf("%v: got %d %s", err, a.status, a.body)
		}
	}
}

func TestTheStatusAddsUp(t *testing.T) {
	r := run(t, local(t))
	r.connect("me", 0)
	st := get[Status](r, "/api/v1/status")
	if st.Version != "1.2.3" || st.State != "serving" || st.Connections != 1 || st.Sessions != 1 || len(st.Listeners) != 1 || len(st.Loops) != 2 ||
		st.Loops[0].Connections+st.Loops[1].Connections != 1 || st.Memory.RSS == 0 || st.Memory.Heap == 0 {
		t.Errorf("got %+v", st)
	}
}

func TestTheStatusTellsWhatWaitsAndWhatGaveWay(t *testing.T) {
	ctx := context.Background()
	r := run(t, local(t))
	r.config.Session.MaxQueuedMessages = 2
	if err := r.broker.Reload(r.config); err != nil {
		t.Fatal(err)
	}
	c := r.connect("away", 60)
	if _, err := c.Subscribe(ctx, []client.Filter{{Filter: "t", QoS: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(ctx, mqtt.Success); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client is away", func() bool { return get[Status](r, "/api/v1/status").Offline == 1 })
	for range 5 {
		if err := r.broker.Publish(ctx, engine.Message{Topic: []byte("t"), Payload: []byte("1234567"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what waits is told", func() bool {
		st := get[Status](r, "/api/v1/status")
		return st.Queued == 2 && st.QueuedBytes == 16 && len(st.DroppedBy) == 1 && st.DroppedBy["queue_full"] == 3 && len(st.SessionsEnded) == 0
	})
	for name, want := range map[string]float64{"penstock_queued_messages": 2, "penstock_queued_bytes": 16, "penstock_sessions_offline": 1} {
		if got := r.scrape(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := r.scrape("penstock_messages_dropped_total", "reason=queue_full"); got != 3 {
		t.Errorf("dropped for a full queue: got %v, want 3", got)
	}
	if got := r.scrape("penstock_sessions_ended_total", "reason=offline_limit"); got != 0 { // a rate needs a beginning
		t.Errorf("sessions ended: got %v, want 0", got)
	}
}

func TestRatesAreToldAgainstAnEarlierMoment(t *testing.T) {
	now := time.Now()
	p := pace{old: sample{at: now.Add(-6 * time.Second)}, last: sample{at: now.Add(-time.Second / 2)}}
	if got := p.before(now); got.at != p.old.at {
		t.Errorf("half a second after a sample: got %v, want the one before", now.Sub(got.at))
	}
	p.last.at = now.Add(-2 * time.Second)
	before, after := p.before(now), sample{at: now}
	after.stats.PublishReceived = 10
	if r := rates(&before, &after); r.MessagesReceived != 5 || r.OverSeconds != 2 {
		t.Errorf("10 messages in 2 s: got %+v", r)
	}
	if r := rates(&sample{}, &after); r != (Rates{}) {
		t.Errorf("without an earlier moment: got %+v, want zero", r)
	}
}
