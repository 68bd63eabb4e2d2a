#!/usr/bin/env bash
# make lint: everything that can be told without running the program.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

scripts/setup.sh window
step "rustfmt"
cargo fmt --all --check
step "front end"
scripts/ui.sh
npm --prefix ui run --silent check
step "clippy"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "generated types"
cargo run --quiet -p orrery-tests --bin codegen -- --check
step "dependencies and licences"
scripts/deny.sh
step "shell scripts and prose"
scripts/words.sh
