#!/usr/bin/env bash
# Sourced by wasm-toolchain.sh and build-wasm.sh: which Rust builds the WASM kernel.
#
# Two compilers may be on a machine, and either may have the standard library
# of the wasm32 target: the one on the PATH (rustup's, on an ordinary machine)
# and Debian's, in /usr/bin. The first that has the library is used.

WASM_TARGET=wasm32-unknown-unknown

# wasm-bindgen's command and its crate must be of one version: the crate's is
# pinned in crates/merkle/wasm/Cargo.toml, and build-wasm.sh compares the two.
WASM_BINDGEN_VERSION=0.2.130

# Fails unless the compiler $1 has the standard library of the target.
has_wasm_std() {
  local libdir
  libdir=$("$1" --print target-libdir --target "$WASM_TARGET" 2>/dev/null) || return 1
  # A distributed library has a hash in its name, one that was built in place has none.
  compgen -G "$libdir/libstd-*.rlib" >/dev/null || [[ -f $libdir/libstd.rlib ]]
}

# Sets WASM_RUSTC and WASM_CARGO, or fails where no compiler has the target.
find_wasm_rust() {
  local rustc
  for rustc in "$(command -v rustc || true)" /usr/bin/rustc; do
    if [[ -x $rustc ]] && has_wasm_std "$rustc"; then
      WASM_RUSTC=$rustc
      WASM_CARGO=$(dirname "$rustc")/cargo
      return 0
    fi
  done
  return 1
}

# Prints, one a line, the compiler flags that keep the paths of downloaded crates
# out of what is built. To be called once the crates are fetched: the folder of
# each registry is named after its address, so it must be there to be listed.
crate_path_flags() {
  local registry
  for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    printf '%s\n' "--remap-path-prefix=${registry%/}=/crates"
  done
}

# Sets CARGO_ENCODED_RUSTFLAGS, in which the unit separator parts the flags.
encode_rustflags() {
  CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "$*")
  export CARGO_ENCODED_RUSTFLAGS
}
