#!/usr/bin/env bash
# Takes the README's pictures from the running window, with the four examples installed.
# With --browser they come from the browser instead, for machines without WebKit.
# ORRERY_SETTLE_S is how long the window gathers readings first.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --browser ]; then
  scripts/ui.sh
  packages=${CARGO_TARGET_DIR:-target}/screenshots/packages
  ORRERY_PROFILE=dev scripts/plugins.sh "$packages" >/dev/null
  exec node tests/browser/pictures.mjs "$packages"
fi
scripts/setup.sh all
scripts/ui.sh
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet -p orrery-desktop -p orrery-cli
ORRERY_PROFILE=dev scripts/plugins.sh "$target/screenshots/packages" >/dev/null
node tests/desktop/screenshots.mjs "$target/screenshots/packages"
