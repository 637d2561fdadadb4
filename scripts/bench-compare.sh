#!/usr/bin/env bash
# Measures the working tree against another commit, on this machine and by turns, and lets benchstat judge.
#
#   scripts/bench-compare.sh [-n ROUNDS] [-t TIME] REV [PATTERN [PACKAGE…]]
#   scripts/bench-compare.sh [-n ROUNDS] [-b FLAG]… REV --bench SCENARIO [flags…] [--bench SCENARIO [flags…]]…
#
#   scripts/bench-compare.sh HEAD~3                               the benchmarks of perf/
#   scripts/bench-compare.sh main 'Match|Cache' ./trie ./perf
#   scripts/bench-compare.sh -n 6 main --bench p2p --qos 1 --bench fanout --window 64
#
#   -n ROUNDS   how often each side runs, 8 unless given; below 6 benchstat will call nothing sure
#   -t TIME     how long a benchmark runs each time, 200ms unless given
#   -b FLAG     a flag for the brokers, as --loops=1; repeatable
#
# The first form runs Go benchmarks that are in both. The second puts the working tree's load on the brokers of both, each
# fresh: cpu-ns/delivery is the broker's CPU a delivered message. Both sides are built before anything is measured.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools/rig.sh
. scripts/tools/rig.sh

rounds=8 time=200ms
while getopts :n:t:b: flag; do
	case $flag in
	n) rounds=$OPTARG ;;
	t) time=$OPTARG ;;
	b) flags+=("$OPTARG") ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
rev=$(git rev-parse --verify --quiet "$1^{commit}") || die "$1 is no commit"
name=$(git describe --always --abbrev=8 "$rev")
shift

work=$cache/compare
tree=$work/tree
mkdir -p "$work"
rm -rf "$work"/*.txt "$work"/*.txt.* "$work/old" "$work/new"
git worktree remove --force "$tree" 2>/dev/null || true
git worktree add --quiet --detach "$tree" "$rev"
# done_with takes the other commit's files away again, after the processes.
done_with() {
	cleanup
	git -C "$root" worktree remove --force "$tree" 2>/dev/null || true
}
trap done_with EXIT
tools

loads=()
if [ "${1:-}" = --bench ]; then
	build "$bin/penstock"
	(cd "$tree" && build "$work/penstock.old")
	cp "$bin/penstock" "$work/penstock.new"
	for word in "$@"; do # one line a load, its words apart by tabs
		if [ "$word" = --bench ]; then loads+=(''); else loads[-1]+=$word$'\t'; fi
	done
	measured() {
		local load words
		program=$work/penstock.$1
		for load in "${loads[@]}"; do
			IFS=$'\t' read -r -a words <<<"$load"
			run_load "$work/$1.txt" "${words[@]}"
		done
	}
else
	pattern=${1:-.}
	[ $# -eq 0 ] || shift
	packages=("${@:-./perf}")
	# compile SIDE builds the test programs of the present directory; one a side may be without.
	compile() {
		local package
		mkdir -p "$work/$1"
		for package in "${packages[@]}"; do
			[ -d "$package" ] || continue
			go test -c -o "$work/$1/$(tr / _ <<<"${package#./}").test" "$package"
		done
	}
	compile new
	(cd "$tree" && compile old)
	measured() {
		local from=$root package program
		[ "$1" = new ] || from=$tree
		for package in "${packages[@]}"; do
			program=$work/$1/$(tr / _ <<<"${package#./}").test
			[ -x "$program" ] || continue
			# Idle connections take two minutes, and report the same to a percent.
			(cd "$from/$package" && "$program" -test.run '^$' -test.bench "$pattern" -test.skip IdleConnections \
				-test.benchtime "$time" -test.benchmem) >>"$work/$1.txt" || { tail -n 20 "$work/$1.txt" >&2; die "a benchmark failed: $1"; }
		done
	}
fi
interleave "$rounds" old new
echo
echo "old: $name · new: $(git describe --always --dirty --abbrev=8) · $(environment | sed -n 's/^machine: //p'), load $(cut -d' ' -f1-3 /proc/loadavg)"
if [ ${#loads[@]} -gt 0 ]; then
	judge "$work/benchstat.txt" "old=$work/old.txt" "new=$work/new.txt"
	echo "all figures: .cache/bin/benchstat old=$work/old.txt new=$work/new.txt"
else
	"$bin/benchstat" "old=$work/old.txt" "new=$work/new.txt" | tee "$work/benchstat.txt"
fi
