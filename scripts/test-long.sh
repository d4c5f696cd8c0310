#!/usr/bin/env bash
# What takes too long for every change: a store that is killed two hundred times, the power cut five hundred times, two
# thousand random stories of a store beside its oracle, ten thousand simulated clusters, three real nodes under five
# minutes of random faults, and every fuzz target of the crate for a minute. About twenty minutes; needs a C compiler and
# what scripts/fuzz.sh needs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
node scripts/bootstrap.cjs build
MENDLOG_CRASH_ROUNDS=${MENDLOG_CRASH_ROUNDS:-200} node node_modules/vitest/vitest.mjs run packages/node/test/store-crash.test.ts
MENDLOG_MODEL_RUNS=${MENDLOG_MODEL_RUNS:-2000} node node_modules/vitest/vitest.mjs run packages/node/test/store-model.test.ts --testTimeout=600000
MENDLOG_POWER_CUTS=${MENDLOG_POWER_CUTS:-500} node node_modules/vitest/vitest.mjs run --config vitest.ci.config.ts tests-ci/power-cut.test.ts
node packages/sim/dist/main.js --seeds "${MENDLOG_SIM_SEEDS:-10000}"
# Another seed each time: it prints the one that it takes, and how to have it again.
node scripts/bootstrap.cjs chaos --seconds "${MENDLOG_CHAOS_SECONDS:-300}"
scripts/fuzz.sh 60
