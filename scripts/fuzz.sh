#!/usr/bin/env bash
# Runs every fuzz target of crates/merkle for so many seconds each, 20 unless told.
#
#   scripts/fuzz.sh [SECONDS]
#
# Needs cargo-fuzz, which is installed where it is missing. The sanitizer is a feature of the nightly compiler;
# RUSTC_BOOTSTRAP lets any compiler have it. New inputs go to a folder of this run: the seeds in fuzz/corpus
# are made by scripts/make-fuzz-corpus.mjs. An input that fails is kept in fuzz/artifacts, and libFuzzer
# prints the command that replays it.
set -euo pipefail

CARGO_FUZZ_VERSION=0.13.2
INPUT_BYTES_MAX=4096
INPUT_SECONDS_MAX=5

seconds=${1:-20}
fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/crates/merkle/fuzz
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin" RUSTC_BOOTSTRAP=1

[[ $(cargo fuzz --version 2>/dev/null || true) == "cargo-fuzz $CARGO_FUZZ_VERSION" ]] ||
  cargo install cargo-fuzz --version "$CARGO_FUZZ_VERSION" --force

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$fuzz/.."
failed=0
for source in "$fuzz"/fuzz_targets/*.rs; do
  target=$(basename "$source" .rs)
  mkdir "$work/$target"
  # The host is named, since cargo-fuzz would take that of its own build, which may have no standard library here.
  cargo fuzz run --fuzz-dir "$fuzz" --target "$(rustc -vV | sed -n 's/^host: //p')" "$target" \
    "$work/$target" "$fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len="$INPUT_BYTES_MAX" -timeout="$INPUT_SECONDS_MAX" -print_final_stats=1 \
    2>&1 | grep -vE '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)' || failed=1
done
exit "$failed"
