// The machine that purges tombstones: what it asks for, and that without the whole proof nothing is purged.
import { describe, expect, test } from 'vitest';
import { type PurgeDigest, type PurgeStep, TombstonePurge } from '../src/anti-entropy/tombstone-purge.js';
import { frame, groupOf, keyedFrame, version } from '../src/conformance/made-records.js';
import { prefixDigest } from '../src/digest/prefix-digest.js';
import { putKey } from '../src/record-key.js';
import { MemoryStore } from '../src/storage/memory-store.js';
import { MEMORY_OPTIONS } from './memory-engine.js';

const NODES = ['a', 'b', 'c'];

function purgeOf(settledHead: number): TombstonePurge {
  return new TombstonePurge({ self: 'a', primaries: NODES, settledHead });
}

function toAll<Answer>(answer: Answer, others: Readonly<Record<string, Answer>> = {}): Map<string, Answer> {
  return new Map(NODES.map((node) => [node, others[node] ?? answer]));
}

const state = (fencedTo: number, purgedTo: number) => ({ fencedTo, purgedTo });
const digest = (byte: number, fencedTo = 40, purgedTo = 10): PurgeDigest => ({
  fencedTo,
  purgedTo,
  digest: new Uint8Array(24).fill(byte),
});

/** Through the steps that come before the digests. */
function fenced(purge: TombstonePurge): PurgeStep {
  purge.start();
  purge.states(toAll(state(10, 10)));
  return purge.fenced(toAll(true));
}

const UNPROVEN = { need: 'nothing', outcome: 'unproven' };

describe('purge machine', () => {
  test('purge machine: fence, equal digests, purge on all', () => {
    const purge = purgeOf(40);
    expect(purge.start()).toEqual({ need: 'states' });
    expect(purge.states(toAll(state(10, 10)))).toEqual({ need: 'fence', counter: 40, purgedTo: 10 });
    expect(purge.fenced(toAll(true))).toEqual({ need: 'digests', upTo: 40 });
    expect(purge.digests(toAll(digest(1)))).toEqual({ need: 'purge', counter: 40, nodes: NODES });
    expect(purge.purged()).toEqual({ need: 'nothing', outcome: 'purged' });
  });

  test('purge machine: a fence that some have already is taken by all', () => {
    const purge = purgeOf(40);
    expect(purge.states(toAll(state(10, 10), { b: state(60, 10) }))).toEqual({
      need: 'fence',
      counter: 60,
      purgedTo: 10,
    });
  });

  test('purge machine: nothing is old enough that is not purged', () => {
    expect(purgeOf(10).states(toAll(state(10, 10)))).toEqual({ need: 'nothing', outcome: 'idle' });
    expect(purgeOf(0).states(toAll(state(0, 0)))).toEqual({ need: 'nothing', outcome: 'idle' });
  });

  test('purge machine: those that lag purge first, and are asked again, so often', () => {
    const purge = purgeOf(40);
    const lagging = toAll(state(10, 10), { b: state(10, 0) });
    for (let i = 0; i < 2; i++) {
      expect(purge.states(lagging)).toEqual({ need: 'purge', counter: 10, nodes: ['b'] });
      expect(purge.purged()).toEqual({ need: 'states' });
    }
    expect(purge.states(lagging)).toEqual(UNPROVEN);
  });

  test('purge machine: those that differ are compared by sessions, so often', () => {
    const purge = purgeOf(40);
    fenced(purge);
    const differing = toAll(digest(1), { b: digest(2) });
    for (let i = 0; i < 3; i++) {
      expect(purge.digests(differing)).toEqual({ need: 'sessions', nodes: ['b'] });
      expect(purge.compared()).toEqual({ need: 'digests', upTo: 40 });
    }
    expect(purge.digests(differing)).toEqual(UNPROVEN);
  });

  test('purge machine: one that has not got the fence, or has it no more, ends it', () => {
    const refused = purgeOf(40);
    refused.states(toAll(state(10, 10)));
    expect(refused.fenced(toAll(true, { c: false }))).toEqual(UNPROVEN);
    // As a store that was restored between, and one that purged more.
    for (const other of [digest(1, 10, 10), digest(1, 40, 20)]) {
      const purge = purgeOf(40);
      fenced(purge);
      expect(purge.digests(toAll(digest(1), { c: other }))).toEqual(UNPROVEN);
    }
  });

  test('purge machine: without a digest of each nothing is purged', () => {
    const unknown = { fencedTo: 40, purgedTo: 10, digest: undefined };
    for (const [others, next] of [
      [{ c: unknown }, { need: 'sessions', nodes: ['c'] }],
      [
        { a: unknown, b: unknown, c: unknown },
        { need: 'sessions', nodes: ['b', 'c'] },
      ],
    ] as const) {
      const purge = purgeOf(40);
      fenced(purge);
      expect(purge.digests(toAll(digest(1), others))).toEqual(next);
    }
    const purge = purgeOf(40);
    fenced(purge);
    expect(() => purge.digests(new Map([['a', digest(1)]]))).toThrow(/b did not take part/);
  });
});

