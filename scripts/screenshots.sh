#!/usr/bin/env bash
# Takes the README's pictures from the running window.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh all
scripts/ui.sh
cargo build -p orrery-desktop -p orrery-example-iowait
node tests/desktop/screenshots.mjs
