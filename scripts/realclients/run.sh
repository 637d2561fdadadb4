#!/usr/bin/env bash
# Runs clients that other people wrote against penstock: mosquitto's tools (and ours, crosswise), MQTT.js, in Chromium too,
# Paho Go, openssl; haproxy before it; and the README's quick start. Each test starts brokers of its own on free loopback
# ports. One line a check, the count at the end.
#
#   scripts/realclients/run.sh           all of them
#   scripts/realclients/run.sh PATTERN   the Go tests of that name (go test -run) and MQTT.js's (node --test-name-pattern)
set -uo pipefail
cd "$(dirname "$0")" || exit 1

cache=$(cd ../.. && pwd)/.cache
log=$cache/logs/realclients.log
mkdir -p "$cache/realclients" "$cache/logs"
./install.sh || exit 1

# Built with no flags, as the README's commands and go test build: what they compiled is in the cache.
export PENSTOCK=$cache/realclients/penstock
go build -C ../.. -o "$PENSTOCK" ./cmd/penstock || exit 1
export VICTIM=$cache/realclients/victim # a broker that loses what it has not synced when it is killed
go build -C ../.. -o "$VICTIM" ./engine/enginetest/crash/victim || exit 1
export PKI=$cache/realclients/pki # the certificates of the tests that change none
./pki.sh "$PKI" || exit 1
export NODE_PATH=$cache/node/node_modules

pattern=${1:-}
gotests() { go test -json -count=1 -timeout 5m ${pattern:+-run "$pattern"} ./... | node report.js; }
nodetests() { node --test --test-reporter ./mqttjs/reporter.js ${pattern:+--test-name-pattern "$pattern"} {mqttjs,browser}/*.test.js; }

# A runner's own exit code counts as well: it may fail without a test that does.
failed=0
gotests | tee "$log" || failed=1
nodetests | tee -a "$log" || failed=1

echo "$(grep -c '^PASS ' "$log") passed, $(grep -c '^FAIL ' "$log") failed"
exit "$failed"
