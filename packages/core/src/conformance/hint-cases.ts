/** Hints: in the order of writing, each target's apart. */
import type { HintBatch, StoredHintBatch } from '../ports/store.js';
import { encodePacked } from '../protocol/packed.js';
import { VERSION_BYTES, writeVersion } from '../version.js';
import { expectEqual, expectTrue } from './expect.js';
import { frame, groupOf, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import type { StoreCase } from './store-engine.js';

export function hintOf(target: string, ...counters: number[]): HintBatch {
  const versions = new Uint8Array(counters.length * VERSION_BYTES);
  const view = new DataView(versions.buffer);
  for (const [i, counter] of counters.entries()) writeVersion(view, i * VERSION_BYTES, version(counter));
  return {
    target,
    createdAtMs: 1_700_000_000_000,
    attempts: 0,
    nextAttemptAtMs: 0,
    groups: [{ partition: 'orders', versions }],
  };
}

export const HINT_CASES: readonly StoreCase[] = [
  storeCase('store: hints come back as they were put, in order, also after a restart', async (opened) => {
    await opened.store.apply([groupOf('orders', [frame(1)])], [hintOf('n2', 1), hintOf('n3', 1)]);
    await opened.store.apply([], [hintOf('n2', 2, 3)]);
    let sequences: number[] = [];
    await opened.inEachState(() => {
      const [ofN2, ofN3] = [hintsOf(opened, 'n2'), hintsOf(opened, 'n3')];
      expectEqual(ofN2.map(withoutSequence), [hintOf('n2', 1), hintOf('n2', 2, 3)], 'hints of n2');
      expectEqual(ofN3.map(withoutSequence), [hintOf('n3', 1)], 'hints of n3');
      const inOrder = [ofN2[0], ofN3[0], ofN2[1]].map((hint) => hint?.sequence ?? Number.NaN);
      expectAscending(inOrder);
      if (sequences.length > 0) expectEqual(inOrder, sequences, 'sequence numbers, which stay');
      sequences = inOrder;
    });
    await opened.store.apply([], [hintOf('n2', 4)]);
    const after = hintsOf(opened, 'n2');
    expectEqual(after.at(-1)?.groups, hintOf('n2', 4).groups, 'the last hint');
    expectAscending([...sequences, after.at(-1)?.sequence ?? Number.NaN]);
  }),

  storeCase('store: no sequence number of a hint is given out twice, though none is left', async (opened) => {
    const seen: number[] = [];
    for (let round = 0; round < 3; round++) {
      await opened.store.apply([], [hintOf('n2', 1), hintOf('n3', 1)]);
      const hints = [...hintsOf(opened, 'n2'), ...hintsOf(opened, 'n3')];
      seen.push(...hints.map(({ sequence }) => sequence));
      await opened.store.deleteHints(hints);
      await opened.reopen();
    }
    expectEqual(new Set(seen).size, 6, 'different sequence numbers');
    expectAscending(seen);
  }),

  storeCase('store: hints are read page by page (limit, after)', async (opened) => {
    const { store } = opened;
    await store.apply([], [hintOf('n2', 1), hintOf('n2', 2), hintOf('n2', 3), hintOf('n2', 4)]);
    const all = hintsOf(opened, 'n2');
    expectEqual(
      all.map(withoutSequence),
      [1, 2, 3, 4].map((counter) => hintOf('n2', counter)),
      'all hints',
    );
    const third = all[2]?.sequence ?? Number.NaN;
    const fourth = all[3]?.sequence ?? Number.NaN;
    expectEqual(store.hints({ target: 'n2', limit: 3 }), all.slice(0, 3), 'the first three');
    expectEqual(store.hints({ target: 'n2', after: third, limit: 3 }), all.slice(3), 'those after the third');
    expectEqual(store.hints({ target: 'n2', after: fourth, limit: 3 }), [], 'those after the last');
    expectEqual(store.hints({ limit: 3 }).length, 3, 'number of hints of all targets, at most 3');
  }),

  storeCase('store: the hints of one target are its own (one name begins as another)', async (opened) => {
    const targets = ['n1', 'n10', 'n', 'n1.'];
    await opened.store.apply(
      [],
      targets.map((target, i) => hintOf(target, i + 1)),
    );
    for (const [i, target] of targets.entries())
      expectEqual(
        hintsOf(opened, target).map(withoutSequence),
        [hintOf(target, i + 1)],
        `hints of ${target}`,
      );
    expectEqual(opened.store.hints({ limit: 10 }).length, 4, 'number of hints of all targets');
  }),

  storeCase(
    'store: a hint keeps the records that it carries, and they are of no partition here',
    async (opened) => {
      const payload = encodePacked([groupOf('orders', [frame(1), frame(2)])]);
      await opened.store.apply([], [{ ...hintOf('n2', 1, 2), payload }, hintOf('n2', 3)]);
      await opened.inEachState(() => {
        const payloads = hintsOf(opened, 'n2').map((hint) => hint.payload && Uint8Array.from(hint.payload));
        expectEqual(payloads, [payload, undefined], 'what hints carry');
        expectEqual(opened.store.partitions(), [], 'partitions, which hints make none of');
      });
      const [first] = hintsOf(opened, 'n2');
      if (first !== undefined) await opened.store.putHint({ ...first, attempts: 1 });
      await opened.inEachState(() => {
        const [changed] = hintsOf(opened, 'n2');
        expectEqual(
          changed?.payload && Uint8Array.from(changed.payload),
          payload,
          'what the changed hint carries',
        );
      });
    },
  ),

  storeCase('store: a hint is changed in place, and gone once deleted', async (opened) => {
    await opened.store.apply([], [hintOf('n2', 1), hintOf('n2', 2), hintOf('n3', 3)]);
    const [first, second] = hintsOf(opened, 'n2');
    if (first === undefined || second === undefined)
      throw new Error('hints of n2: expected two, and there came fewer');
    const changed = { ...first, attempts: 2, nextAttemptAtMs: 77 };
    await opened.store.putHint(changed);
    await opened.store.deleteHints([second]);
    await opened.inEachState(() => {
      expectEqual(hintsOf(opened, 'n2'), [changed], 'hints of n2');
      expectEqual(hintsOf(opened, 'n3').length, 1, 'number of hints of n3');
    });
    await opened.store.deleteHints([first, second]);
    await opened.inEachState(() => expectEqual(hintsOf(opened, 'n2'), [], 'hints of n2, which are deleted'));
  }),
];

function hintsOf({ store }: OpenedStore, target: string): StoredHintBatch[] {
  return store.hints({ target, limit: 10 });
}

function withoutSequence({ sequence: _, ...hint }: StoredHintBatch): HintBatch {
  return hint;
}

function expectAscending(sequences: readonly number[]): void {
  const ascends = sequences.every((sequence, i) => i === 0 || sequence > (sequences[i - 1] as number));
  expectTrue(ascends, `sequence numbers in the order of writing, ${sequences.join(', ')}, ascend`);
}
