// Package soak lets thousands of clients behave at random towards a broker and then looks for what it lost, mixed up or
// forgot to let go of. It takes about ten seconds; PENSTOCK_SOAK=10m stretches that to ten minutes
// (scripts/long.sh soak).
package soak
