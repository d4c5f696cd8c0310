/** Keyed records: of those of one key the one with the highest claim stays, in whatever order they came. */
import { LIMITS } from '../limits.js';
import { packKeyStates } from '../protocol/key-claims.js';
import { packListingEntries } from '../protocol/listing.js';
import { itemsOf, packItems } from '../protocol/packed.js';
import { frameKey, frameVersion } from '../record.js';
import { appendKey, putKey, type RecordKey } from '../record-key.js';
import { expectEqual, expectFields } from './expect.js';
import { bytesOf, counters, entryOf, frame, groupOf, keyedFrame, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import { EVERYTHING, UNBOUNDED } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

const put = (counter: number, key: string) => keyedFrame(version(counter), `v${counter}`, { key });
const tombstone = (counter: number, key: string) =>
  keyedFrame(version(counter), '', { key, tombstone: true });
const append = (counter: number, id: Uint8Array, attempt: number) =>
  keyedFrame(version(counter), `v${counter}`, { append: { id, attempt } });

/** Of 16 bytes; as a text a put key of as many. */
const idOf = (last: number) => new Uint8Array(16).fill(0x61).fill(last, 15);
const textOf = (id: Uint8Array) => String.fromCharCode(...id);
const ID = idOf(0x62);
const packedNothing = { states: new Uint8Array(0), frames: [] };

interface Race {
  readonly what: string;
  /** All of one key, in the order in which they come. */
  readonly frames: readonly Uint8Array[];
  /** Which of them stays. */
  readonly stays: number;
  /** How many were not there and came in, one batch after another or all in one. */
  readonly added: number;
  /** Of what came in a batch of its own and was superseded after that; the winner's is the head otherwise. */
  readonly headApart?: number;
}

const RACES: readonly Race[] = [
  { what: 'put, lower version first', frames: [put(3, 'k'), put(5, 'k')], stays: 1, added: 2 },
  { what: 'put, a late lower version', frames: [put(5, 'k'), put(3, 'k')], stays: 0, added: 1 },
  {
    what: 'put, of one counter the higher origin',
    frames: [2, 1].map((origin) => keyedFrame(version(5, origin), '', { key: 'k' })),
    stays: 0,
    added: 1,
  },
  {
    what: 'put, five of them in disorder',
    frames: [4, 2, 9, 7, 1].map((counter) => put(counter, 'k')),
    stays: 2,
    added: 2,
  },
  { what: 'tombstone', frames: [put(3, 'k'), tombstone(5, 'k')], stays: 1, added: 2 },
  { what: 'tombstone, then a late lower put', frames: [tombstone(5, 'k'), put(3, 'k')], stays: 0, added: 1 },
  { what: 'tombstone, then a higher put', frames: [tombstone(5, 'k'), put(8, 'k')], stays: 1, added: 2 },
  { what: 'append, higher version', frames: [append(3, ID, 1), append(5, ID, 1)], stays: 1, added: 2 },
  { what: 'append, a late lower version', frames: [append(5, ID, 1), append(3, ID, 1)], stays: 0, added: 1 },
  {
    what: 'append, a higher attempt of a lower version',
    frames: [append(9, ID, 1), append(5, ID, 2)],
    stays: 1,
    added: 2,
    headApart: 9,
  },
  {
    what: 'append, a late lower attempt of a higher version',
    frames: [append(5, ID, 2), append(9, ID, 1)],
    stays: 0,
    added: 1,
  },
  {
    what: 'append, attempts 0 and 255',
    frames: [append(9, ID, 0), append(5, ID, 255)],
    stays: 1,
    added: 2,
    headApart: 9,
  },
];

export const KEY_CASES: readonly StoreCase[] = [
  ...RACES.flatMap((race) =>
    [false, true].map((together) =>
      storeCase(
        `store: of the records of one key the highest claim stays (${race.what}, batches=${together ? 1 : race.frames.length})`,
        (opened) => expectWinner(opened, race, together),
      ),
    ),
  ),

  storeCase(
    'store: of the records of one key the highest claim stays (batches at the same time)',
    async (opened) => {
      const versions = [3, 9, 1, 7, 12, 2, 11, 5];
      const puts = versions.map((counter) => put(counter, 'k'));
      await Promise.all(puts.map((one) => opened.apply('orders', [one])));
      await opened.inEachState(() => {
        opened.expectRecords('orders', [put(12, 'k')]);
        expectKeys(opened, [putKey('k')], [put(12, 'k')]);
      });
    },
  ),

  storeCase('store: a superseded record is superseded after a restart too', async (opened) => {
    await opened.apply('orders', [put(3, 'k'), append(4, ID, 1), frame(1)]);
    await opened.reopen();
    expectEqual((await opened.apply('orders', [put(2, 'k'), append(6, ID, 0)])).added, 0, 'records added');
    expectEqual((await opened.apply('orders', [put(5, 'k'), append(2, ID, 2)])).added, 2, 'records added');
    await opened.inEachState(() => {
      opened.expectRecords('orders', [frame(1), append(2, ID, 2), put(5, 'k')]);
      expectKeys(opened, [putKey('k'), appendKey(ID)], [put(5, 'k'), append(2, ID, 2)]);
    });
  }),

  storeCase('store: put keys and append keys do not meet', async (opened) => {
    const frames = [put(3, textOf(ID)), append(5, ID, 3), put(6, 'other')];
    expectEqual((await opened.apply('orders', frames)).added, 3, 'records added');
    await opened.inEachState(() => {
      opened.expectRecords('orders', frames);
      expectKeys(opened, [appendKey(ID), putKey(textOf(ID))], [append(5, ID, 3), put(3, textOf(ID))]);
      expectKeys(opened, [appendKey(idOf(0x63))], []);
    });
  }),

  storeCase('store: keys of several partitions do not meet', async (opened) => {
    await opened.store.apply([groupOf('a', [put(3, 'k')]), groupOf('b', [put(5, 'k')])], []);
    await opened.inEachState(() => {
      opened.expectRecords('a', [put(3, 'k')]);
      opened.expectRecords('b', [put(5, 'k')]);
      expectKeys(opened, [putKey('k')], [put(3, 'k')], 'a');
    });
  }),

  storeCase(
    'store: keys are read in the order asked for, those that nobody holds left out (bytesMax)',
    async (opened) => {
      const [a, b, c, d] = [put(1, 'a'), put(2, 'b'), put(3, 'c'), put(4, 'd')];
      const [umlaut, aa, appended] = [put(5, 'ä'), put(6, 'aa'), append(20, idOf(1), 0)];
      await opened.apply('orders', [a, b, c, d, umlaut, aa]);
      await opened.apply('orders', [appended]);
      const asked = ['d', 'nobody', 'aa', 'a', 'ab', 'ä', 'c', 'b'].map(putKey);
      const ofBoth = [appendKey(idOf(2)), appendKey(idOf(1)), putKey('b')];
      await opened.inEachState(() => {
        expectKeys(opened, asked, [d, aa, a, umlaut, c, b]);
        expectKeys(opened, ofBoth, [appended, b]);
        expectKeys(opened, [], []);
        expectKeys(opened, asked, [], 'unknown');
        const bounded = (bytesMax: number) => opened.store.readKeys('orders', asked, bytesMax);
        expectEqual(bounded(1), [d], 'holders, at most 1 byte');
        expectEqual(bounded(d.length), [d], 'holders, at most the bytes of the first');
        expectEqual(bounded(d.length + 1), [d, aa], 'holders, at most a byte more than the first');
      });
    },
  ),

  storeCase('store: keys of several partitions are looked up in one call (bytesMax)', async (opened) => {
    const [a, b, c, appended] = [put(1, 'a'), put(2, 'b'), put(3, 'c'), append(20, ID, 2)];
    const long = put(4, 'x'.repeat(LIMITS.keyBytesMax));
    await opened.store.apply([groupOf('orders', [a, b, long]), groupOf('users', [c, appended])], []);
    const longKey = putKey('x'.repeat(LIMITS.keyBytesMax));
    const asked = [
      packItems('users', [putKey('a'), appendKey(ID)]),
      packItems('orders', [putKey('b'), putKey('nobody'), putKey('a')]),
      packItems('unknown', [putKey('a')]),
      packItems('orders', []),
      packItems('users', [putKey('c')]),
      packItems('orders', [Uint8Array.of(...longKey, 0x78), longKey, new Uint8Array(0)]),
    ];
    const frames = [undefined, appended, b, undefined, a, undefined, c, undefined, long, undefined];
    const states = asked.flatMap((group) => opened.store.keyStates(group.partition, [...itemsOf(group)]));
    const holdings = (given: readonly (Uint8Array | undefined)[]) => ({
      states: packKeyStates(states),
      frames: given,
    });
    const only = (...there: Uint8Array[]) =>
      frames.map((one) => (one !== undefined && there.includes(one) ? one : undefined));
    await opened.inEachState(() => {
      const looked = (bytesMax: number) => opened.store.keyHoldings(asked, bytesMax);
      expectEqual(looked(UNBOUNDED), holdings(frames), 'who holds the keys, with records');
      expectEqual(looked(0), holdings([]), 'who holds the keys, without records');
      expectEqual(looked(1), holdings(only(appended)), 'with records, at most 1 byte');
      const two = appended.length + b.length;
      expectEqual(looked(two), holdings(only(appended, b)), 'with records, at most the bytes of two');
      expectEqual(looked(two + 1), holdings(only(appended, b, a)), 'with records, at most a byte more');
      expectEqual(opened.store.keyHoldings([], UNBOUNDED), packedNothing, 'who holds no key');
    });
  }),

  storeCase('store: a key is free again once its holder is trimmed', async (opened) => {
    const refused = append(9, ID, 1);
    await opened.apply('orders', [append(5, ID, 2), put(4, 'k'), put(10, 'other')]);
    await opened.apply('orders', [refused]);
    await opened.store.trim('orders', 5);
    // At once, and not only once the records are removed.
    expectKeys(opened, [appendKey(ID), putKey('k'), putKey('other')], [put(10, 'other')]);
    await opened.inEachState(async () => {
      expectKeys(opened, [appendKey(ID), putKey('k'), putKey('other')], [put(10, 'other')]);
      const again = await opened.apply('orders', [append(5, ID, 2), put(4, 'k')]);
      expectFields(again, { added: 0, trimmed: [{ partition: 'orders', trimmedTo: 5 }] }, 'result');
    });
    const later = [refused, put(6, 'k')];
    expectEqual((await opened.apply('orders', later)).added, 2, 'records added under keys that are free');
    await opened.inEachState(() => {
      opened.expectRecords('orders', [put(6, 'k'), refused, put(10, 'other')]);
      expectKeys(opened, [appendKey(ID), putKey('k')], later);
    });
  }),

  storeCase('store: many keys, most of them superseded, among records without one', async (opened) => {
    const keyOf = (counter: number) => `key ${counter % 40}`;
    const made = counters(1, 400).map((counter) =>
      counter % 4 === 0 ? frame(counter) : put(counter, keyOf(counter)),
    );
    // The later half first, so that the other comes late.
    for (const [from, to] of [
      [200, 300],
      [0, 100],
      [300, 400],
      [100, 200],
    ] as const)
      await opened.apply('orders', made.slice(from, to));
    await opened.store.cleaned();
    await opened.apply('orders', [put(401, 'key 1'), put(402, 'key 1'), put(150, 'key 2')]);
    const held = made.filter((_, i) => (i + 1) % 4 === 0 || (i + 1 > 360 && (i + 1) % 40 !== 1));
    await opened.inEachState(() => {
      opened.expectRecords('orders', [...held, put(402, 'key 1')]);
      expectKeys(opened, [putKey('key 39'), putKey('key 1')], [made[398] as Uint8Array, put(402, 'key 1')]);
    });
  }),
];

async function expectWinner(opened: OpenedStore, race: Race, together: boolean): Promise<void> {
  const { frames, stays, added, headApart } = race;
  // A neighbour without a key, in a batch of its own, so that rows have something that stays.
  const neighbour = frame(2, 'neighbour', 7);
  await opened.apply('orders', [neighbour]);
  let came = 0;
  for (const batch of together ? [frames] : frames.map((one) => [one]))
    came += (await opened.apply('orders', batch)).added;
  expectEqual(came, added, 'records added');
  const winner = frames[stays] as Uint8Array;
  const key = frameKey(winner)?.key as RecordKey;
  const held = [neighbour, winner];
  // What another record of its batch supersedes was never there, and raises no head.
  const own = frameVersion(winner).counter;
  const head = together ? own : (headApart ?? own);
  const entries = packListingEntries(held.map((one) => entryOf(opened.engine, 'orders', one)));
  const last = { ...EVERYTHING, descending: true, limit: 1 };
  await opened.inEachState(() => {
    const { store } = opened;
    opened.expectRecords('orders', held);
    expectKeys(opened, [key], [winner]);
    expectFields(store.summary('orders'), { records: 2, bytes: bytesOf(held), head }, 'summary');
    const listing = { entries, truncated: false, trimmedTo: 0, head };
    expectEqual(store.list('orders', EVERYTHING), listing, 'listing');
    for (const [i, one] of frames.entries()) {
      const version = frameVersion(one);
      const there = i === stays ? [winner] : [];
      expectEqual(store.read('orders', version), there, `record ${i + 1} of the key, by its version`);
      expectEqual(store.readVersions('orders', [version], UNBOUNDED), there, `record ${i + 1} of the key`);
    }
    const page = { frames: [winner], truncated: true };
    expectEqual(store.readRange('orders', last, UNBOUNDED), page, 'last page');
  });
  // Whatever comes again changes nothing.
  expectEqual((await opened.apply('orders', frames)).added, 0, 'records added by the same ones again');
  await opened.inEachState(() => opened.expectRecords('orders', held));
}

function expectKeys(
  opened: OpenedStore,
  keys: readonly RecordKey[],
  frames: readonly Uint8Array[],
  partition = 'orders',
): void {
  const { store } = opened;
  expectEqual(store.readKeys(partition, keys, UNBOUNDED), frames, `the holders of ${keys.length} keys`);
  const states = store.keyStates(partition, keys).map((state) => {
    if (typeof state === 'string') return state;
    const { attempt, version: held, tag } = state;
    return { attempt, version: held, tag };
  });
  const expected = keys.map((key) => {
    const held = frames.find((one) => isSameKey(frameKey(one)?.key, key));
    if (held === undefined) return 'absent';
    const attempt = frameKey(held)?.attempt ?? 0;
    return { attempt, version: frameVersion(held), tag: opened.tagOf(partition, held) };
  });
  expectEqual(states, expected, `who holds ${keys.length} keys`);
}

function isSameKey(a: RecordKey | undefined, b: RecordKey): boolean {
  return a?.length === b.length && a.every((byte, i) => byte === b[i]);
}
