#!/bin/sh
# Plays the conformance suite and makes the table of its results.
#
#   scripts/conformance.sh              against an in-process Penstock; writes engine/CONFORMANCE.md
#   scripts/conformance.sh --check      the same, but fails if engine/CONFORMANCE.md differs
#   scripts/conformance.sh HOST:PORT [ws://HOST:PORT/PATH]
#                                       against a running broker; prints the table. Without the URL of its WebSocket
#                                       the tests about that are n/a.
#
# Ends with a status other than 0 if a test failed; what failed and why goes to stderr.
set -eu
cd "$(dirname "$0")/.."

table=engine/CONFORMANCE.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

target=
case ${1-} in
'' | --check) ;;
-*) echo "usage: scripts/conformance.sh [--check | HOST:PORT [ws://HOST:PORT/PATH]]" >&2; exit 2 ;;
*) target=$1 ;;
esac

# A failed case is the matrix's business: it ends with status 1.
CONFORMANCE_TARGET=$target CONFORMANCE_WEBSOCKET=${2-} go test -count=1 -run '^TestConformance$' -json ./engine/enginetest >"$work/events" || true
status=0
go run ./engine/enginetest/matrix <"$work/events" >"$work/table" || status=$?
if [ $status -ne 0 ]; then
	sed -n 's/.*"Output":"\( *[a-zA-Z0-9_]*\.go:[0-9]*: .*\|.*--- FAIL: .*\)\\n"}$/\1/p' "$work/events" | grep -v ': n/a: ' >&2 || true
fi

case ${1-} in
'') cp "$work/table" "$table" ;;
--check) diff -u "$table" "$work/table" >&2 || { echo "$table is stale: run scripts/conformance.sh" >&2; exit 1; } ;;
*) cat "$work/table" ;;
esac
exit $status
