package main

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// What the libraries are given: sorted keys that begin with a kind. A queue is a run of keys in the order of its messages.
const (
	queued  byte = 'q' // session, seq -> id, length of the topic, topic, payload
	session byte = 's' // id -> client identifier
)

var errShort = errors.New("a record is too short")

func sessionName(id uint64) []byte { return strconv.AppendUint([]byte("sensor-"), id, 10) }

func sessionKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{session}, id) }

func (m *message) appendKey(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, queued), m.session)
	return binary.BigEndian.AppendUint64(dst, m.seq)
}

func (m *message) appendValue(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, m.id)
	dst = binary.AppendUvarint(dst, uint64(len(m.topic)))
	return append(append(dst, m.topic...), m.payload...)
}

// read is the reverse of both; topic and payload lie in value.
func (m *message) read(key, value []byte) error {
	if len(key) != 17 {
		return errShort
	}
	m.session, m.seq = binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint64(key[9:])
	var n int
	m.id, n = binary.Uvarint(value)
	if n <= 0 {
		return errShort
	}
	value = value[n:]
	size, n := binary.Uvarint(value)
	if n <= 0 || uint64(len(value)-n) < size {
		return errShort
	}
	m.topic, m.payload = value[n:n+int(size)], value[n+int(size):]
	return nil
}
