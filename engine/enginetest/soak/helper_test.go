package soak

import (
	"errors"
	"net"
	"os"
)

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