describe('prefix digest', () => {
  const put = (counter: number) => keyedFrame(version(counter), 'v', { key: `k${counter % 5}` });

  test('prefix digest: equal where the records at or below are, whatever lies above', async () => {
    const [one, other] = [new MemoryStore(MEMORY_OPTIONS), new MemoryStore(MEMORY_OPTIONS)];
    const counters = [1, 2, 249, 250, 251, 63_999, 64_000, 64_001, 64_300];
    const above = counters.map((counter) => frame(counter + 7, 'above', 2));
    await one.apply(
      [
        groupOf(
          'p',
          counters.map((counter) => frame(counter)),
        ),
      ],
      [],
    );
    for (const upTo of [...counters, ...counters.map((counter) => counter - 1)]) {
      await other.apply(
        [
          groupOf(
            'p',
            counters.filter((n) => n <= upTo).map((n) => frame(n)),
          ),
        ],
        [],
      );
      const of = (store: MemoryStore) => prefixDigest(store, MEMORY_OPTIONS.kernel, { partition: 'p', upTo });
      expect(of(one), `up to ${upTo}`).toEqual(of(other));
      // One record less, and one more.
      if (counters.includes(upTo))
        expect(of(one)).not.toEqual(
          prefixDigest(one, MEMORY_OPTIONS.kernel, { partition: 'p', upTo: upTo - 1 }),
        );
    }
    await other.apply([groupOf('p', above)], []);
    const last = { partition: 'p', upTo: 7 };
    expect(prefixDigest(one, MEMORY_OPTIONS.kernel, last)).toEqual(
      prefixDigest(other, MEMORY_OPTIONS.kernel, last),
    );
  });

  test('prefix digest: none of a segment that holds more records than a listing', async () => {
    const store = new MemoryStore(MEMORY_OPTIONS);
    const many = Array.from({ length: 4097 }, (_, i) => frame(3, '', i + 1));
    await store.apply([groupOf('p', many)], []);
    const digestTo = (upTo: number) => prefixDigest(store, MEMORY_OPTIONS.kernel, { partition: 'p', upTo });
    expect(digestTo(3)).toBeUndefined();
    expect(digestTo(249)).toBeDefined();
  });

  test('purge: three stores in memory, one of which missed a deletion, purge it without bringing it back', async () => {
    const stores = new Map(NODES.map((node) => [node, new MemoryStore(MEMORY_OPTIONS)]));
    const tombstone = keyedFrame(version(9), '', { key: 'k1', tombstone: true });
    for (const [node, store] of stores) {
      await store.apply([groupOf('p', [put(1), put(2)])], []);
      if (node !== 'c') await store.apply([groupOf('p', [tombstone])], []);
    }
    const purge = purgeOf(9);
    const told = (upTo: number | undefined) =>
      new Map(
        [...stores].map(([node, store]): [string, PurgeDigest] => {
          const { fencedTo = 0, purgedTo = 0 } = store.summary('p') ?? {};
          const known = upTo !== undefined;
          const own = known
            ? prefixDigest(store, MEMORY_OPTIONS.kernel, { partition: 'p', upTo })
            : undefined;
          return [node, { fencedTo, purgedTo, digest: own }];
        }),
      );
    let step = purge.start();
    for (const seen: string[] = []; step.need !== 'nothing'; seen.push(step.need)) {
      expect(seen.length).toBeLessThan(20);
      if (step.need === 'states') step = purge.states(told(undefined));
      else if (step.need === 'digests') step = purge.digests(told(step.upTo));
      else if (step.need === 'fence') {
        const raised = new Map<string, boolean>();
        for (const [node, store] of stores)
          raised.set(node, await store.fence('p', step.counter, step.purgedTo));
        step = purge.fenced(raised);
      } else if (step.need === 'sessions') {
        for (const node of step.nodes)
          await stores.get(node)?.apply([groupOf('p', [tombstone])], [], { purgedTo: 0 });
        step = purge.compared();
      } else {
        for (const node of step.nodes) await stores.get(node)?.purge('p', step.counter);
        step = purge.purged();
      }
    }
    expect(step).toMatchObject({ outcome: 'purged' });
    for (const store of stores.values()) {
      expect(store.keyStates('p', [putKey('k1')])).toEqual(['absent']);
      expect(store.summary('p')).toMatchObject({ records: 1, purgedTo: 9, fencedTo: 9 });
    }
  });
});
