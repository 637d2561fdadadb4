#!/usr/bin/env bash
# All that CI runs, in the order in which mistakes are cheapest to find. It ends at the first stage that fails.
#
#   scripts/check.sh          everything: before main is handed over, and what .ci/run calls
#   scripts/check.sh quick    gofmt, vet, layers, changed packages: before a commit
#
# On a bare Debian machine with Go it installs what is missing. What it builds and fetches for itself stays in .cache.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

root=$PWD
cache=$root/.cache
logs=$cache/logs
mkdir -p "$cache/bin" "$logs"
rm -f "$logs"/*.log
begun=$SECONDS

# stage NAME COMMAND… runs a step and says how long it took; a step that fails ends the check. A step is a function whose
# last command decides, or that returns early with ||: errexit does not hold inside an if.
stage() {
	local name=$1 from=$SECONDS
	shift
	echo "== $name"
	if "$@"; then
		echo "== $name: ok, $((SECONDS - from)) s"
	else
		echo "== $name: FAILED after $((SECONDS - from)) s"
		finish 1
	fi
}

# finish shows what the test runner said last, and ends with the exit code it is given.
finish() {
	echo
	if [ -s "$logs/test.log" ]; then
		grep -E '^(ok|FAIL|panic:)' "$logs/test.log"
	fi
	echo "check: $((SECONDS - begun)) s, exit $1"
	if [ -s "$logs/test.log" ]; then
		echo "$(grep -cE '^ *--- PASS' "$logs/test.log") passed, $(grep -cE '^ *--- FAIL' "$logs/test.log") failed"
	fi
	exit "$1"
}

missing() { ! command -v "$1" >/dev/null && [ ! -x "/usr/sbin/$1" ]; }

# install brings Debian's packages for the commands that are not there.
install() {
	local packages=()
	missing gcc && packages+=(gcc libc6-dev) # the race detector's linker
	missing git && packages+=(git)
	missing curl && packages+=(curl ca-certificates) # scripts/profile.sh
	missing mosquitto && packages+=(mosquitto)
	if [ ${#packages[@]} -gt 0 ]; then
		echo "installing ${packages[*]}"
		local as=()
		[ "$(id -u)" = 0 ] || as=(sudo)
		"${as[@]}" apt-get update -qq >"$logs/apt.log" 2>&1 &&
			"${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >>"$logs/apt.log" 2>&1 ||
			{ tail -n 20 "$logs/apt.log"; return 1; }
		case " ${packages[*]} " in
		*" mosquitto "*) # the package may have started a broker on port 1883; ours are started by the tests
			"${as[@]}" service mosquitto stop >/dev/null 2>&1 || true ;;
		esac
	fi
	scripts/realclients/install.sh && tools
}

# tools builds what scripts/tools/go.mod pins.
tools() { go -C scripts/tools build -o "$cache/bin/" tool; }

format() {
	local wrong
	wrong=$(git ls-files -co --exclude-standard -- '*.go' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done | xargs -r gofmt -l)
	[ -z "$wrong" ] || { echo "gofmt would change:"; echo "$wrong"; return 1; }
}

vet() { go vet ./... && go vet -tags invariants ./... && go -C scripts/realclients vet ./... && go -C scripts/tools vet ./... && go -C bench/peers/mochi vet ./... && go -C bench/peers/stores vet ./...; }

staticcheck() { "$cache/bin/staticcheck" ./... && "$cache/bin/staticcheck" -tags invariants ./...; }

layers() { go test -count=1 ./scripts; }

# build makes the program as it is shipped, one static file, and sees that it still builds for 32 bits.
build() {
	CGO_ENABLED=0 go build -trimpath -o "$cache/bin/penstock" ./cmd/penstock &&
		CGO_ENABLED=0 GOARCH=arm go build -o /dev/null ./cmd/penstock
}

# gotest LOG ARGS… shows a line a package while it runs, and what failed when something did.
gotest() {
	local log=$logs/$1.log
	shift
	: >"$log" # tail may be faster than go test
	go test -v -vet=off "$@" >>"$log" 2>&1 &
	local runner=$!
	tail -n +1 -f --pid=$runner "$log" | grep --line-buffered -E '^(ok|FAIL|panic:)'
	wait $runner && return 0
	failures "$log" | tail -n 400
	return 1
}

# failures takes out of a verbose log what the tests that failed have said, each under its name, and what belongs to no test.
failures() {
	awk '
		NR == FNR { if (sub(/^ *--- FAIL: /, "")) { sub(/ \(.*/, ""); failed[$0] = 1 } next }
		/^=== / { name = $3; next }
		/^ *--- |^(ok|PASS|FAIL|\?)/ { name = ""; next }
		/^(panic:|fatal error:|#)/ { name = "" }
		name == "" || name in failed { if (name != shown) { print "--- " name; shown = name } print }
	' "$1" "$1"
}

