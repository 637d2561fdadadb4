package compare_test

import (
	"context"
	"log"
	"os"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/compare"
)

func Example() {
	spec, err := compare.Load("bench/specs/quick.yaml")
	if err != nil {
		log.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	result, err := compare.Run(context.Background(), spec, compare.Options{Self: self, Log: os.Stderr, Run: bench.Run})
	if err != nil {
		log.Fatal(err)
	}
	if err := result.Markdown(os.Stdout); err != nil {
		log.Fatal(err)
	}
}
