package codec

import "fmt"

// TLS records: type, version (two bytes), length (two bytes), and so many bytes.
const (
	recordHeader    = 5
	recordHandshake = 0x16
	maxRecord       = 16 << 10 // of plaintext, as the first one is
)

// firstRecord looks at the first bytes of a client. What is no TLS record, or one of a length that none has, is told
// before anything is spent on it; whole says that the record is complete.
func firstRecord(b []byte) (whole bool, err error) {
	if len(b) > 0 && b[0] != recordHandshake {
		return false, &Fault{TLSNotTLS, fmt.Errorf("first byte 0x%02x", b[0])}
	}
	if len(b) > 1 && b[1] != 3 {
		return false, &Fault{TLSNotTLS, fmt.Errorf("record version %d", b[1])}
	}
	if len(b) < recordHeader {
		return false, nil
	}
	size := int(b[3])<<8 | int(b[4])
	if size > maxRecord {
		return false, &Fault{TLSNotTLS, fmt.Errorf("record of %d bytes", size)}
	}
	if size < helloHeader {
		return false, &Fault{TLSProtocol, fmt.Errorf("first record of %d bytes, in which no ClientHello says how long it is", size)}
	}
	if len(b) < recordHeader+helloHeader {
		return false, nil
	}
	if hello := int(b[6])<<16 | int(b[7])<<8 | int(b[8]); hello > maxHello {
		return false, &Fault{TLSFlood, fmt.Errorf("ClientHello of %d bytes", hello)}
	}
	return len(b) >= recordHeader+size, nil
}

// crypto/tls keeps a buffer as large as the largest handshake message for as long as the connection lives, and takes 64 KB.
// Hellos take 2 KB, those with the keys of several post-quantum groups 4.
const (
	maxHello    = 16 << 10
	helloHeader = 4 // its type, its length
)

// records follows the borders of the records that are handed to crypto/tls. Handed over like that its input buffer, which
// never shrinks, is empty again after each record and never grows beyond what the largest one needs; and whoever reads
// knows whether there is anything to be read.
type records struct {
	have  uint32 // bytes handed over of the record that has begun
	size  uint32 // all bytes of it, when its header is known: have >= recordHeader
	whole int32  // records handed over completely, but for those surely read: no fewer than crypto/tls still has
}

// cut says how many bytes of in to hand over, room at most: the rest of the record that has begun, or as much of it as
// there is; and whole records behind it.
func (r *records) cut(in []byte, room int) int {
	room = min(room, len(in))
	n := r.step(in[:room])
	for r.have == 0 && n < room {
		next := in[n:room]
		if len(next) < recordHeader || len(next) < recordHeader+int(next[3])<<8+int(next[4]) {
			break
		}
		n += r.step(next)
	}
	return n
}

// step hands over up to the end of the record that has begun, or of the next one.
func (r *records) step(in []byte) (n int) {
	for ; r.have < recordHeader && n < len(in); n++ {
		switch r.have++; r.have {
		case 4:
			r.size = recordHeader + uint32(in[n])<<8
		case 5:
			r.size += uint32(in[n])
		}
	}
	if r.have < recordHeader {
		return n
	}
	rest := min(int(r.size-r.have), len(in)-n)
	n += rest
	if r.have += uint32(rest); r.have == r.size {
		r.have = 0
		r.whole++
	}
	return n
}

// begun is how many bytes of an incomplete record crypto/tls holds.
func (r *records) begun() int { return int(r.have) }
