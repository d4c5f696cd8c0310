// Schedules of faults: the same for a seed, never too much at once, and of every kind.
import { describe, expect, test } from 'vitest';
import { canProgress, FAULT_KINDS, type Fault, type FaultKind, NODE_IDS, silences } from '../src/fault.js';
import { blockedMs, oneOfEach, randomSchedule } from '../src/schedule.js';

const MINUTE_MS = 60_000;
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

function fault(kind: FaultKind, nodes: Fault['nodes'], atMs = 0): Fault {
  return { kind, nodes, atMs, forMs: 1000 };
}

describe('schedule', () => {
  test('schedule: a seed gives the same faults again, another one others', () => {
    expect(randomSchedule(7, MINUTE_MS)).toEqual(randomSchedule(7, MINUTE_MS));
    expect(randomSchedule(7, MINUTE_MS)).not.toEqual(randomSchedule(8, MINUTE_MS));
  });

  test('schedule: half of the time a quorum can be had, and all faults end in time (seeds=200)', () => {
    for (const seed of SEEDS) {
      const faults = randomSchedule(seed, MINUTE_MS);
      expect(faults.length, `seed ${seed}`).toBeGreaterThan(5);
      expect(blockedMs(faults), `seed ${seed}`).toBeLessThanOrEqual(MINUTE_MS / 2);
      for (const { atMs, forMs } of faults)
        expect(atMs + forMs, `seed ${seed}`).toBeLessThanOrEqual(MINUTE_MS);
    }
  });

  test('schedule: no process is stopped while it is killed (seeds=200)', () => {
    for (const seed of SEEDS) {
      const faults = randomSchedule(seed, MINUTE_MS);
      for (const node of NODE_IDS) {
        const ofNode = faults.filter((one) => silences(one, node));
        for (const [i, one] of ofNode.entries()) {
          const next = ofNode[i + 1];
          if (next !== undefined) expect(next.atMs, `seed ${seed}`).toBeGreaterThan(one.atMs + one.forMs);
        }
      }
    }
  });

  test('schedule: over some seeds every kind comes, and faults overlap (seeds=200)', () => {
    const all = SEEDS.map((seed) => randomSchedule(seed, MINUTE_MS));
    expect(new Set(all.flat().map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    const overlapping = all.filter((faults) =>
      faults.some(({ atMs, forMs }, i) => (faults[i + 1]?.atMs ?? Number.POSITIVE_INFINITY) < atMs + forMs),
    );
    expect(overlapping.length).toBeGreaterThan(SEEDS.length / 2);
  });

  test('schedule: one of each is each kind once, one after another', () => {
    const faults = oneOfEach(8000);
    expect(faults.map(({ kind }) => kind)).toEqual(FAULT_KINDS);
    for (const [i, { atMs, forMs }] of faults.entries())
      expect(atMs + forMs).toBeLessThan(faults[i + 1]?.atMs ?? 8000);
  });
});

describe('faults', () => {
  test.each<[what: string, faults: Fault[], can: boolean]>([
    ['nothing', [], true],
    ['one killed', [fault('kill', ['node1'])], true],
    ['all killed', [fault('kill-all', NODE_IDS)], false],
    ['two stopped', [fault('stop', ['node1']), fault('stop', ['node2'])], false],
    ['one killed, the others split', [fault('kill', ['node1']), fault('split', ['node2', 'node3'])], false],
    [
      'one killed, one way between the others',
      [fault('kill', ['node1']), fault('one-way', ['node2', 'node3'])],
      false,
    ],
    ['one killed and slow', [fault('kill', ['node1']), fault('slow', ['node2'])], true],
    ['one cut off twice', [fault('isolate', ['node1']), fault('refuse', ['node1'])], true],
    ['two cut off', [fault('isolate', ['node1']), fault('refuse', ['node2'])], false],
    ['two pairs split', [fault('split', ['node1', 'node2']), fault('split', ['node2', 'node3'])], true],
  ])('faults: whether two nodes run and hear each other (%s)', (_, faults, can) => {
    expect(canProgress(faults)).toBe(can);
  });
});
