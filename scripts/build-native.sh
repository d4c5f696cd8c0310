#!/usr/bin/env bash
# Builds the native addon from crates/merkle into packages/merkle/native, for this platform.
#
# It is optional: without it the WASM kernel serves, which is checked in. Needs a Rust of the version that
# crates/merkle/Cargo.toml names, and a C compiler to link with. For another platform, pass its Rust target:
# the platforms that prebuilt addons are meant for are listed in packages/merkle/package.json.
#
#   scripts/build-native.sh [--target TRIPLE]
set -euo pipefail

NAPI_CLI_VERSION=3.10.12

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
outdir=$root/packages/merkle/native
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

command -v cargo >/dev/null || {
  echo 'build-native: no cargo: install Rust from https://rustup.rs' >&2
  exit 1
}

mkdir -p "$outdir"
# The digest goes first: an addon that is interrupted in its making must not pass for a current one.
rm -f "$outdir/SOURCES.sha256"
cd "$root/packages/merkle"
npx --yes --package "@napi-rs/cli@$NAPI_CLI_VERSION" napi build --platform --release --no-js \
  --manifest-path "$root/crates/merkle/napi/Cargo.toml" --package-json-path package.json \
  --output-dir "$outdir" "$@" -- --locked
node "$root/scripts/crate-sources.mjs" napi >"$outdir/SOURCES.sha256"
ls -l "$outdir"
