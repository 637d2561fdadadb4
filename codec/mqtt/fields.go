package mqtt

// fields takes a body apart field by field. The first error sticks and the rest
// of the reading returns zero values, so that a Decode reads like the layout of
// its packet. PUBLISH, the hot path, does without.
type fields struct {
	b    []byte
	err  error
	site site
	// loose leaves the UTF-8 of strings alone that end with the broker: 3.1 had
	// no such rule. Names that travel on to other clients are always checked,
	// or a 3.1 publisher could get strict subscribers disconnected.
	loose bool
}

func newFields(from Peer, body []byte) fields {
	return fields{b: body, site: from.site(), loose: from.Version == V31}
}

func (f *fields) fail(why *fault) {
	if f.err == nil {
		f.err = why.at(f.site)
		f.b = nil
	}
}

// byte takes one byte; missing is the fault of its absence, here and below.
func (f *fields) byte(missing *fault) byte {
	if len(f.b) < 1 {
		f.fail(missing)
		return 0
	}
	v := f.b[0]
	f.b = f.b[1:]
	return v
}

func (f *fields) uint16(missing *fault) uint16 {
	if len(f.b) < 2 {
		f.fail(missing)
		return 0
	}
	v := uint16(f.b[0])<<8 | uint16(f.b[1])
	f.b = f.b[2:]
	return v
}

// id takes a packet identifier, which is never 0.
func (f *fields) id(zero *fault) uint16 {
	v := f.uint16(faultTruncated)
	if v == 0 {
		f.fail(zero)
	}
	return v
}

// binary takes bytes behind a two-byte length.
func (f *fields) binary(missing *fault) []byte {
	if len(f.b) < 2 {
		f.fail(missing)
		return nil
	}
	end := 2 + int(f.b[0])<<8 + int(f.b[1])
	if end > len(f.b) {
		f.fail(faultTruncated)
		return nil
	}
	v := f.b[2:end:end]
	f.b = f.b[end:]
	return v
}

// text takes a string that ends with the broker.
func (f *fields) text(missing *fault) []byte {
	v := f.binary(missing)
	if f.loose || f.err != nil {
		return v
	}
	if why := checkText(v); why != nil {
		f.fail(why)
	}
	return v
}

// properties takes a property block; 3.x has none.
func (f *fields) properties(p *Properties, sc scope) {
	p.clear()
	if f.err != nil || f.site&site5 == 0 {
		return
	}
	rest, err := p.take(f.b, sc, f.site)
	if err != nil {
		f.err, f.b = err, nil
		return
	}
	f.b = rest
}

// end demands that nothing is left over.
func (f *fields) end() error {
	if f.err == nil && len(f.b) > 0 {
		f.fail(faultTrailing)
	}
	return f.err
}
