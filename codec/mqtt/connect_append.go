package mqtt

// AppendTo appends the packet in the form of c.Version.
func (c *Connect) AppendTo(dst []byte) []byte {
	name := nameMQTT
	if c.Version == V31 {
		name = nameMQIsdp
	}
	n := stringSize(name) + 4 + stringSize(c.ClientID)
	var set, willSet uint64
	var size, willSize int
	if c.Version >= V5 {
		set = c.Props.in(inConnect)
		size = c.Props.size(set)
		n += VarintSize(size) + size
	}
	if c.HasWill {
		n += stringSize(c.Will.Topic) + stringSize(c.Will.Payload)
		if c.Version >= V5 {
			willSet = c.Will.Props.in(inWill)
			willSize = c.Will.Props.size(willSet)
			n += VarintSize(willSize) + willSize
		}
	}
	if c.HasUsername {
		n += stringSize(c.Username)
	}
	if c.HasPassword {
		n += stringSize(c.Password)
	}

	dst = AppendString(appendHeader(dst, CONNECT, 0, n), name)
	dst = append(dst, byte(c.Version), c.flags(), byte(c.KeepAlive>>8), byte(c.KeepAlive))
	if c.Version >= V5 {
		dst = c.Props.appendBlock(dst, set, size)
	}
	dst = AppendString(dst, c.ClientID)
	if c.HasWill {
		if c.Version >= V5 {
			dst = c.Will.Props.appendBlock(dst, willSet, willSize)
		}
		dst = AppendString(AppendString(dst, c.Will.Topic), c.Will.Payload)
	}
	if c.HasUsername {
		dst = AppendString(dst, c.Username)
	}
	if c.HasPassword {
		dst = AppendString(dst, c.Password)
	}
	return dst
}

func (c *Connect) flags() (bits byte) {
	if c.CleanStart {
		bits |= connectClean
	}
	if c.HasWill {
		bits |= connectWill | c.Will.QoS<<3
		if c.Will.Retain {
			bits |= connectRetain
		}
	}
	if c.HasUsername {
		bits |= connectUsername
	}
	if c.HasPassword {
		bits |= connectPassword
	}
	return bits
}
