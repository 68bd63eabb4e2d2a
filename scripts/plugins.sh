#!/usr/bin/env bash
# make plugins: builds the examples as packages, with their index.json, into dist/plugins or the folder given.
# ORRERY_PROFILE=dev builds faster.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-dist/plugins}
profile=${ORRERY_PROFILE:-release}
target=${CARGO_TARGET_DIR:-target}
built=$profile
[ "$profile" != dev ] || built=debug
compiled=(iowait http-statistics traffic-control)
scripts=(volume-count smoothing graphite)

cargo build --profile "$profile" --quiet --package orrery-cli "${compiled[@]/#/--package=orrery-example-}"
orrery=$target/$built/orrery

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
for id in "${compiled[@]}" "${scripts[@]}"; do
  mkdir "$stage/$id"
  cp "plugins-examples/$id/plugin.toml" "plugins-examples/$id/README.md" "$stage/$id/"
done
for id in "${scripts[@]}"; do
  install -m 755 "plugins-examples/$id/${id//-/_}.py" "$stage/$id/"
done
# What is compiled runs on processors of this kind alone.
arch=$(rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1/p')
for id in "${compiled[@]}"; do
  install -D -m 755 "$target/$built/$id" "$stage/$id/bin/$id"
  sed -i "s/^os = \[\"linux\"\]$/&\narch = [\"$arch\"]/" "$stage/$id/plugin.toml"
done

mkdir -p "$out"
for id in "${compiled[@]}" "${scripts[@]}"; do
  # Earlier versions are not part of what is made now.
  rm -f "$out/$id"-[0-9]*.tar.*
  "$orrery" plugin pack "$stage/$id" --out "$out"
done
"$orrery" plugin index "$out"
