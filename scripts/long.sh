#!/usr/bin/env bash
# What takes longer than a check may: run by hand, before a release or after a change to the codec, the index or the loops.
#
#   scripts/long.sh           all of it
#   scripts/long.sh fuzz      two minutes a fuzz target
#   scripts/long.sh soak      fifty rounds of random clients under the race detector, about ten minutes
#   scripts/long.sh crash     the store's process, power, disk and room taken away, ten minutes long, or CRASH_FOR; CRASH_SEED
#                             begins with that seed; mounted images, too, when root runs it
#   scripts/long.sh powercut  clients against brokers that lose their process, power, disk or room, two minutes each, or POWERCUT_FOR;
#                             POWERCUT_SEED begins with that seed
#   scripts/long.sh restart   a fleet that publishes and thousands of connects a second across a hundred restarts, and kills
#   scripts/long.sh bench     every benchmark ten times, summed up by benchstat
#   scripts/long.sh profile   a profile of each kind of load, into .cache/profiles/suite
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache/bin .cache/logs

fuzz() { scripts/fuzz.sh 120; }

# Each round draws new random clients, so that fifty short ones see more than a long one.
soak() { go test -race -count=50 -timeout 60m ./engine/enginetest/soak; }

# A violation is told with the seed that shows it again: -crash.once -crash.kinds KIND -crash.seed SEED.
crash() {
	go test -count=1 -v -timeout 0 -run 'LogKeepsItsPromises|ImageOf' ./engine/store/crashtest \
		-crash.for "${CRASH_FOR:-10m}" -crash.seed "${CRASH_SEED:-$(date +%s)}" -crash.thorough -crash.images
}

# A round that fails tells its seed: POWERCUT_SEED shows it again, as far as goroutines and sockets let it.
powercut() {
	go test -count=1 -v -timeout 0 ./engine/enginetest/crash \
		-crash.for "${POWERCUT_FOR:-2m}" -crash.seed "${POWERCUT_SEED:-0}" | grep --line-buffered -v '^=== '
}

restart() { go test -count=5 -run AFleetLosesNothing ./cmd/penstock -restarts 20; }

bench() {
	go -C scripts/tools build -o ../../.cache/bin/ tool
	go test -run '^$' -bench . -benchmem -count 10 -timeout 0 ./... | tee .cache/logs/bench.txt
	.cache/bin/benchstat .cache/logs/bench.txt
}

# Loads that only pass messages: those that end by themselves are over before they are profiled.
profile() {
	local load words
	for load in "p2p --qos 0" "p2p --qos 1" "p2p --qos 2" "fanin" "fanout --qos 0" "fanout --qos 1" "shared --qos 1" "wildcard"; do
		read -r -a words <<<"$load"
		scripts/profile.sh -o ".cache/profiles/suite/${words[0]}${words[2]:+-qos${words[2]}}" "${words[@]}"
	done
}

case ${1:-all} in
all) fuzz && soak && crash && powercut && restart && bench && profile ;;
fuzz | soak | crash | powercut | restart | bench | profile) "$1" ;;
*) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
