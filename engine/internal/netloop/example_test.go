package netloop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// shouter answers in capitals. What its sockets do not take is lost: a real handler queues it and asks WaitWritable.
type shouter struct{ hooks }

func (shouter) Data(c *Conn, b []byte) {
	for i := range b {
		b[i] &^= 0x20 // the bytes are ours until Data returns
	}
	_, _ = c.Write(b)
}

func Example() {
	e, err := Start(Config{Loops: 1}, &shouter{})
	if err != nil {
		panic(err)
	}
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	e.Serve(ln, AdmitFunc(func(netip.AddrPort) (l *Loop, value any, ok bool) { return nil, nil, true }))

	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(c, "penstock")
	answer := make([]byte, 8)
	_, err = io.ReadFull(c, answer)
	fmt.Println(string(answer), err)

	_ = c.Close()
	fmt.Println(e.Stop(context.Background()))
	// Output:
	// PENSTOCK <nil>
	// <nil>
}
