#!/usr/bin/env bash
# Profiles the broker under a load of `penstock bench`, and writes all there is to see into one folder.
#
#   scripts/profile.sh [-o DIR] [-t SECONDS] [-b FLAG]… SCENARIO [bench flags…]
#
#   scripts/profile.sh p2p --qos 1
#   scripts/profile.sh -t 20 -b --loops=1 fanout --subscribers 500 --window 64
#
#   -o DIR      where to, .cache/profiles/TIME-SCENARIO-COMMIT unless given
#   -t SECONDS  how long the CPU profile is, 10 unless given; the load lasts for the other captures, too
#   -b FLAG     a flag for the broker, as --loops=1 or --set=limits.max_inflight=100; repeatable
#
# The CPU profile and the allocations are taken first and by themselves. What costs the broker time to record comes
# after: mutexes and blocking together, then a second of runtime trace. Heap and goroutines are the state at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools/rig.sh
. scripts/tools/rig.sh

out='' seconds=10 flags=()
while getopts :o:t:b: flag; do
	case $flag in
	o) out=$OPTARG ;;
	t) seconds=$OPTARG ;;
	b) flags+=("$OPTARG") ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -lt 1 ] || ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then usage; fi
scenario=$1
shift
half=$(((seconds + 1) / 2))
out=${out:-$cache/profiles/$(date +%Y%m%d-%H%M%S)-$scenario-$(git describe --always --dirty --abbrev=8)}
mkdir -p "$out"

tools
build "$bin/penstock"
start_broker "$bin/penstock" "$out/broker.log" --admin 127.0.0.1:0 --set admin.socket=off ${flags[@]+"${flags[@]}"}
admin_of "$out/broker.log"

# The load. What the command line says of its duration comes last and holds.
"$bin/penstock" bench "$scenario" --addr "$broker_addr" --pid "$broker_pid" --duration $((seconds + half + 4))s \
	--json="$out/bench.json" --gobench="$out/bench.gobench" --svg="$out/bench.svg" "$@" >"$out/bench.txt" 2>"$out/bench.log" &
load=$!
children+=("$load")
until grep -q '^run' "$out/bench.log"; do
	kill -0 "$load" 2>/dev/null || { cat "$out/bench.log" >&2; die "the load ended before it began"; }
	sleep 0.1
done

get() { curl -fsS -o "$out/$1" "http://$broker_admin/debug/pprof/$2" || die "no $2 from the broker"; }

echo "load runs; profiling for $((seconds + half + 1)) s"
get cpu.pb.gz "profile?seconds=$seconds" & cpu=$!
get allocs.pb.gz "allocs?seconds=$seconds" & allocs=$!
wait $cpu
wait $allocs
get mutex.pb.gz "mutex?seconds=$half" & mutex=$!
get block.pb.gz "block?seconds=$half" & block=$!
wait $mutex
wait $block
get trace.out "trace?seconds=1"
get goroutine.pb.gz goroutine
get heap.pb.gz "heap?gc=1"
early=
kill -0 "$load" 2>/dev/null || early=yes
failed=0
wait "$load" || failed=$?
stop_broker

{
	environment
	echo "broker:  penstock ${flags[*]-}"
	echo "load:    penstock bench $scenario $*"
} >"$out/environment.txt"

# draw NAME SAMPLE WHAT makes picture and text of a profile.
draw() {
	"$bin/flame" -sample "$2" -title "$3: $scenario $arguments" "$out/$1.pb.gz" >"$out/$1.svg"
	go tool pprof -top -nodecount 80 -sample_index="$2" "$out/$1.pb.gz" >"$out/$1.top.txt" 2>/dev/null
}
arguments=$*
draw cpu cpu "CPU"
draw allocs alloc_space "bytes allocated meanwhile"
draw heap inuse_space "heap in use at the end"
draw mutex delay "time others waited for a mutex"
draw block delay "time goroutines were blocked"
draw goroutine goroutine "goroutines"
"$bin/flame" -roles -sample cpu "$out/cpu.pb.gz" >"$out/roles.txt"

cat "$out/roles.txt"
echo
sed -n '1,16p' "$out/cpu.top.txt"
echo
for f in cpu.svg roles.txt cpu.top.txt trace.out bench.txt bench.svg bench.json environment.txt; do echo "$out/$f"; done
echo "$out/{allocs,heap,mutex,block,goroutine}.{svg,top.txt}, and a .pb.gz of each"
[ -z "$early" ] || die "the load was over before the captures: what it left is in them, too; ask for a longer one"
[ $failed -eq 0 ] || { cat "$out/bench.log" "$out/bench.txt" >&2; die "the load ended with status $failed"; }