# Allocation tests are of this pass: the race detector allocates on its own, so they are not built under it.
tests() { gotest test -count=1 -timeout 10m ./... && go -C scripts/tools test ./...; }

# counts shows what the gates of perf/ measured in that pass: what no noise moves, to compare with another commit's.
counts() { grep -oP '^ *gate_\w+_test\.go:\d+: \K.*' "$logs/test.log"; }

# profiles sees that the profiling workflow still works: a second of each capture, and the difference to itself.
profiles() {
	rm -rf "$cache/logs/profile"
	if scripts/profile.sh -t 1 -o "$cache/logs/profile" p2p >"$logs/profile.log" 2>&1 &&
		scripts/profile-diff.sh "$cache/logs/profile" "$cache/logs/profile" >>"$logs/profile.log" 2>&1 &&
		grep -q '^loop 0 ' "$cache/logs/profile/roles.txt"; then
		sed -n '/^who/,/^$/p' "$cache/logs/profile/roles.txt"
	else
		cat "$logs/profile.log"
		return 1
	fi
}

race() { gotest race -timeout 20m -race ./...; }

# invariants runs the packages that have an invariants build, where spent buffers are overwritten, and who imports them.
invariants() {
	local tagged
	tagged=$(git grep -lE '^//go:build .*invariants' -- '*.go' | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
	[ -n "$tagged" ] || return 0
	local paths users
	# shellcheck disable=SC2086
	paths=$(go list $tagged) || return 1
	users=$(go list -f '{{.ImportPath}} {{join .Imports " "}}' ./... | grep -F -w -e "$paths" | cut -d' ' -f1)
	# shellcheck disable=SC2086
	gotest invariants -timeout 10m -tags invariants $users
}

# changed runs the packages touched since the last commit, or by it when nothing is touched.
changed() {
	local files
	files=$(git diff --name-only HEAD; git ls-files -o --exclude-standard)
	[ -n "$files" ] || files=$(git show --name-only --format= HEAD)
	local dirs
	dirs=$(grep -E '\.go$|/testdata/' <<<"$files" | sed 's|/testdata/.*||; s|/[^/]*\.go$||' | sort -u |
		while read -r d; do if compgen -G "$d/*.go" >/dev/null && [ -n "$(go list "./$d" 2>/dev/null)" ]; then echo "./$d"; fi; done)
	[ -n "$dirs" ] || { echo "no Go package is touched"; return 0; }
	# shellcheck disable=SC2086
	gotest test -timeout 2m $dirs
}

if [ "${1:-}" = quick ]; then
	stage "gofmt" format
	stage "vet" go vet ./...
	stage "layers" layers
	stage "changed packages" changed
	finish 0
fi

stage "install what is missing" install
stage "gofmt" format
stage "vet" vet
stage "staticcheck" staticcheck
stage "layers" layers
stage "build" build
stage "tests" tests
stage "counts" counts
stage "profiles" profiles
stage "race detector" race
stage "invariants" invariants
stage "fuzz" scripts/fuzz.sh 5 150
stage "real clients" scripts/realclients/run.sh
stage "conformance" scripts/conformance.sh --check
finish 0
