package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// An embedder opens the door before the broker starts and closes it last, so that /readyz tells of both.
func Example() {
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	broker, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		panic(err)
	}
	door, err := admin.New(admin.Config{Listen: []string{"127.0.0.1:0"}, Socket: admin.Off}, admin.Options{Broker: broker})
	if err != nil {
		panic(err)
	}
	if _, err := door.Start(); err != nil {
		panic(err)
	}
	if err := broker.Start(); err != nil {
		panic(err)
	}
	answer, err := http.Get(door.URLs()[0] + "/readyz")
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	fmt.Print(answer.StatusCode, " ", string(body))

	_ = broker.Stop(context.Background())
	_ = door.Stop(context.Background())
	// Output: 200 ok
}
