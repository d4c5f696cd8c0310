// Two hundred simulated clusters, a seed each: no invariant breaks, and what was to be tested did happen.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { runSeed } from '../src/run.js';
import { HEALINGS } from '../src/scenario.js';
import { addRun, noTotals } from '../src/totals.js';
import { FAULT_KINDS } from '../src/world/fault-kinds.js';
import { formatTraceLine } from '../src/world/trace.js';

const SEEDS = Number(process.env.MENDLOG_SIM_SEEDS ?? 200);
const FIRST_SEED = Number(process.env.MENDLOG_SIM_FIRST_SEED ?? 1);

describe('simulator', () => {
  test(`simulator: no invariant breaks (SPEC I1 I2 I3 I4 I5 I6 I8 I9 I10; seeds=${SEEDS})`, {
    timeout: 600_000,
  }, () => {
    const totals = noTotals();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const result = runSeed(seed, { trace: false });
      const again = `node packages/sim/dist/main.js --first-seed ${seed} --seeds 1`;
      expect(result.violations, again).toEqual([]);
      addRun(totals, result);
    }
    // It could pass by doing nothing.
    const { ok, fail, unknown } = totals.outcomes;
    expect(ok).toBeGreaterThan(200 * SEEDS);
    expect(ok / (ok + fail + unknown)).toBeGreaterThan(0.6);
    expect(unknown).toBeGreaterThan(SEEDS);
    const { scans } = totals;
    expect(scans.ok).toBeGreaterThan(10 * SEEDS);
    expect(scans.ok / (scans.ok + scans.fail)).toBeGreaterThan(0.6);
    for (const kind of FAULT_KINDS) expect(totals.faults[kind], kind).toBeGreaterThan(SEEDS / 10);
    for (const healing of HEALINGS) expect(totals.healings[healing], healing).toBeGreaterThan(SEEDS / 10);
  });

  test('simulator: a seed does the same again, with a trace and without (seed=4)', () => {
    const { trace: _silent, ...first } = runSeed(4, { trace: false });
    const { trace, ...second } = runSeed(4, { trace: true });
    expect(second).toEqual(first);
    const { trace: otherTrace } = runSeed(4, { trace: true });
    const text = (one: typeof trace) =>
      one.last(Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY).map(formatTraceLine);
    expect(text(otherTrace)).toEqual(text(trace));
    expect(text(trace).length).toBeGreaterThan(400);
  });

  test('simulator: seeds do the same on several threads as on one (seeds=6, threads=3)', async () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const run = async (threads: number) =>
      (await promisify(execFile)(process.execPath, [main, '--seeds', '6', '--threads', String(threads)]))
        .stdout;
    const alone = await run(1);
    expect(alone).toMatch(/^6 runs /);
    expect(await run(3)).toBe(alone);
  });
});
