// Groups as they come: views on one message, each at its place in it.
import { expect, test } from 'vitest';
import { checkDrafts } from '../../src/coordination/write.js';
import { BufferViews } from '../../src/protocol/buffer-views.js';
import { decodePacked, encodeDrafts, encodePacked } from '../../src/protocol/packed.js';
import { draftOf } from '../../src/record.js';
import { utf8 } from '../bytes.js';
import { recordsOf } from './held-write-ports.js';
import { groupOf, setUp } from './write-harness.js';

/** Of one message: two records of p above counter 10, one of q above 20, one of r. */
function message() {
  const drafts = (...values: string[]) => values.map((value) => draftOf({ value: utf8(value) }));
  return decodePacked(
    encodeDrafts([
      { partition: 'p', drafts: drafts('a', 'bb'), floor: 10 },
      { partition: 'q', drafts: drafts('ccc'), floor: 20 },
      { partition: 'r', drafts: drafts('d'), floor: 0 },
    ]),
  );
}

test('write coordinator: groups of one message, and one of another, get versions above their own floors', () => {
  const { events, submitAlone } = setUp();
  const outcomes = submitAlone([...message(), groupOf('s', 'e', 'f')], { order: 'causal' });
  const { groups } = events.store('a');
  events.store('b');
  expect(recordsOf(groups)).toEqual([
    ['p', 11, 'a'],
    ['p', 12, 'bb'],
    ['q', 21, 'ccc'],
    ['r', 1, 'd'],
    ['s', 1, 'e'],
    ['s', 2, 'f'],
  ]);
  expect(outcomes).toMatchObject([11, 21, 1, 1].map((firstCounter) => ({ ok: true, firstCounter })));
});

test.each([
  ['p', 10, 11],
  ['q', 20, 21],
  ['r', 0, 1],
])(
  'write coordinator: a proposal is compared group by group with what is known (%s)',
  (partition, below, same) => {
    const { events, submitAlone } = setUp();
    submitAlone(message(), { order: 'causal' });
    const proposed = decodePacked(encodePacked(events.store('a').groups));
    const accepts = [below, same].map((head) => {
      const { ports, writes } = setUp();
      ports.storedHeads.set(partition, head);
      return writes.accepts(proposed);
    });
    expect(accepts).toEqual([true, false]);
  },
);

test('write: drafts are checked where they lie in their message', () => {
  const groups = message();
  const views = new BufferViews();
  for (const group of groups) checkDrafts(group, views.of(group));
  // The format of the last draft.
  const { bytes } = groups[2] ?? groupOf('r', 'd');
  bytes[0] = 99;
  const isRefused = groups.map((group) => {
    try {
      checkDrafts(group, views.of(group));
      return false;
    } catch {
      return true;
    }
  });
  expect(isRefused).toEqual([false, false, true]);
});
