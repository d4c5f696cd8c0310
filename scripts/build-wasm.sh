#!/usr/bin/env bash
# Builds the WASM kernel from crates/merkle into packages/merkle/wasm, or the folder given.
#
# The result is checked in, so that a checkout needs no Rust. Beside the module
# lies SOURCES.sha256, the digests of the sources that it was built from, by
# which a test sees that a change of the crate came without a build.
#
# Needs scripts/wasm-toolchain.sh to have run once on this machine.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/wasm-env.sh"
crate=$root/crates/merkle
outdir=${1:-$root/packages/merkle/wasm}
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export PATH="$PATH:$cargo_home/bin"

die() {
  printf 'build-wasm: %s\n' "$*" >&2
  exit 1
}

find_wasm_rust || die "no Rust for $WASM_TARGET: run scripts/wasm-toolchain.sh"
command -v wasm-pack >/dev/null || die 'no wasm-pack: run scripts/wasm-toolchain.sh'
[[ $(wasm-bindgen --version) == "wasm-bindgen $WASM_BINDGEN_VERSION" ]] ||
  die "wasm-bindgen $WASM_BINDGEN_VERSION is needed: run scripts/wasm-toolchain.sh"
grep -q "^wasm-bindgen = \"=$WASM_BINDGEN_VERSION\"" "$crate/wasm/Cargo.toml" ||
  die "crates/merkle/wasm pins another wasm-bindgen than scripts/wasm-env.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Paths of this machine would enter the module with the messages of panics, and
# make each machine's build another.
"$WASM_CARGO" fetch --quiet --locked --manifest-path "$crate/Cargo.toml"
mapfile -t crate_paths < <(crate_path_flags)
sysroot=$("$WASM_RUSTC" --print sysroot)

# Debian's compiler comes without a linker for the target.
if ! [[ -x $sysroot/lib/rustlib/$("$WASM_RUSTC" -vV | sed -n 's/^host: //p')/bin/rust-lld ]]; then
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19
fi

# build NAME FEATURE TARGET_FEATURE: one variant of the module, in $work/NAME.
# A target folder of its own, so that no flag of another build is in it.
# --no-opt: wasm-opt would add a tool whose version changes the result, for a few percent of size.
build() {
  encode_rustflags "-Ctarget-feature=$3" "${crate_paths[@]}" \
    "--remap-path-prefix=$crate=/mendlog" "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rust"
  PATH="$(dirname "$WASM_RUSTC"):$PATH" RUSTC=$WASM_RUSTC CARGO=$WASM_CARGO CARGO_TARGET_DIR=$work/target-$1 \
    wasm-pack build "$crate/wasm" --mode no-install --release --target web --no-opt --no-pack \
    --out-dir "$work/$1" --out-name kernel -- --locked --features "$2"
}

# Every Node.js that is supported has SIMD; the scalar variant is for old browsers.
build simd wasm-simd +simd128
build scalar '' -simd128
# The glue is of no variant: one serves both.
diff "$work/simd/kernel.js" "$work/scalar/kernel.js" || die 'the two variants need different glue'

for path in "$root" "$cargo_home" "$HOME/" "$work"; do
  if grep -aqF "$path" "$work"/{simd,scalar}/*; then die "the module names a path of this machine: $path"; fi
done

mkdir -p "$outdir"
# Whoever loads the module names it: a bundler must not see the name that the glue falls back to.
sed "s|module_or_path = new URL('kernel_bg.wasm', import.meta.url);|throw new TypeError('pass the module');|" \
  "$work/simd/kernel.js" >"$outdir/kernel.js"
if grep -q 'new URL' "$outdir/kernel.js"; then die 'the glue has changed: it names a file itself'; fi
cp "$work/simd/kernel.d.ts" "$outdir/kernel.d.ts"
cp "$work/simd/kernel_bg.wasm" "$outdir/kernel_simd.wasm"
cp "$work/scalar/kernel_bg.wasm" "$outdir/kernel_scalar.wasm"
node "$root/scripts/crate-sources.mjs" wasm >"$outdir/SOURCES.sha256"
ls -l "$outdir"
