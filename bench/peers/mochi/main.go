// Command mochi serves MQTT over TCP with mochi-mqtt, and where it is told over TLS and WebSocket, for comparisons: everyone
// may connect and do all, nothing is stored.
//
// It stands on the library's own defaults, which matter to who compares: 8,192 unacknowledged or waiting QoS 1 and 2 messages
// a client (-inflight; what comes on top is dropped), 8,192 packets waiting to be written to a client (-pending; QoS 0
// messages on top are dropped), receive maximum 1,024, buffers of 2 KiB a connection.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintf(os.Stderr, "mochi: %v\n", err)
		os.Exit(1)
	}
}

func serve() error {
	limits := mqtt.NewDefaultServerCapabilities()
	addr := flag.String("addr", "127.0.0.1:1883", "listen on this `host:port`")
	inflight := flag.Uint("inflight", uint(limits.MaximumInflight), "most unacknowledged or waiting messages a client, up to 65535")
	pending := flag.Int("pending", int(limits.MaximumClientWritesPending), "most packets waiting to be written to a client")
	var secure secured
	secure.flags()
	version := flag.Bool("version", false, "say which version of the library this is and leave")
	flag.Parse()
	if *version {
		fmt.Println("mochi-mqtt " + libraryVersion())
		return nil
	}
	if *inflight > 65535 {
		return fmt.Errorf("-inflight %d: at most 65535", *inflight)
	}
	limits.MaximumInflight, limits.MaximumClientWritesPending = uint16(*inflight), int32(*pending)

	server := mqtt.New(&mqtt.Options{
		Capabilities: limits,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: *addr})); err != nil {
		return err
	}
	if err := secure.listen(server); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := server.Serve(); err != nil {
		return err
	}
	<-signals
	return server.Close()
}

// libraryVersion is the one go.mod names.
func libraryVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/mochi-mqtt/server/v2" {
				return m.Version
			}
		}
	}
	return mqtt.Version
}
