#!/usr/bin/env bash
# Compares two folders of scripts/profile.sh: what the new one spends more on, and less.
#
#   scripts/profile-diff.sh [-o DIR] OLD NEW
#
#   -o DIR   where to, NEW/diff unless given
#
# Shares are compared, not seconds: two profiles of the same length differ in how much work was done in it. What a message
# costs is in the reports of the load, of which some figures are shown first.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$OLDPWD
# shellcheck source=scripts/tools/rig.sh
. scripts/tools/rig.sh

out=
while getopts :o: flag; do
	case $flag in
	o) out=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || usage
# from is a path as the caller meant it.
from() { case $1 in /*) echo "$1" ;; *) echo "$here/$1" ;; esac; }
old=$(from "$1") new=$(from "$2")
for d in "$old" "$new"; do [ -s "$d/cpu.pb.gz" ] || die "$d holds no cpu.pb.gz: is it of scripts/profile.sh?"; done
out=${out:+$(from "$out")}
out=${out:-$new/diff}
mkdir -p "$out"
tools

# top PROFILE SAMPLE lists the functions whose share has changed most.
top() {
	go tool pprof -top -nodecount 60 -sample_index="$2" -normalize -diff_base "$old/$1.pb.gz" "$new/$1.pb.gz" >"$out/$1.top.txt" 2>/dev/null
	"$bin/flame" -sample "$2" -title "$3: $(basename "$old") → $(basename "$new")" -base "$old/$1.pb.gz" "$new/$1.pb.gz" >"$out/$1.svg"
}
top cpu cpu "CPU"
top allocs alloc_space "bytes allocated"
"$bin/flame" -roles -sample cpu -base "$old/cpu.pb.gz" "$new/cpu.pb.gz" >"$out/roles.txt"

for d in "$old" "$new"; do sed -n "s|^commit: *|$(basename "$d"): |p" "$d/environment.txt"; done
echo

# figure FOLDER NAME is a number of the load's report.
figure() { sed -nE "s/^ *\"$2\": ([0-9.e+-]+),?\$/\1/p" "$1/bench.json" | head -n 1; }
{
	printf '%-30s %12s %12s\n' 'load, while it was watched' old new
	for f in deliveryRate cpuPerDelivery writesPerDelivery rss; do
		printf '%-30s %12.4g %12.4g\n' "$f" "$(figure "$old" $f)" "$(figure "$new" $f)"
	done
} | tee "$out/load.txt"
echo
cat "$out/roles.txt"
echo
sed -n '1,22p' "$out/cpu.top.txt"
echo
for f in cpu.svg cpu.top.txt roles.txt allocs.svg allocs.top.txt; do echo "$out/$f"; done
