package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Authenticator is the client's part in an exchange of 5.0's enhanced authentication. Its methods
// are called one after the other, on the goroutine of Dial and later on the reader's.
type Authenticator interface {
	// Method is the Authentication Method; it stays the same for the whole connection.
	Method() string
	// Start begins an exchange and returns the first data; nil: the server speaks first.
	Start(ctx context.Context) ([]byte, error)
	// Continue answers one step of the server.
	Continue(ctx context.Context, data []byte) ([]byte, error)
	// Finish takes what the server sent along with its success; an error ends the connection.
	Finish(data []byte) error
}

// ErrNoAuth is returned by Reauthenticate on a connection that was opened without an Authenticator.
var ErrNoAuth = errors.New("client: connected without an authentication method")

func setAuth(p *mqtt.Properties, method string, data []byte) {
	p.AuthMethod = []byte(method)
	p.Set(mqtt.PropAuthMethod)
	if data != nil {
		p.AuthData = data
		p.Set(mqtt.PropAuthData)
	}
}

// decodeAuth takes an AUTH apart and insists on our method. [MQTT-4.12.0-5]
func (c *Client) decodeAuth(h mqtt.Header, body []byte) (*mqtt.Auth, error) {
	p := new(mqtt.Auth)
	if err := p.Decode(c.peer(), h.Flags, bytes.Clone(body)); err != nil {
		return nil, err
	}
	if string(p.Props.AuthMethod) != c.opt.Auth.Method() {
		return nil, violation("AUTH with method %q", p.Props.AuthMethod)
	}
	return p, nil
}

// answerAuth does one step before the CONNACK. [MQTT-4.12.0-3]
func (c *Client) answerAuth(ctx context.Context, h mqtt.Header, body []byte) error {
	p, err := c.decodeAuth(h, body)
	if err != nil {
		return err
	}
	if p.Reason != mqtt.ContinueAuthentication {
		return violation("AUTH with %v before CONNACK", p.Reason)
	}
	data, err := c.opt.Auth.Continue(ctx, p.Props.AuthData)
	if err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	return c.write(c.auth(mqtt.ContinueAuthentication, data).AppendTo(nil, c.version, 0))
}

func (c *Client) auth(r mqtt.Reason, data []byte) *mqtt.Auth {
	p := &mqtt.Auth{Reason: r}
	setAuth(&p.Props, c.opt.Auth.Method(), data)
	return p
}

// confirmAuth checks a positive CONNACK: it repeats the method of the CONNECT. [MQTT-4.12.0-5]
func (c *Client) confirmAuth(p *mqtt.Properties) error {
	want := string(c.opt.Props.AuthMethod)
	if c.opt.Auth != nil {
		want = c.opt.Auth.Method()
	}
	if string(p.AuthMethod) != want {
		return violation("CONNACK with method %q", p.AuthMethod)
	}
	if c.opt.Auth == nil {
		return nil
	}
	if err := c.opt.Auth.Finish(p.AuthData); err != nil {
		return fmt.Errorf("authenticate the server: %w", err)
	}
	return nil
}

// Reauthenticate proves the identity anew over the living connection; other traffic goes on
// meanwhile. If it fails the connection is closed. [MQTT-4.12.1-1] [MQTT-4.12.1-2]
func (c *Client) Reauthenticate(ctx context.Context) error {
	if c.opt.Auth == nil { // [MQTT-4.12.0-7]
		return ErrNoAuth
	}
	done := make(chan error, 1)
	c.mu.Lock()
	if c.reauth != nil {
		c.mu.Unlock()
		return errors.New("client: re-authentication is under way")
	}
	c.reauth = done
	c.mu.Unlock()
	data, err := c.opt.Auth.Start(ctx)
	if err != nil {
		c.endReauth(nil)
		return fmt.Errorf("authenticate: %w", err)
	}
	if err := c.emit(func(dst []byte) []byte {
		return c.auth(mqtt.ReAuthenticate, data).AppendTo(dst, c.version, c.server.maximumPacketSize)
	}); err != nil {
		c.endReauth(nil)
		return err
	}
	select {
	case err := <-done:
		return err
	case <-c.dead:
		return c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) endReauth(err error) bool {
	c.mu.Lock()
	done := c.reauth
	c.reauth = nil
	c.mu.Unlock()
	if done == nil {
		return false
	}
	done <- err
	return true
}

// onAuth takes a step of a re-authentication, which only the client may have begun.
func (c *Client) onAuth(h mqtt.Header, body []byte) error {
	c.mu.Lock()
	asked := c.reauth != nil
	c.mu.Unlock()
	if !asked {
		return violation("AUTH nobody asked for")
	}
	p, err := c.decodeAuth(h, body)
	if err != nil {
		return err
	}
	switch p.Reason {
	case mqtt.Success:
		if err := c.opt.Auth.Finish(p.Props.AuthData); err != nil {
			return fmt.Errorf("authenticate the server: %w", err)
		}
		c.endReauth(nil)
		return nil
	case mqtt.ContinueAuthentication:
		data, err := c.opt.Auth.Continue(context.Background(), p.Props.AuthData)
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		return c.emit(func(dst []byte) []byte {
			return c.auth(mqtt.ContinueAuthentication, data).AppendTo(dst, c.version, c.server.maximumPacketSize)
		})
	}
	return violation("AUTH with %v from the server", p.Reason)
}
