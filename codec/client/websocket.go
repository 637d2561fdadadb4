package client

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
)

// mostAnswers is how much a server may ask for (pongs) that it does not take.
const mostAnswers = 64 << 10

// webSocket is a connection whose bytes travel in frames: a Write is one frame, a Read gives payload, whichever frames it
// came in. Pings are answered beside the reader, so that a server which does not read does not keep us from reading.
type webSocket struct {
	net.Conn
	socket []byte // the reader's

	mu        sync.Mutex // guards the rest; not held across a socket call
	stage     *codec.WebSocket
	into      []byte // what the reader brought for payload
	left      []byte // payload for which there was no room
	answers   []byte // frames that answer the server's, not written yet
	answering bool
	end       error
}

func newWebSocket(conn net.Conn, u *codec.ClientUpgrade) *webSocket {
	return &webSocket{Conn: conn, stage: codec.NewWebSocketClient(u), socket: make([]byte, readBuffer)}
}

// upgrade sends the HTTP request and waits for the response.
func (w *webSocket) upgrade() error {
	if _, err := w.Conn.Write(w.stage.Start(nil)); err != nil {
		return err
	}
	for !w.stage.Open() {
		if w.take(); w.end != nil {
			return w.end
		}
	}
	w.stage.Forget()
	return nil
}

// Read gives payload. Its error is io.EOF after the server's close frame.
func (w *webSocket) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	w.into = p
	w.Bytes(w.takeLeft())
	for len(w.into) == len(p) && w.end == nil {
		w.mu.Unlock()
		w.take()
		w.mu.Lock()
	}
	n := len(p) - len(w.into)
	w.into = nil
	if n == 0 {
		return 0, w.end
	}
	return n, nil
}

func (w *webSocket) takeLeft() []byte {
	left := w.left
	w.left = nil
	return left
}

// Bytes takes payload from the stage. The lock is held.
func (w *webSocket) Bytes(payload []byte) (more bool) {
	n := copy(w.into, payload)
	w.into = w.into[n:]
	w.left = append(w.left, payload[n:]...)
	return true
}

// take reads from the socket once.
func (w *webSocket) take() {
	n, err := w.Conn.Read(w.socket)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 {
		if _, fault := w.stage.Feed(w.socket[:n], &w.answers, w); fault != nil {
			err = fault
		}
	}
	switch {
	case err != nil:
		w.end = err
		w.farewell()
	case len(w.answers) > mostAnswers:
		w.end = errors.New("the server does not take the answers to its pings")
	case len(w.answers) > 0 && !w.answering:
		w.answering = true
		go w.answer()
	}
}

// answer writes what the stage has answered, until there is nothing more.
func (w *webSocket) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.answers) > 0 {
		frames := w.answers
		w.answers = nil
		w.mu.Unlock()
		_, err := w.Conn.Write(frames)
		w.mu.Lock()
		if err != nil {
			break // the writer or the reader will see it, too
		}
	}
	w.answering = false
}

// farewell writes the last answer, a close frame, before whoever reads learns of the end and closes. The lock is held.
func (w *webSocket) farewell() {
	frames := w.answers
	w.answers = nil
	if len(frames) == 0 {
		return
	}
	w.mu.Unlock()
	w.Conn.SetWriteDeadline(time.Now().Add(linger))
	w.Conn.Write(frames)
	w.mu.Lock()
}

// Write sends p as one frame.
func (w *webSocket) Write(p []byte) (int, error) {
	w.mu.Lock()
	if !w.stage.Open() {
		w.mu.Unlock()
		return 0, lost(io.EOF) // its close frame has come
	}
	frame := w.stage.Seal(nil, p)
	w.mu.Unlock()
	if _, err := w.Conn.Write(frame); err != nil {
		return 0, err
	}
	return len(p), nil
}

// closeNormal is the status code of a connection that has done its work.
const closeNormal = 1000

// CloseWrite sends a close frame. The server answers it and closes the connection.
func (w *webSocket) CloseWrite() error {
	w.mu.Lock()
	frame := w.stage.Close(nil, closeNormal)
	w.mu.Unlock()
	if len(frame) == 0 {
		return nil // the server was first
	}
	w.Conn.SetWriteDeadline(time.Now().Add(linger))
	_, err := w.Conn.Write(frame)
	return err
}
