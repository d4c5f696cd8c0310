#!/usr/bin/env bash
# Makes this machine able to build the WASM kernel (scripts/build-wasm.sh).
#
# Only a change of the kernel needs it: the built module is checked in.
# What is already there is skipped, so the script can be run again at any time.
#
#   1. a Rust with the wasm32 standard library: the one on the PATH, else
#      `rustup target add`, else Debian's packages with the library built from
#      the source that Debian ships (as root, about a minute);
#   2. wasm-pack and wasm-bindgen, by `cargo install` (a few minutes each).
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/wasm-env.sh"

WASM_PACK_VERSION=0.15.1
RUSTUP_SECONDS_MAX=120
DEBIAN_PACKAGES=(rustc-web cargo-web rust-web-src lld-19 binaryen)

say() { printf 'wasm-toolchain: %s\n' "$*" >&2; }

add_with_rustup() {
  command -v rustup >/dev/null || return 1
  say "asking rustup for $WASM_TARGET"
  # Bounded: where rustup's server is out of reach, Debian's way is next.
  timeout "$RUSTUP_SECONDS_MAX" rustup target add "$WASM_TARGET" && has_wasm_std rustc
}

install_debian_packages() {
  local package missing=()
  for package in "${DEBIAN_PACKAGES[@]}"; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi
  say "installing ${missing[*]}"
  apt-get update || return
  apt-get install -y --no-install-recommends "${missing[@]}"
}

# Debian ships the standard library for wasm32 as source only. The first two flags
# give the library the attributes that a distributed one has: its crates are not
# for direct use, and link-time optimization can reach into them. The others keep
# paths of this machine out of every module that is linked with it.
build_debian_std() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  say "building the $WASM_TARGET standard library"
  cp -r /usr/src/rustc-*/library "$work/library" || exit
  cd "$work/library/sysroot" || exit
  export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target
  /usr/bin/cargo fetch --quiet || exit
  mapfile -t crate_paths < <(crate_path_flags)
  encode_rustflags -Zforce-unstable-if-unmarked -Cembed-bitcode=yes \
    "${crate_paths[@]}" "--remap-path-prefix=$work=/rust"
  /usr/bin/cargo build --release --target "$WASM_TARGET" --features compiler-builtins-mem || exit
  libdir=$(/usr/bin/rustc --print target-libdir --target "$WASM_TARGET")
  mkdir -p "$libdir" && cp "$work/target/$WASM_TARGET/release/deps/"*.rlib "$libdir/"
)

add_with_debian() {
  command -v apt-get >/dev/null || return 1
  if ((EUID != 0)); then
    say "Debian's way needs root: run this script as root once"
    return 1
  fi
  install_debian_packages || return
  has_wasm_std /usr/bin/rustc || build_debian_std
}

# Arguments: command, crate, version.
cargo_install() {
  local installed
  installed=$("$1" --version 2>/dev/null || true)
  if [[ $installed == *" $3"* ]]; then
    say "$installed is there"
    return
  fi
  say "installing $2 $3"
  # Not --locked: the lock files of these crates name versions that were withdrawn.
  cargo install "$2" --version "$3" --force
}

export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

find_wasm_rust || add_with_rustup || add_with_debian || true
if ! find_wasm_rust; then
  say "no Rust here can build for $WASM_TARGET. Install rustup and run: rustup target add $WASM_TARGET"
  exit 1
fi
say "$("$WASM_RUSTC" --version), at $WASM_RUSTC"

cargo_install wasm-bindgen wasm-bindgen-cli "$WASM_BINDGEN_VERSION"
cargo_install wasm-pack wasm-pack "$WASM_PACK_VERSION"
say 'ready: run scripts/build-wasm.sh'
