package badinput

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// child is this test binary in a process of its own, playing a part of TestMain's. It says a line when it has come to
// a point, and goes on when it is told a line.
type child struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func spawn(t *testing.T, part string, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...)}
	c.cmd.Env = append(os.Environ(), "PENSTOCK_BADINPUT="+part)
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // it ends with its input
		_ = c.in.Close()
		_ = c.cmd.Wait()
	})
	return c
}

// says waits for the child's next line.
func (c *child) says() string {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("the process in the part of %v ended: %v", c.cmd.Args[1:], c.cmd.Wait())
	}
	return c.out.Text()
}

// tell makes the child go on.
func (c *child) tell(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}
