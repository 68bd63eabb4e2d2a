#!/usr/bin/env bash
# make run: install what is missing, build, start the iowait example, and open the window.
# Without a display the same interface is served to a browser on loopback.
# ORRERY_PROFILE=dev builds faster and runs slower.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${ORRERY_PROFILE:-release}
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  scripts/setup.sh window
else
  scripts/setup.sh build
fi
scripts/ui.sh

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  cargo build --profile "$profile" -p orrery-desktop -p orrery-cli -p orrery-example-iowait
else
  cargo build --profile "$profile" -p orrery-cli -p orrery-example-iowait
fi
built=$profile
[ "$profile" != dev ] || built=debug
target=${CARGO_TARGET_DIR:-target}/$built

# The example's socket goes where this user's Orrery looks for plugins.
if [ "$(id -u)" = 0 ] && [ -z "${XDG_RUNTIME_DIR:-}" ]; then
  runtime=/run/orrery
else
  runtime=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/orrery}
  runtime=${runtime:-$HOME/.local/share/orrery/run}
fi
mkdir -p "$runtime/plugins"
"$target/iowait" --plugins "$runtime/plugins" &
plugin=$!
trap 'kill "$plugin" 2>/dev/null || true; wait "$plugin" 2>/dev/null || true' EXIT

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  "$target/orrery-desktop" "$@"
else
  echo "There is no display. Open this in a browser on this machine:"
  "$target/orrery" serve "$@" | while IFS= read -r line; do
    printf '%s\n' "$line" | sed -n 's|.*"token":"\([^"]*\)".*"url":"\([^"]*\)".*|  \2/?token=\1|p'
  done
fi
