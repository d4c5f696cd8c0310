#!/usr/bin/env bash
# What takes too long for every change: a store that is killed two hundred times, and every fuzz target of the crate for
# a minute. About eight minutes; needs what scripts/fuzz.sh needs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
node scripts/bootstrap.cjs build
MENDLOG_CRASH_ROUNDS=${MENDLOG_CRASH_ROUNDS:-200} node node_modules/vitest/vitest.mjs run packages/node/test/store-crash.test.ts
scripts/fuzz.sh 60
