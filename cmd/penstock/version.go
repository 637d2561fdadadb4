package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is the release this source becomes.
const version = "0.1.0-dev"

type versionCmd struct{}

// Run writes version, commit where the build knows it, and what the program was built with.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "penstock %s%s (%s %s/%s)\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " " + s.Value[:12]
		}
	}
	return ""
}
