package enginetest

import "errors"

// startPenstock starts an in-process broker.
func startPenstock(Settings) (addr string, stop func(), err error) {
	return "", nil, errors.New("set CONFORMANCE_TARGET=host:port")
}
