package crash

import (
	"context"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/auth"
)

// username is what a client says its name is.
func username(clientID string) string { return "u-" + clientID }

// Principal is who an authenticated client is.
func Principal(username string) string { return "principal of " + username }

// Registrar knows the clients of a Fleet: as an authenticator by their user names, and as an authorizer it lets only the
// principal of a client leave its will, whenever that is published.
type Registrar struct{}

// Authenticate implements auth.Authenticator.
func (r Registrar) Authenticate(_ context.Context, q *auth.Request) auth.Decision {
	return r.AuthenticateNow(q)
}

// AuthenticateNow implements auth.Immediate.
func (Registrar) AuthenticateNow(q *auth.Request) auth.Decision {
	if q.Username != username(q.ClientID) {
		return auth.Decision{}
	}
	return auth.Decision{Result: auth.Allow, Principal: Principal(q.Username)}
}

// Authorize implements auth.Authorizer.
func (Registrar) Authorize(id *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	client, will := strings.CutPrefix(string(topic), "w/")
	if will && client != "#" && id.Principal != Principal(username(client)) {
		return auth.Denied
	}
	return auth.Allowed
}
