#!/usr/bin/env bash
# The browser tests: the whole interface in Debian's Chromium against a real `orrery serve`, which has to be built.
# Arguments are Playwright's. No browser is downloaded.
set -euo pipefail
cd "$(dirname "$0")/../tests/browser"

if ! command -v "${ORRERY_TEST_CHROMIUM:-chromium}" >/dev/null; then
  echo "skipped: browser tests: there is no chromium; scripts/setup.sh test installs it"
  exit 0
fi
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
fi
exec node_modules/.bin/playwright test "$@"
