#!/usr/bin/env bash
# Makes the profile that `go build` optimises the program by, cmd/penstock/default.pgo, and measures what it is worth.
#
#   scripts/pgo.sh make [-t SECONDS]      profiles the broker under a mix of the suite and merges (6 s a load unless given)
#   scripts/pgo.sh measure [-n ROUNDS]    with against without: CPU a delivery, time to build, size (8 rounds unless given)
#
# Make it anew when the hot path has changed much. A profile that is out of date costs nothing but its gain: functions it
# names that are gone are passed over. Keep it only as long as the gain is real.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools/rig.sh
. scripts/tools/rig.sh

pgo=cmd/penstock/default.pgo
work=$cache/pgo
mkdir -p "$work"

# The mix: every way that a message may take, none for longer than another.
mix=(
	"p2p --qos 0" "p2p --qos 1" "p2p --qos 2"
	"fanout --qos 0" "fanout --qos 1"
	"fanin --qos 0" "wildcard" "shared --qos 1"
)

# A publisher of QoS 1 is answered when its message is taken over, however far behind the subscriber is. Where the machine has
# no core to spare that may be more than the default queue holds, and what is lost fails a load.
flags=(--set=session.max_queued_messages=1000000 --set=session.max_queued_bytes=1GiB)

make_profile() {
	local seconds=6
	[ "${1:-}" != -t ] || { value "$@"; seconds=$2; }
	build "$bin/penstock" -pgo=off
	rm -f "$work"/*.pb.gz
	local i load
	for i in "${!mix[@]}"; do
		read -r -a load <<<"${mix[$i]}"
		echo "${mix[$i]}" >&2
		: >"$work/load.log"
		start_broker "$bin/penstock" "$work/broker.log" --admin 127.0.0.1:0 --set admin.socket=off "${flags[@]}"
		admin_of "$work/broker.log"
		"$bin/penstock" bench "${load[@]}" --addr "$broker_addr" --pid "$broker_pid" --duration $((seconds + 1))s >"$work/load.txt" 2>"$work/load.log" &
		local pid=$!
		children+=("$pid")
		until grep -q '^run' "$work/load.log"; do
			kill -0 "$pid" 2>/dev/null || { cat "$work/load.log" >&2; die "the load ended before it began"; }
			sleep 0.1
		done
		curl -fsS -o "$work/$i.pb.gz" "http://$broker_admin/debug/pprof/profile?seconds=$seconds"
		wait "$pid" || { cat "$work/load.log" "$work/load.txt" >&2; die "the load failed: ${mix[$i]}"; }
		stop_broker
	done
	# Labels tell goroutines apart, which the compiler does not ask for.
	go tool pprof -proto -symbolize=none -tagshow='^$' -output "$work/merged.pb.gz" "$work"/[0-9]*.pb.gz >/dev/null 2>&1
	cp "$work/merged.pb.gz" "$pgo"
	ls -l "$pgo"
}

measure() {
	local rounds=8
	[ "${1:-}" != -n ] || { value "$@"; rounds=$2; }
	[ -s "$pgo" ] || die "there is no $pgo: scripts/pgo.sh make"
	tools
	build "$work/penstock.without" -pgo=off
	build "$work/penstock.with" "-pgo=$root/$pgo"
	cp "$work/penstock.without" "$bin/penstock" # the load, the same for both
	rm -f "$work"/with*.txt*
	measured() {
		local load words
		program=$work/penstock.$1
		for load in "${mix[@]}"; do
			read -r -a words <<<"$load"
			run_load "$work/$1.txt" "${words[@]}" --warmup 500ms --duration 1500ms
		done
	}
	interleave "$rounds" without with
	judge "$work/benchstat.txt" "without=$work/without.txt" "with=$work/with.txt"
	echo
	local side from flag
	for side in without with; do
		flag=-pgo=off
		[ $side = without ] || flag=-pgo=$root/$pgo
		from=$SECONDS
		rm -rf "$work/gocache"
		GOCACHE=$work/gocache build "$work/built" "$flag"
		echo "$side: $((SECONDS - from)) s to build from nothing, $(stat -c %s "$work/built") bytes"
	done
	chmod -R u+w "$work/gocache" && rm -rf "$work/gocache" "$work/built"
}

case ${1:-} in
make) shift && make_profile "$@" ;;
measure) shift && measure "$@" ;;
*) usage ;;
esac
