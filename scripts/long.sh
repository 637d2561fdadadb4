#!/usr/bin/env bash
# What takes longer than a check may: run by hand, before a release or after a change to the codec, the index or the loops.
#
#   scripts/long.sh           all of it
#   scripts/long.sh fuzz      two minutes a fuzz target
#   scripts/long.sh soak      fifty rounds of random clients under the race detector, about ten minutes
#   scripts/long.sh bench     every benchmark ten times, summed up by benchstat
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache/bin .cache/logs

fuzz() { scripts/fuzz.sh 120; }

# Each round draws new random clients, so that fifty short ones see more than a long one.
soak() { go test -race -count=50 -timeout 60m ./engine/enginetest/soak; }

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
