package enginetest

// startAuth opens a connection to a broker with the two-step method and goes as far as the broker's question.
func (t *T) startAuth(p ...[]byte) *conn {
	t.Helper()
	t.withConfig(func(s *Settings) { s.EnhancedAuth = true })
	c := t.dial()
	c.id = t.id("auth")
	c.send(Connect{Level: 5, ID: c.id, Props: append(p, pStr(propAuthMethod, authMethod), pStr(propAuthData, authHello))}.encode())
	r := c.reply(typAuth)
	t.equal("reason code", r.code, byte(0x18))
	t.equal("method", t.value(r.props, propAuthMethod), authMethod)
	t.equal("data", t.value(r.props, propAuthData), authChallenge)
	return c
}

// authenticated carries the exchange through.
func (t *T) authenticated(p ...[]byte) *conn {
	t.Helper()
	c := t.startAuth(p...)
	c.send(authStep(0x18, authProof))
	if r := c.takeConnack(); r.code != 0 {
		t.Fatalf("right proof: refused with code %02X", r.code)
	}
	return c
}

// authStep is the AUTH of the two-step method with this reason and data.
func authStep(code byte, data string) []byte {
	return authWith(code, pStr(propAuthMethod, authMethod), pStr(propAuthData, data))
}
