#!/usr/bin/env bash
# Runs every fuzz target of the project for a bounded time.
#
#   scripts/fuzz.sh EACH [TOTAL]     EACH seconds a target, fewer when all of them together would pass TOTAL seconds
#
# A failing input is written by go test to the package's testdata/fuzz: commit it with the mending.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

each=${1:?usage: scripts/fuzz.sh EACH [TOTAL]}
total=${2:-0}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# "package target", one a line
targets=$(
	grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | xargs -r -n1 dirname | sort -u |
		while read -r dir; do
			go test -list '^Fuzz' "$dir" | sed -n "s|^\(Fuzz.*\)|$dir \1|p" || exit 1
		done
) || { echo "fuzz: some package with fuzz targets does not build" >&2; exit 1; }
count=$(grep -c . <<<"$targets")
[ "$count" -gt 0 ] || exit 0
if [ "$total" -gt 0 ] && [ $((each * count)) -gt "$total" ]; then
	each=$((total / count))
	[ "$each" -ge 1 ] || each=1
fi

failed=0
while read -r dir target; do
	# Few minimizing runs: shrinking inputs that are merely interesting would take the whole time.
	if go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "${each}s" -fuzzminimizetime 20x -parallel 2 >"$out" 2>&1; then
		printf '%-52s %s\n' "$dir $target" "$(sed -n 's/^fuzz: elapsed: \([0-9ms]*\), execs: \([0-9]*\).*/\2 inputs in \1/p' "$out" | tail -1)"
	elif grep -q 'context deadline exceeded' "$out" && ! grep -q 'Failing input written' "$out"; then
		# go test's own race at the end of the time: no input failed.
		printf '%-52s ended at its deadline\n' "$dir $target"
	else
		printf '%-52s FAILED\n' "$dir $target"
		cat "$out"
		failed=1
	fi
done <<<"$targets"
echo "$count targets, $each s each"
exit $failed
