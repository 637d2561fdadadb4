package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Static is a table of user names and their passwords in memory, for embedders and tests. The principal is the user
// name. It has no opinion on clients without a user name. Fill it before it is used.
type Static map[string]string

// Authenticate implements Authenticator.
func (s Static) Authenticate(_ context.Context, r *Request) Decision { return s.AuthenticateNow(r) }

// AuthenticateNow implements Immediate.
func (s Static) AuthenticateNow(r *Request) Decision {
	if !r.HasUsername {
		return Decision{Result: Ignore}
	}
	want, known := s[r.Username]
	// Digests are of one length, so the time says nothing about the password; an unknown name takes as long.
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256(r.Password)
	if subtle.ConstantTimeCompare(a[:], b[:]) == 1 && known && r.HasPassword {
		return Decision{Result: Allow, Principal: r.Username}
	}
	return Decision{Result: Deny, Reason: mqtt.BadUserNameOrPassword}
}
