#!/usr/bin/env bash
# Installs what is missing. Arguments name what for: build, window, test, or all.
# Never waits for an answer where standard input is not a terminal.
set -euo pipefail
cd "$(dirname "$0")/.."

packages_build="build-essential pkg-config curl ca-certificates"
packages_window="libwebkit2gtk-4.1-dev libxdo-dev libssl-dev libayatana-appindicator3-dev librsvg2-dev"
packages_test="xvfb xauth webkit2gtk-driver imagemagick x11-utils xdotool chromium fonts-dejavu-core \
docker.io containerd runc iptables iproute2 iputils-ping busybox-static util-linux python3 python3-venv prometheus"

# Names of the packages among "$@" that are not installed.
missing() {
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

install() {
  command -v apt-get >/dev/null || {
    echo "setup: this system has no apt-get; install by hand: $*" >&2
    exit 1
  }
  local wanted
  wanted=$(missing "$@")
  [ -n "$wanted" ] || return 0
  # shellcheck disable=SC2086
  set -- $wanted
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing: $*"
    if ! command -v sudo >/dev/null; then
      echo "setup: run as root: apt-get install $*" >&2
      exit 1
    fi
    if sudo -n true 2>/dev/null; then
      :
    elif [ -t 0 ]; then
      read -r -p "Install them with sudo apt-get? [Y/n] " answer
      case "$answer" in [nN]*) echo "setup: run: sudo apt-get install $*" >&2; exit 1 ;; esac
    else
      echo "setup: run: sudo apt-get install $*" >&2
      exit 1
    fi
    apt=(sudo "${apt[@]}")
  fi
  echo "Installing: $*"
  "${apt[@]}" update -qq
  # Packages that bring a service must not start it here.
  "${apt[@]}" install -y -qq --no-install-recommends "$@" >/dev/null
}

need_tools() {
  command -v cargo >/dev/null || {
    echo "setup: Rust is missing (1.95 or newer); see https://rustup.rs" >&2
    exit 1
  }
  if ! command -v npm >/dev/null || ! node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))'; then
    echo "setup: Node.js 20 or newer with npm is missing; see https://nodejs.org" >&2
    exit 1
  fi
}

# The tool that asks the HTTP API, in the versions that are written down. Made anew when those change.
need_api_tool() {
  local place=${CARGO_TARGET_DIR:-target}/tools/schemathesis wanted=tests/api/requirements.txt
  cmp -s "$wanted" "$place/installed" && return
  rm -rf "$place"
  python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$wanted"
  cp "$wanted" "$place/installed"
}

need_tools
for what in "${@:-all}"; do
  # shellcheck disable=SC2086
  case "$what" in
    build) install $packages_build ;;
    window) install $packages_build $packages_window ;;
    test | all)
      install $packages_build $packages_window $packages_test
      need_api_tool
      ;;
    *) echo "setup: unknown: $what" >&2; exit 2 ;;
  esac
done
