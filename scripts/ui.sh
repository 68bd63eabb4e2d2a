#!/usr/bin/env bash
# Builds ui/dist, and nothing when it is newer than its sources.
set -euo pipefail
cd "$(dirname "$0")/../ui"

if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
if [ ! -f dist/.built ] || [ -n "$(find src public index.html package-lock.json vite.config.ts -newer dist/.built -print -quit 2>/dev/null)" ]; then
  npm run --silent build
  touch dist/.built
fi
