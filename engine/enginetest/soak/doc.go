// Package soak lets thousands of clients behave at random towards a broker and then looks for what it lost, mixed up or
// forgot to let go of. It takes a few seconds; PENSTOCK_SOAK=10m makes each test that long (scripts/long.sh soak).
package soak
