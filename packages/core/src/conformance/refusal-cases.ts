/** Refusals: what is refused leaves nothing behind. */
import { LIMITS } from '../limits.js';
import { expectEqual, expectRejects } from './expect.js';
import { hintOf } from './hint-cases.js';
import { frame, groupOf, keyedFrame, version } from './made-records.js';
import { storeCase } from './opened-store.js';
import { framesOf } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

const WHOLE = frame(2);
const KEYED = keyedFrame(version(2), '', { key: 'key' });
const HIGHEST_U64 = new Uint8Array(8).fill(255);
/** Where in a frame these begin. */
const [FLAGS_AT, COUNTER_AT, TIME_AT, KEY_AT] = [1, 2, 18, 26];

const MALFORMED: readonly (readonly [what: string, frame: Uint8Array])[] = [
  ['too short', WHOLE.subarray(0, 10)],
  ['empty', new Uint8Array(0)],
  ['unknown format', changed(WHOLE, 0, [9])],
  ['unknown flags', changed(WHOLE, FLAGS_AT, [128])],
  ['a key that is not there', changed(WHOLE, FLAGS_AT, [1])],
  ['counter 0', changed(WHOLE, COUNTER_AT, new Uint8Array(8))],
  ['counter above 2^53 - 1', changed(WHOLE, COUNTER_AT, HIGHEST_U64)],
  ['time above 2^53 - 1', changed(WHOLE, TIME_AT, HIGHEST_U64)],
  ['a key that is cut', KEYED.subarray(0, KEYED.length - 1)],
  ['a key that is no UTF-8', changed(KEYED, KEY_AT + 2, [255])],
  ['a tombstone with a value', changed(keyedFrame(version(2), 'v', { key: 'key' }), FLAGS_AT, [3])],
];

export const REFUSAL_CASES: readonly StoreCase[] = [
  ...MALFORMED.map(([what, bad]) =>
    storeCase(`store: of a batch with a malformed frame nothing is stored (${what})`, async (opened) => {
      const batch = [groupOf('orders', [frame(1)]), groupOf('other', [frame(1), bad, frame(3)])];
      const applied = opened.store.apply(batch, [hintOf('n2', 1)]);
      await expectRejects(applied, 'MALFORMED', 'a batch with a malformed frame');
      await opened.inEachState(() => {
        expectEqual(opened.store.partitions(), [], 'partitions');
        expectEqual(opened.store.head('orders'), 0, 'head');
        expectEqual(opened.store.hints({ target: 'n2', limit: 10 }), [], 'hints');
      });
      expectEqual((await opened.apply('orders', [frame(1)])).added, 1, 'records added after that');
    }),
  ),

  storeCase('store: a counter may jump as far as the limit and no further', async (opened) => {
    await opened.apply('orders', [frame(10)]);
    const furthest = 10 + LIMITS.counterJumpMax;
    const batch = [groupOf('other', [frame(1)]), groupOf('orders', [frame(11), frame(furthest + 1)])];
    const beyond = opened.store.apply(batch, [hintOf('n2', 1)]);
    await expectRejects(beyond, 'CLOCK_JUMP', 'a counter beyond the limit');
    await opened.inEachState(() => {
      opened.expectRecords('orders', [frame(10)]);
      expectEqual(opened.store.head('orders'), 10, 'head');
      expectEqual(opened.store.partitions().length, 1, 'number of partitions');
      expectEqual(opened.store.hints({ limit: 10 }), [], 'hints');
    });
    expectEqual((await opened.apply('orders', [frame(furthest)])).added, 1, 'records added at the limit');
    await opened.inEachState(() => {
      expectEqual(opened.store.head('orders'), furthest, 'head');
      opened.expectRecords('orders', [frame(10), frame(furthest)]);
    });
  }),

  storeCase(
    'store: after closing, writes are refused as CLOSED and closing again is nothing',
    async (opened) => {
      await opened.apply('orders', [frame(1)]);
      await opened.store.close();
      await opened.store.close();
      const { store } = opened;
      await expectRejects(opened.apply('orders', [frame(2)]), 'CLOSED', 'apply()');
      await expectRejects(store.trim('orders', 1), 'CLOSED', 'trim()');
      await expectRejects(store.putHint({ ...hintOf('n2', 1), sequence: 1 }), 'CLOSED', 'putHint()');
      await expectRejects(store.deleteHints([]), 'CLOSED', 'deleteHints()');
      await expectRejects(store.deleteJobs([]), 'CLOSED', 'deleteJobs()');
      await expectRejects(store.putCatalogEntries([]), 'CLOSED', 'putCatalogEntries()');
      await store.cleaned();
      await opened.reopen();
      expectEqual(framesOf(opened.store, 'orders'), [frame(1)], 'frames after a restart');
      expectEqual(opened.store.head('orders'), 1, 'head after a restart');
      expectEqual(opened.store.hints({ limit: 10 }), [], 'hints after a restart');
    },
  ),
];

function changed(frame: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}
