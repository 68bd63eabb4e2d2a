#!/usr/bin/env bash
# make plugins: builds the four examples as packages, into target/packages or the folder given.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-target/packages}
target=${CARGO_TARGET_DIR:-target}
compiled=(iowait http-statistics traffic-control)

cargo build --release --quiet "${compiled[@]/#/--package=orrery-example-}"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
dirs=()
for id in "${compiled[@]}"; do
  dir=$stage/$id
  mkdir -p "$dir/bin"
  cp "plugins-examples/$id/plugin.toml" "plugins-examples/$id/README.md" "$dir/"
  install -m 755 "$target/release/$id" "$dir/bin/$id"
  dirs+=("$dir")
done
mkdir "$stage/volume-count"
cp plugins-examples/volume-count/{plugin.toml,README.md} "$stage/volume-count/"
install -m 755 plugins-examples/volume-count/volume_count.py "$stage/volume-count/"
dirs+=("$stage/volume-count")

cargo run --quiet --package orrery-packages --example pack -- "$out" "${dirs[@]}"
