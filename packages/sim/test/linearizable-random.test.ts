// The linearizability checker against slower ones on random histories, and against histories known to be right.

import { Seeded } from '@mendlog/core/conformance';
import { describe, expect, test } from 'vitest';
import { checkHistory } from '../src/checkers/check-history.js';
import { checkLinearizable } from '../src/checkers/linearizable.js';
import { orderRegister } from '../src/checkers/register-order.js';
import { intervalsOf } from '../src/checkers/register-units.js';
import { historyOf } from '../src/history/history.js';
import type { HistoryLine, Operation } from '../src/history/history-line.js';
import { hasSomeOrder } from './every-order.js';
import { searchOrder } from './just-in-time-search.js';
import { seedOf } from './seed-of.js';
import { simulatedHistory } from './simulated-register.js';

const { seed, replay } = seedOf('linearizable-random.test.ts');
const SMALL_HISTORIES = Number(process.env.MENDLOG_SIM_HISTORIES ?? 4000);
const LONGER_HISTORIES = Math.ceil(SMALL_HISTORIES / 40);
const STEPS_MAX = 20_000;

/** Deletes are what needs the most care, so some histories have many of them. */
const MIXTURES = [
  ['put', 'put', 'get', 'get', 'get', 'delete'],
  ['put', 'get', 'get', 'delete', 'delete'],
] as const;

/** Anything at all on one key, with times that often meet and gets of any value, written or not. */
function anyOperations(random: Seeded): Operation[] {
  const count = 1 + random.below(7);
  const times = 2 + random.below(12);
  const kinds = random.of(MIXTURES);
  return Array.from({ length: count }, (_, index): Operation => {
    const op = random.of(kinds);
    const start = random.below(times);
    const outcome = random.percent(75) ? 'ok' : random.of(['unknown', 'unknown', 'fail'] as const);
    const got = random.percent(40) ? null : `v${random.below(count)}`;
    const value = { put: `v${index}`, delete: null, get: outcome === 'ok' ? got : null }[op];
    const end = start + random.below(times);
    return { client: index, op, partition: 'p', key: 'k', value, version: null, start, end, outcome };
  });
}

function operationsOf(lines: readonly HistoryLine[]): Operation[] {
  return lines.flatMap((line) => (line.op === 'final' ? [] : [line]));
}

/** With what some gets returned exchanged. */
function disturbed(random: Seeded, operations: readonly Operation[]): Operation[] {
  const values = [null, ...operations.flatMap(({ op, value }) => (op === 'put' ? [value] : []))];
  return operations.map((operation) =>
    operation.op === 'get' && random.percent(4) ? { ...operation, value: random.of(values) } : operation,
  );
}

/** What a linearization is, checked one by one. */
function expectLinearization(operations: readonly Operation[]): void {
  const intervals = intervalsOf(operations);
  const { order } = orderRegister(intervals);
  const placed = new Set(order);
  const missing = intervals.filter((one) => one.end !== Number.POSITIVE_INFINITY && !placed.has(one));
  expect(missing, replay).toEqual([]);
  expect(placed.size, replay).toBe(order.length);
  let value: string | null = null;
  let latestStart = 0;
  for (const { operation, start, end } of order) {
    if (operation.op === 'get') expect(operation.value, replay).toBe(value);
    else value = operation.value;
    // None before it in the order started only after it had ended.
    expect(end, replay).toBeGreaterThanOrEqual(latestStart);
    latestStart = Math.max(latestStart, start);
  }
}

