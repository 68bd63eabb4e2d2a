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
cargo build --profile "$profile" "${packages[@]}"
echo "Packing the example plugins"
scripts/plugins.sh >/dev/null
built=$profile
[ "$profile" != dev ] || built=debug
target=${CARGO_TARGET_DIR:-target}/$built
export ORRERY_BUNDLE=$PWD/dist/plugins

if [ -n "$display" ]; then
  exec "$target/orrery-desktop" "$@"
fi
echo "There is no display. Open this in a browser on this machine; it opens once, \`orrery token --open\` prints another:"
"$target/orrery" serve "$@" | while IFS= read -r line; do
  printf '%s\n' "$line" | sed -n 's|.*"open":"\([^"]*\)".*|  \1|p'
done
