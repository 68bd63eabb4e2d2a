#!/usr/bin/env bash
# make test: everything, in one go. Installs what the tests need; ends in a count.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh all
scripts/ui.sh

passed=0
failed=0
skipped=0
log=$(mktemp)
broken=$(mktemp)
trap 'rm -f "$log" "$broken"' EXIT

# Runs a suite, shows its output, and adds what its runner counted.
suite() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  local status=0
  "$@" 2>&1 | tee "$log" || status=$?
  local counts
  counts=$(sed -E 's/\x1b\[[0-9;]*m//g' "$log" | awk '
    /^test result:/           { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^ignored/) s += $i } }
    /^ *Tests .*passed/       { for (i = 1; i < NF; i++) { if ($(i+1) == "passed") p += $i; if ($(i+1) == "failed") f += $i; if ($(i+1) == "skipped") s += $i } }
    /^(#|ℹ) pass [0-9]+/      { p += $3 }
    /^(#|ℹ) fail [0-9]+/      { f += $3 }
    /^(#|ℹ) skipped [0-9]+/   { s += $3 }
    /^Ran [0-9]+ tests? in/   { ran += $2 }
    /^OK/ && ran              { k = 0; if (match($0, /skipped=[0-9]+/)) k = substr($0, RSTART + 8, RLENGTH - 8); p += ran - k; s += k; ran = 0 }
    /^FAILED \(/ && ran       { f += 1; p += ran - 1; ran = 0 }
    /^skipped: /              { s += 1 }
    END                       { print p + 0, f + 0, s + 0 }')
  read -r p f s <<<"$counts"
  passed=$((passed + p))
  failed=$((failed + f))
  skipped=$((skipped + s))
  if [ "$status" != 0 ]; then
    [ "$f" != 0 ] || failed=$((failed + 1))
    printf '\n%s failed\n' "$name"
    # Said again at the end, where it is looked for: which tests, and what they said.
    {
      printf '\n== %s: what failed\n' "$name"
      sed -E 's/\x1b\[[0-9;]*m//g' "$log" |
        grep -E -A8 'panicked at|^error(\[|:)|^---- |^ *(✖|×|FAIL) |^(FAIL|ERROR): |^failures:|^test .* FAILED|AssertionError' |
        tail -n 120
    } >>"$broken" || true
  fi
}

suite "engine and examples" cargo test --quiet --no-fail-fast
suite "front end" npm --prefix ui test --silent
suite "volume-count" python3 -m unittest discover -s plugins-examples/volume-count -p 'test_*.py'
printf '\n== build the window and the command\n'
if cargo build --quiet -p orrery-desktop -p orrery-cli; then
  suite "desktop window" node --test --test-concurrency=1 --test-reporter=spec tests/desktop/*.test.mjs
else
  failed=$((failed + 1))
fi

cat "$broken"
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