describe('linearizable', () => {
  test(`linearizable: every order of a small history gives the same verdict (SPEC I3; histories=${SMALL_HISTORIES}, seed=${seed})`, () => {
    const random = new Seeded(seed);
    const verdicts = { right: 0, wrong: 0 };
    for (let round = 0; round < SMALL_HISTORIES; round++) {
      const operations = anyOperations(random);
      const expected = hasSomeOrder(operations);
      const { linearizable } = orderRegister(intervalsOf(operations));
      expect({ linearizable, operations }, replay).toEqual({ linearizable: expected, operations });
      verdicts[expected ? 'right' : 'wrong'] += 1;
      if (expected) expectLinearization(operations);
    }
    // Neither verdict is rare among them.
    expect(Math.min(verdicts.right, verdicts.wrong), replay).toBeGreaterThan(SMALL_HISTORIES / 20);
  });

  test(`linearizable: what an explanation shows contradicts itself, and its prefix does not (histories=${SMALL_HISTORIES}, seed=${seed})`, () => {
    const random = new Seeded(seed);
    for (let round = 0; round < SMALL_HISTORIES; round++) {
      const operations = anyOperations(random);
      for (const { operations: core, prefix } of checkLinearizable({ operations, finals: new Map() })
        .violations) {
        expect({ ordered: hasSomeOrder(core), core }, replay).toEqual({ ordered: false, core });
        expect(hasSomeOrder(prefix), replay).toBe(true);
      }
    }
  });

  test(`linearizable: Lowe's search gives the same verdict on longer histories (SPEC I3; histories=${LONGER_HISTORIES}, seed=${seed})`, () => {
    const random = new Seeded(seed);
    const verdicts = { linearizable: 0, 'not linearizable': 0, undecided: 0 };
    for (let round = 0; round < LONGER_HISTORIES; round++) {
      const right = operationsOf(
        simulatedHistory(random, {
          operations: 40 + random.below(40),
          clients: 2 + random.below(5),
          keys: 1,
          unknownPercent: random.of([0, 5, 15]),
          appendPercent: 0,
          deletePercent: random.of([5, 25, 60]),
        }),
      );
      expect(searchOrder(right, STEPS_MAX), replay).not.toBe('not linearizable');
      const operations = random.percent(20) ? right : disturbed(random, right);
      const verdict = searchOrder(operations, STEPS_MAX);
      verdicts[verdict] += 1;
      if (verdict === 'undecided') continue;
      const { linearizable } = orderRegister(intervalsOf(operations));
      expect(linearizable, replay).toBe(verdict === 'linearizable');
    }
    expect(Math.min(verdicts.linearizable, verdicts['not linearizable']), replay).toBeGreaterThan(0);
  });

  test.each([
    { operations: 20_000, clients: 8, keys: 3, unknownPercent: 2, appendPercent: 10, deletePercent: 5 },
    { operations: 10_000, clients: 16, keys: 1, unknownPercent: 10, appendPercent: 0, deletePercent: 20 },
  ])(
    `history: a long one of correct registers passes every check (operations=$operations, clients=$clients, keys=$keys, seed=${seed})`,
    (options) => {
      const lines = simulatedHistory(new Seeded(seed), options);
      for (const report of checkHistory(historyOf(lines))) {
        expect(report, replay).toMatchObject({ violationCount: 0, violations: [] });
      }
      for (const key of ['k0', 'k1', 'k2']) {
        expectLinearization(operationsOf(lines).filter((operation) => operation.key === key));
      }
    },
  );

  test(`linearizable: a right history with one get changed to an older value is refused (SPEC I3; seed=${seed})`, () => {
    const random = new Seeded(seed);
    for (let round = 0; round < 50; round++) {
      const options = {
        operations: 300,
        clients: 4,
        keys: 1,
        unknownPercent: 3,
        appendPercent: 0,
        deletePercent: 5,
      };
      const right = operationsOf(simulatedHistory(random, options));
      const get = random.of(right.filter(({ op }) => op === 'get').slice(-50));
      const before = right.filter(
        ({ op, outcome, end }) => op === 'put' && outcome === 'ok' && end !== null && end < get.start,
      );
      const last = before.reduce((a, b) => (a.start > b.start ? a : b));
      const overwritten = before.filter(({ end }) => end !== null && end < last.start);
      const stale = { ...get, value: random.of(overwritten).value };
      const wrong = right.map((operation) => (operation === get ? stale : operation));
      const { violations } = checkLinearizable(historyOf(wrong));
      expect(violations, replay).toHaveLength(1);
      expect(searchOrder(violations[0]?.operations ?? [], STEPS_MAX), replay).toBe('not linearizable');
      expect(checkLinearizable(historyOf(right)).violations, replay).toEqual([]);
    }
  });
});
