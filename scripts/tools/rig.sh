# shellcheck shell=bash
# What the scripts that measure have in common: it is read by them, and not run. A broker that start_broker started is
# ended with the script, by its process and whatever happens.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=$root/.cache
bin=$cache/bin
mkdir -p "$bin"
cd "$root" || exit 1

children=()   # processes to end with the script
broker_pid=   # of the broker that runs
broker_addr=  # host:port for clients
flags=()      # for the brokers that run_load starts
broker_admin= # host:port of its admin listener, when it has one

die() { echo "${0##*/}: $*" >&2; exit 1; }

# usage prints the comment at the head of the script.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2; exit 2; }

# value says what is wrong when a flag stands last.
value() { [ $# -ge 2 ] || die "$1 needs a value"; }

tools() { go -C "$root/scripts/tools" build -o "$bin/" tool; }

# build FILE [FLAGS…] makes the program of the present directory as it is shipped.
build() {
	local out=$1
	shift
	CGO_ENABLED=0 go build -trimpath "$@" -o "$out" ./cmd/penstock
}

# end PROCESS asks a process of ours to stop, insists after 10 s, and waits for it.
end() {
	kill "$1" 2>/dev/null || true
	for _ in {1..100}; do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

cleanup() {
	local pid
	for pid in ${children[@]+"${children[@]}"}; do end "$pid"; done
	children=()
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_broker PROGRAM LOG [FLAGS…] starts a broker on a free port and waits until it says where.
start_broker() {
	local program=$1 log=$2
	shift 2
	: >"$log" # else it is read before the process has emptied it, and still names the broker before
	"$program" --listen tcp://127.0.0.1:0 "$@" >"$log" 2>&1 &
	broker_pid=$!
	children+=("$broker_pid")
	until broker_addr=$(sed -n 's|.*listening on tcp://||p' "$log") && [ -n "$broker_addr" ]; do
		kill -0 "$broker_pid" 2>/dev/null || { cat "$log" >&2; die "the broker did not start"; }
		sleep 0.05
	done
}

stop_broker() {
	end "$broker_pid"
	local pid left=()
	for pid in "${children[@]}"; do [ "$pid" = "$broker_pid" ] || left+=("$pid"); done
	children=(${left[@]+"${left[@]}"})
	broker_pid=
}

# admin_of LOG waits until a broker has said where its admin listener is.
admin_of() {
	until broker_admin=$(sed -n 's|.*admin on http://||p' "$1") && [ -n "$broker_admin" ]; do
		kill -0 "$broker_pid" 2>/dev/null || { cat "$1" >&2; die "the broker ended"; }
		sleep 0.05
	done
}

# run_load LOG SCENARIO [FLAGS…] puts one load on a fresh broker of $program, which is given the flags of the array flags,
# and appends Go benchmark lines to LOG.
run_load() {
	local log=$1 scenario=$2
	shift 2
	start_broker "$program" "$log.broker" ${flags[@]+"${flags[@]}"}
	"$bin/penstock" bench "$scenario" --addr "$broker_addr" --pid "$broker_pid" "$@" --gobench >>"$log" 2>"$log.load" ||
		{ cat "$log.load" >&2; tail -n 2 "$log" >&2; die "the load failed: $scenario $*"; }
	stop_broker
}

# interleave ROUNDS OLD NEW runs the function measured as many times with each, by turns and with the order turned round each
# time, so that what else the machine does meets both. measured is given old or new.
interleave() {
	local round sides
	for ((round = 1; round <= $1; round++)); do
		sides="$2 $3"
		[ $((round % 2)) = 1 ] || sides="$3 $2"
		echo "round $round of $1" >&2
		for side in $sides; do measured "$side"; done
	done
}

# judge FILE OLD NEW has benchstat compare Go benchmark lines that run_load wrote, as NAME=FILE each: what a delivery
# costs, memory and the tail of the latency, of all that a report holds.
judge() {
	"$bin/benchstat" -filter '.unit:(ns/op OR cpu-ns/delivery OR writes/delivery OR rss-B OR p99-ns)' "$2" "$3" | tee "$1"
}

# environment says where a measurement was taken.
environment() {
	echo "commit:  $(git describe --always --dirty --abbrev=12) ($(git log -1 --format=%cs))"
	echo "go:      $(go env GOVERSION) GOGC=${GOGC:-100} GOMAXPROCS=${GOMAXPROCS:-default}"
	echo "machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	echo "kernel:  $(uname -sr)"
	echo "load:    $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "taken:   $(date -u +%FT%TZ)"
}
