// A session as a node runs it, with a peer that does not answer as it should.
import { answerItems, encodePacked, itemsOf, MemoryStore, packItems, unpackRecordItems } from '@mendlog/core';
import { expect, test } from 'vitest';
import { runSession, type SessionPeers, sideSummary } from '../src/anti-entropy/run-session.js';
import { counters, frame, groupOf } from './records.js';
import { framesOf, hex } from './store-digests.js';
import { kernel, tagKeyOf } from './test-store.js';

const RECORDS = 2000;
/** In eight segments. */
const ALL = counters(1, RECORDS).map((counter) => frame(counter));

interface Items {
  readonly frames: readonly Uint8Array[];
  readonly answered: number;
  readonly vanished: number;
}

/** What gives items otherwise than its store does. */
function sidesWith(change: (items: Items) => Items): { sides: SessionPeers; here: MemoryStore } {
  const [here, there] = ['here', 'there'].map((storeId) => new MemoryStore({ storeId, kernel, tagKeyOf }));
  if (here === undefined || there === undefined) throw new Error('there are two');
  there.applyNow([groupOf('p', ALL)], []);
  const peer = {
    root: { query: async () => sideSummary(there, 'p') },
    rows: {
      query: async ({ level, ranges }: { level: number; ranges: Parameters<MemoryStore['rows']>[2] }) => ({
        rows: there.rows('p', level, ranges),
      }),
    },
    symbols: { query: async () => ({ answer: undefined }) },
    list: {
      query: async ({ ranges }: { ranges: { range: Parameters<MemoryStore['list']>[1] }[] }) => ({
        listings: ranges.map(({ range }) => there.list('p', range)),
      }),
    },
    items: {
      query: async ({ items }: { items: Uint8Array }) => {
        const { frames, ...rest } = change(answerItems(there, 'p', unpackRecordItems(items)));
        return { packed: encodePacked([packItems('p', frames)]), ...rest };
      },
    },
  };
  // Of a connection the session calls nothing else here.
  const sides = { store: here, kernel, peer: { call: { peer } } } as unknown as SessionPeers;
  return { sides, here };
}

const counterOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(6);

test('session: what follows a record that the peer cannot read is brought all the same', async () => {
  const without = (items: Items): Items => ({
    ...items,
    frames: items.frames.filter((bytes) => counterOf(bytes) !== 3),
  });
  const { sides, here } = sidesWith(without);
  await expect(runSession(sides, 'p', { preview: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(framesOf(here, 'p').map(hex)).toEqual(ALL.filter((_, i) => i !== 2).map(hex));
});

test('session: a record that comes twice does not stand for another', async () => {
  const twice = (items: Items): Items => ({
    ...items,
    frames: items.frames.map((bytes) => (counterOf(bytes) === 3 ? frame(2) : bytes)),
  });
  const { sides } = sidesWith(twice);
  await expect(runSession(sides, 'p', { preview: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('session: all is brought by a peer that answers as it should', async () => {
  const { sides, here } = sidesWith((items) => items);
  expect(await runSession(sides, 'p', { preview: false })).toMatchObject({ equal: true, isWhole: true });
  expect([...itemsOf(groupOf('p', framesOf(here, 'p')))]).toHaveLength(RECORDS);
});
