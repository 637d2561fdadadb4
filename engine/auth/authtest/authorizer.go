package authtest

import (
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/auth"
)

// AccessCase is a question to an Authorizer and its answer.
type AccessCase struct {
	Name     string
	Identity auth.Identity
	Action   auth.Action
	Topic    string
	QoS      byte
	Retain   bool
	Want     auth.Verdict
}

// RunAuthorizer checks an Authorizer: that it answers as its cases say, from all loops at once, keeps no topic and
// changes no identity.
func RunAuthorizer(t *testing.T, a auth.Authorizer, cases []AccessCase) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var buf []byte // one for all questions, as a read buffer is
			for range 20 {
				for _, c := range cases {
					id := c.Identity
					buf = append(buf[:0], c.Topic...)
					if got := a.Authorize(&id, c.Action, buf, c.QoS, c.Retain); got != c.Want {
						t.Errorf("%s: %v %q by %q: got %v, want %v", c.Name, c.Action, c.Topic, c.Identity.Principal, got, c.Want)
						return
					}
					if id != c.Identity || string(buf) != c.Topic {
						t.Errorf("%s: got identity %+v and topic %q afterwards, want %+v and %q", c.Name, id, buf, c.Identity, c.Topic)
						return
					}
					for i := range buf {
						buf[i] = 'X'
					}
				}
			}
		})
	}
	wg.Wait()
}
