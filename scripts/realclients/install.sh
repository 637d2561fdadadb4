#!/usr/bin/env bash
# Installs what the tests with real clients need and this machine lacks: node, npm, mosquitto's clients, openssl, haproxy and
# chromium (Debian), and MQTT.js and playwright-core as package-lock.json pins them, in .cache/node. Says nothing when all is
# there.
set -euo pipefail
cd "$(dirname "$0")"

from=$PWD
to=$PWD/../../.cache/node
logs=$PWD/../../.cache/logs
mkdir -p "$to" "$logs"

missing() { ! command -v "$1" >/dev/null && [ ! -x "/usr/sbin/$1" ]; }

packages=()
missing node && packages+=(nodejs)
missing npm && packages+=(npm)
missing mosquitto_pub && packages+=(mosquitto-clients)
missing openssl && packages+=(openssl)
missing haproxy && packages+=(haproxy)
missing chromium && packages+=(chromium)
if [ ${#packages[@]} -gt 0 ]; then
	echo "installing ${packages[*]}"
	as=()
	[ "$(id -u)" = 0 ] || as=(sudo)
	{ "${as[@]}" apt-get update -qq &&
		"${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$logs/apt-clients.log" 2>&1 ||
		{ tail -n 20 "$logs/apt-clients.log"; exit 1; }
	case " ${packages[*]} " in
	*" haproxy "*) # the package may have started it; ours are started by the tests
		"${as[@]}" service haproxy stop >/dev/null 2>&1 || true ;;
	esac
fi

if [ -d "$to/node_modules/mqtt" ] && [ -d "$to/node_modules/playwright-core" ] && cmp -s package-lock.json "$to/package-lock.json"; then
	exit 0
fi
rm -rf "$to/node_modules"
cp package.json "$to/"
(cd "$to" && cp "$from/package-lock.json" . && npm ci --no-audit --no-fund --loglevel=error) >"$logs/npm.log" 2>&1 ||
	{ cat "$logs/npm.log"; rm -f "$to/package-lock.json"; exit 1; }
