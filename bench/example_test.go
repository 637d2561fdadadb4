package bench_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/engine"
)

// Twenty pairs at QoS 1 against a broker of the same process; any other is reached the same way.
func ExampleRun() {
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	broker, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := broker.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Stop(context.Background())

	report, err := bench.Run(context.Background(), bench.Config{
		Scenario: "p2p", Addr: strings.TrimPrefix(broker.Addrs()[0].URL, "tcp://"),
		Publishers: 20, QoS: 1, AwaitAll: true, Warmup: 50 * time.Millisecond, Duration: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("faults:", report.Failed())
	fmt.Println("delivered what was sent:", report.TotalDelivered == report.TotalSent)
	fmt.Println("deliveries a second and their 99th percentile:", report.Rate > 0, report.Latency.P99 > 0)
	// Output:
	// faults: false
	// delivered what was sent: true
	// deliveries a second and their 99th percentile: true true
}
