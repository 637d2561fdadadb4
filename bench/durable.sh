#!/usr/bin/env bash
# Measures what durability costs and writes it into bench/RESULTS.md, between the marks that are there for it.
#
#   bench/durable.sh DIR                  all of it, on the disk that DIR is on: about 50 minutes; nothing else should run
#   bench/durable.sh DIR costs|start|stores   one of the three
#
# ROUNDS=1 is a first look. What the runs have said is in .cache/durable.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?"usage: bench/durable.sh DIR [costs|start|stores]"}
out=.cache/durable
mkdir -p .cache/bin "$out"
rounds=${ROUNDS:+--rounds $ROUNDS}

# compared SPEC runs a comparison. Runs that failed are shown as such in the table.
compared() {
	local status=0
	# shellcheck disable=SC2086
	.cache/bin/penstock bench compare --spec "bench/specs/$1.yaml" --data "$dir" $rounds --markdown "$out/$1.md" --json "$out/$1.json" || status=$?
	[ $status = 0 ] || [ $status = 3 ]
}

costs() { compared durable && put costs "$out/durable.md"; }
start() { compared startup && put start "$out/startup.md"; }
stores() {
	go -C bench/peers/stores build -o "$PWD/.cache/bin/stores" . &&
		.cache/bin/stores -dir "$dir" ${ROUNDS:+-rounds "$ROUNDS"} >"$out/stores.md" && put stores "$out/stores.md"
}

# put NAME FILE sets a file in place of what is between the marks of a name.
put() {
	awk -v name="$1" -v file="$2" '
		$0 == "<!-- " name ": end -->" { inside = 0 }
		!inside { print }
		$0 == "<!-- " name ": made by bench/durable.sh -->" { inside = 1; while ((getline line < file) > 0) print line }
	' bench/RESULTS.md >"$out/RESULTS.md"
	grep -q "^<!-- $1: end -->$" "$out/RESULTS.md"
	cp "$out/RESULTS.md" bench/RESULTS.md
}

CGO_ENABLED=0 go build -trimpath -o .cache/bin/penstock ./cmd/penstock
case ${2:-all} in
all) costs && start && stores ;;
costs | start | stores) "$2" ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
