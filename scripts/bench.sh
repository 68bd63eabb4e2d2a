#!/usr/bin/env bash
# make bench: measure, and judge nothing. The last thing printed is a table of all figures.
# With ORRERY_DATA set to a folder that has report-2000.json.gz, a recorded report is used beside made-up ones.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
# The command embeds the browser's interface.
scripts/ui.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT

cargo build --release --quiet -p orrery-cli -p orrery-tests --bin orrery --bin measure
cargo bench --quiet -p orrery-model -p orrery-topology -p orrery-history -p orrery-services -p orrery-gateway -p orrery-catalog -p orrery-tasks --bench '*' -- \
  --warm-up-time 1 --measurement-time 3 --output-format bencher | tee "$log"

printf '\nWhat is left takes about a minute: the yardstick, first sight of plugins, idling.\n'
target=${CARGO_TARGET_DIR:-target}/release
"$target/measure" "$target/orrery" "$log"
printf '%s cores of %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
