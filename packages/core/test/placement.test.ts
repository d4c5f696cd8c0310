import fc from 'fast-check';
import { expect, test } from 'vitest';
import { preferenceList } from '../src/placement.js';

const nodesOf = (count: number) => Array.from({ length: count }, (_, i) => `n${i + 1}`);
const partitions = Array.from({ length: 6000 }, (_, i) => `partition-${i}`);

test('placement: golden, since a node that places otherwise would look in the wrong place', () => {
  const lists = ['orders', 'orders-1', 'a', 'users.eu'].map((name) => {
    const { primaries, fallbacks } = preferenceList(name, nodesOf(5), 3);
    return [name, primaries.join(' '), fallbacks.join(' ')];
  });
  expect(lists).toEqual([
    ['orders', 'n3 n5 n2', 'n1 n4'],
    ['orders-1', 'n5 n4 n1', 'n3 n2'],
    ['a', 'n4 n2 n5', 'n1 n3'],
    ['users.eu', 'n2 n5 n1', 'n4 n3'],
  ]);
});

test('placement: every node once, whatever the order of the configuration (random names)', () => {
  const names = fc.uniqueArray(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 8 });
  const shuffled = names.chain((ids) =>
    fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length })),
  );
  fc.assert(
    fc.property(
      fc.string({ maxLength: 20 }),
      shuffled,
      fc.integer({ min: 1, max: 8 }),
      (partition, orders, n) => {
        const [ids, reordered] = orders;
        const list = preferenceList(partition, ids, n);
        expect(list.primaries).toHaveLength(Math.min(n, ids.length));
        expect([...list.primaries, ...list.fallbacks].sort()).toEqual([...ids].sort());
        expect(preferenceList(partition, reordered, n)).toEqual(list);
        // With another factor the order stays: what is a fallback becomes a primary.
        const { primaries, fallbacks } = preferenceList(partition, ids, 1);
        expect([...primaries, ...fallbacks]).toEqual([...list.primaries, ...list.fallbacks]);
      },
    ),
  );
});

test.each([3, 5, 8])('placement: nodes share first places and replicas evenly (nodes=%i)', (count) => {
  const ids = nodesOf(count);
  const firsts = new Map<string, number>();
  const replicas = new Map<string, number>();
  for (const partition of partitions) {
    const { primaries } = preferenceList(partition, ids, 3);
    const [first = ''] = primaries;
    firsts.set(first, (firsts.get(first) ?? 0) + 1);
    for (const id of primaries) replicas.set(id, (replicas.get(id) ?? 0) + 1);
  }
  for (const id of ids) {
    expect(Math.abs((firsts.get(id) ?? 0) / (partitions.length / count) - 1)).toBeLessThan(0.1);
    expect(Math.abs((replicas.get(id) ?? 0) / ((3 * partitions.length) / count) - 1)).toBeLessThan(0.1);
  }
});

test('placement: a node that joins only takes, and takes its share (5 nodes to 6)', () => {
  let taken = 0;
  for (const partition of partitions) {
    const before = preferenceList(partition, nodesOf(5), 3).primaries;
    const after = preferenceList(partition, nodesOf(6), 3).primaries;
    const gained = after.filter((id) => !before.includes(id));
    expect(gained.length === 0 || (gained.length === 1 && gained[0] === 'n6')).toBe(true);
    expect(after.filter((id) => id !== 'n6')).toEqual(before.slice(0, 3 - gained.length));
    taken += gained.length;
  }
  expect(Math.abs(taken / (partitions.length / 2) - 1)).toBeLessThan(0.1);
});

test('placement: of a node that leaves, only its own partitions move', () => {
  for (const partition of partitions) {
    const before = preferenceList(partition, nodesOf(5), 3);
    const after = preferenceList(partition, ['n1', 'n2', 'n4', 'n5'], 3);
    const order = [...before.primaries, ...before.fallbacks].filter((id) => id !== 'n3');
    expect([...after.primaries, ...after.fallbacks]).toEqual(order);
  }
});
