#!/usr/bin/env bash
# make run: install what is missing, build, and open the window. A new installation begins with the iowait example,
# installed from its package. Without a display the same interface is served to a browser on loopback.
# ORRERY_PROFILE=dev builds faster and runs slower.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${ORRERY_PROFILE:-release}
display=${DISPLAY:-}${WAYLAND_DISPLAY:-}
if [ -n "$display" ]; then
  scripts/setup.sh window
else
  scripts/setup.sh build
fi
scripts/ui.sh

packages=(-p orrery-cli)
[ -z "$display" ] || packages+=(-p orrery-desktop)
echo "Building Orrery; the first time takes some minutes"
cargo build --profile "$profile" "${packages[@]}"
echo "Packing the example plugins"
scripts/plugins.sh >/dev/null
built=$profile
[ "$profile" != dev ] || built=debug
target=${CARGO_TARGET_DIR:-target}/$built
export ORRERY_BUNDLE=$PWD/dist/plugins
# What happens stands in the window under Activity; here only what goes wrong does.
export ORRERY_LOG=${ORRERY_LOG:-warn}

if [ -n "$display" ]; then
  echo "Opening the window"
  exec "$target/orrery-desktop" "$@"
fi
echo "There is no display, so a browser on this machine shows Orrery. Ctrl C ends it."
"$target/orrery" serve "$@" | while IFS= read -r line; do
  address=$(printf '%s\n' "$line" | sed -n 's|.*"open":"\([^"]*\)".*|\1|p')
  [ -z "$address" ] || printf 'Open %s\nThe address works once; this prints another: %s token --open\n' "$address" "$target/orrery"
done
