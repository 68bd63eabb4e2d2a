#!/usr/bin/env bash
# Nothing of a particular machine may be in the repository, and no source file may grow past reading.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=$(git ls-files '*.rs' '*.ts' '*.svelte' '*.md' '*.toml' '*.sh' '*.py' '*.json' |
  grep -vE 'package-lock.json|Cargo.lock|scripts/words.sh' |
  xargs -r grep -nE '/root/|/work/|/home/[a-z]+/(src|work|code)' || true)
if [ -n "$bad" ]; then
  printf 'words: paths of a machine:\n%s\n' "$bad" >&2
  exit 1
fi
long=$(git ls-files '*.rs' '*.ts' '*.svelte' | grep -v generated | xargs -r wc -l | awk '$2 != "total" && $1 > 700')
if [ -n "$long" ]; then
  printf 'words: source files over 700 lines:\n%s\n' "$long" >&2
  exit 1
fi
