package proc

import (
	"os"
	"runtime"
)

// ThisMachine describes the computer; what it does not say of itself stays empty.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), GOGC: "100"}
	if gogc := os.Getenv("GOGC"); gogc != "" {
		m.GOGC = gogc
	}
	m.Host, _ = os.Hostname()
	m.ask()
	return m
}
