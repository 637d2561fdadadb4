#!/usr/bin/env bash
# What takes longer than a check may: run by hand, before a release or after a change to the codec, the index or the loops.
#
#   scripts/long.sh           all of it
#   scripts/long.sh fuzz      two minutes a fuzz target
#   scripts/long.sh soak      ten minutes of random clients under the race detector
#   scripts/long.sh bench     every benchmark ten times, summed up by benchstat
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache/bin .cache/logs

fuzz() { scripts/fuzz.sh 120; }

# The soak tests read how long they go on from the environment; go test alone gives them a few seconds.
soak() { PENSTOCK_SOAK=${PENSTOCK_SOAK:-10m} go test -race -count=1 -v -timeout 30m -run Soak ./engine/...; }

bench() {
	go -C scripts/tools build -o ../../.cache/bin/ tool
	go test -run '^$' -bench . -benchmem -count 10 -timeout 0 ./... | tee .cache/logs/bench.txt
	.cache/bin/benchstat .cache/logs/bench.txt
}

case ${1:-all} in
all) fuzz && soak && bench ;;
fuzz | soak | bench) "$1" ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
