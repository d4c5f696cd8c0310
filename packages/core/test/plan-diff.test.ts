import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DiffKnown, type DiffPlan, planDiff } from '../src/anti-entropy/plan-diff.js';

/** A million records a side, of 256 bytes, with a sketch of 1,024 symbols. */
const MILLION: DiffKnown = {
  recordsHere: 1_000_000,
  recordsThere: 1_000_000,
  recordBytes: 256,
  sketchSymbols: 1024,
  symbolsTried: 0,
  sketchWrong: false,
  rangeKnown: false,
};

const CASES: readonly [string, Partial<DiffKnown>, DiffPlan][] = [
  ['equal counts: a few symbols', {}, { method: 'sketch', first: 0, symbols: 16, reason: 'FEW_MAY_DIFFER' }],
  [
    'the gap of the counts asks for more',
    { recordsThere: 1_000_100 },
    { method: 'sketch', first: 0, symbols: 150, reason: 'FEW_MAY_DIFFER' },
  ],
  [
    'symbols that did not complete are followed by more',
    { symbolsTried: 16 },
    { method: 'sketch', first: 16, symbols: 32, reason: 'MORE_DIFFER' },
  ],
  [
    'up to what is maintained',
    { symbolsTried: 700 },
    { method: 'sketch', first: 700, symbols: 324, reason: 'MORE_DIFFER' },
  ],
  ['all symbols were tried', { symbolsTried: 1024 }, { method: 'rows', reason: 'TOO_MANY_DIFFER' }],
  ['the gap is beyond a sketch', { recordsHere: 999_000 }, { method: 'rows', reason: 'TOO_MANY_DIFFER' }],
  ['one side has no sketch', { sketchSymbols: 0 }, { method: 'rows', reason: 'NO_SKETCH' }],
  ['the sketch was wrong', { sketchWrong: true }, { method: 'rows', reason: 'SKETCH_WRONG' }],
  ['a dirty range', { rangeKnown: true }, { method: 'rows', reason: 'RANGE_KNOWN' }],
  ['nothing here', { recordsHere: 0 }, { method: 'transfer', from: 'there', reason: 'ONE_SIDE_EMPTY' }],
  ['nothing there', { recordsThere: 0 }, { method: 'transfer', from: 'here', reason: 'ONE_SIDE_EMPTY' }],
  [
    'little there',
    { recordsThere: 1000 },
    { method: 'transfer', from: 'here', reason: 'TELLING_COSTS_MORE' },
  ],
  [
    'little there, of large records',
    { recordsThere: 1000, recordBytes: 100_000 },
    { method: 'rows', reason: 'TOO_MANY_DIFFER' },
  ],
  [
    'few records on both sides',
    { recordsHere: 3, recordsThere: 4 },
    { method: 'sketch', first: 0, symbols: 16, reason: 'FEW_MAY_DIFFER' },
  ],
];

test.each(CASES)('planner: %s', (_, given, expected) => {
  expect(planDiff({ ...MILLION, ...given })).toEqual(expected);
});

test('planner: ends, never asks twice, and costs at most one sketch more than the best choice (random)', () => {
  const records = fc.integer({ min: 0, max: 3_000_000 });
  fc.assert(
    fc.property(
      records,
      fc.nat(3000),
      fc.nat(3000),
      fc.integer({ min: 32, max: 5000 }),
      (shared, a, b, bytes) => {
        const known = { ...MILLION, recordsHere: shared + a, recordsThere: shared + b, recordBytes: bytes };
        const symbolsNeeded = Math.ceil(1.4 * (a + b)) + 1;
        let tried = 0;
        let rounds = 0;
        let plan = planDiff(known);
        while (plan.method === 'sketch') {
          expect(plan.first).toBe(tried);
          expect(plan.symbols).toBeGreaterThan(0);
          tried += plan.symbols;
          rounds += 1;
          if (tried >= symbolsNeeded) break;
          plan = planDiff({ ...known, symbolsTried: tried });
        }
        expect(tried).toBeLessThanOrEqual(known.sketchSymbols);
        expect(rounds).toBeLessThanOrEqual(10);
        // Half of it may be in vain.
        if (plan.method === 'sketch') expect(tried).toBeLessThan(Math.max(49, 1.5 * symbolsNeeded + 2));
        if (plan.method === 'transfer') {
          const inVain = Math.min(shared + a, shared + b) * bytes;
          expect(inVain).toBeLessThanOrEqual(Math.max(shared + a, shared + b) * 32);
        }
      },
    ),
  );
});
