// Command victim is a broker to be killed: crash.Serve says what it takes. Tests with real clients build it, for there is no way
// to have penstock itself lose what it has not synced.
package main

import (
	"fmt"
	"os"

	"github.com/penstock-mqtt/penstock/engine/enginetest/crash"
)

func main() {
	if err := crash.Serve(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
}
