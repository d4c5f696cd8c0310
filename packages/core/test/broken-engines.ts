// Engines that break one promise of the storage port each: the store in memory, with some of its methods replaced. The
// conformance suite must find every one.
import type { StoreEngine } from '../src/conformance/index.js';
import { framesOf } from '../src/conformance/index.js';
import type { Store, StoredHintBatch } from '../src/ports/store.js';
import { itemsOf, type PackedGroup, packItems } from '../src/protocol/packed.js';
import { frameKey, frameVersion } from '../src/record.js';
import { MemoryStore } from '../src/storage/memory-store.js';
import { compareVersions, formatVersion, VERSION_HIGHEST, VERSION_LOWEST } from '../src/version.js';
import { hex } from './bytes.js';
import { MEMORY_OPTIONS } from './memory-engine.js';

type Changes = Partial<Store>;

/** What a broken disk may remember beside its store. */
class Memories {
  /** Every frame that came in, in the order of arrival. */
  readonly arrived = new Map<string, Uint8Array[]>();
  /** A store that got what the other one got, and was never trimmed. */
  readonly untrimmed = new MemoryStore(MEMORY_OPTIONS);
  readonly trims = new Map<string, number>();
  readonly given = new Map<string, Uint8Array[]>();
  storesOpened = 0;
}

export interface BrokenEngine {
  readonly what: string;
  /** A case that finds it. */
  readonly caughtBy: string;
  readonly engine: StoreEngine;
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;
const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: UNBOUNDED };

function withChanges(store: Store, changes: Changes): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(name in changes ? changes : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Without changes it is as sound as the store in memory. */
export function engineWith(changesOf: (store: Store, memories: Memories) => Changes): StoreEngine {
  return {
    ...MEMORY_OPTIONS,
    makeDisk() {
      const memories = new Memories();
      let store: MemoryStore | undefined;
      return {
        open() {
          memories.storesOpened++;
          store = store?.reopened() ?? new MemoryStore(MEMORY_OPTIONS);
          return withChanges(store, changesOf(store, memories));
        },
        remove() {},
      };
    },
  };
}

/** Remembers what came, and then stores it. */
function remembering(store: Store, { arrived, untrimmed }: Memories): Pick<Store, 'apply'> {
  return {
    async apply(groups, hints, source) {
      const result = await store.apply(groups, hints, source);
      await untrimmed.apply(groups, [], source);
      for (const group of groups) {
        const frames = arrived.get(group.partition) ?? [];
        arrived.set(group.partition, [...frames, ...[...itemsOf(group)].map((frame) => frame.slice())]);
      }
      return result;
    },
  };
}

/** The frames that came and are not held: those that were superseded, as long as none is trimmed. */
function superseded(store: Store, { arrived }: Memories, partition: string): Uint8Array[] {
  const held = new Set(framesOf(store, partition).map(hex));
  const gone = (arrived.get(partition) ?? []).filter((frame) => frameKey(frame) && !held.has(hex(frame)));
  return [...new Map(gone.map((frame) => [hex(frame), frame])).values()];
}

function filtered(group: PackedGroup, isTaken: (frame: Uint8Array) => boolean): PackedGroup {
  return packItems(group.partition, [...itemsOf(group)].filter(isTaken));
}

const BREAKS: readonly (readonly [
  what: string,
  caughtBy: string,
  changesOf: (store: Store, memories: Memories) => Changes,
])[] = [
  [
    'has another id after a restart',
    'what was applied is read back',
    (_, { storesOpened }) => ({ storeId: `opened ${storesOpened} times` }),
  ],
  [
    'counts what was there already as added',
    'a batch applied twice',
    (store) => ({
      async apply(groups, hints) {
        const result = await store.apply(groups, hints);
        return { ...result, added: groups.reduce((sum, { ends }) => sum + ends.length, 0) };
      },
    }),
  ],
  [
    'gives the same bytes to everyone who reads them',
    'what goes in and what comes out is copied',
    (store, { given }) => ({
      read(partition, id) {
        const key = JSON.stringify([partition, id]);
        const frames = given.get(key) ?? store.read(partition, id);
        given.set(key, frames);
        return frames;
      },
    }),
  ],
  [
    'keeps the first of two records of one version',
    'of two records of one version the higher tag stays (lower tag first)',
    (store) => ({
      apply: (groups, hints) =>
        store.apply(
          groups.map((group) =>
            filtered(group, (frame) => store.read(group.partition, frameVersion(frame)).length === 0),
          ),
          hints,
        ),
    }),
  ],
  [
    'reads a bare counter as that of one record',
    'a bare counter finds every record',
    (store) => ({ read: (partition, id) => store.read(partition, id).slice(0, 1) }),
  ],
  [
    'gives out a superseded record by its version',
    'the highest claim stays (put, lower version first, batches=2)',
    (store, memories) => ({
      ...remembering(store, memories),
      readVersions: (partition, versions) =>
        versions.flatMap((version) => {
          const text = formatVersion(version);
          const old = superseded(store, memories, partition);
          return [...framesOf(store, partition), ...old].filter(
            (frame) => formatVersion(frameVersion(frame)) === text,
          );
        }),
    }),
  ],
  [
    'counts the bytes of a superseded record',
    'the highest claim stays (tombstone, batches=2)',
    (store, memories) => ({
      ...remembering(store, memories),
      summary(partition) {
        const summary = store.summary(partition);
        if (summary === undefined) return undefined;
        const more = superseded(store, memories, partition).reduce((sum, { length }) => sum + length, 0);
        return { ...summary, bytes: summary.bytes + more };
      },
    }),
  ],
  [
    'leaves a superseded record in the root',
    'the highest claim stays (append, a higher attempt of a lower version, batches=1)',
    (store, memories) => ({
      ...remembering(store, memories),
      summary(partition) {
        const summary = store.summary(partition);
        if (summary === undefined) return undefined;
        const root = summary.root.slice();
        const { kernel, tagKeyOf } = MEMORY_OPTIONS;
        for (const frame of superseded(store, memories, partition)) {
          const tag = new Uint8Array(16);
          kernel.tags(tagKeyOf(partition), frame, Uint32Array.of(frame.length), tag);
          kernel.addTags(root, Uint32Array.of(0), tag, 1);
        }
        return { ...summary, root };
      },
    }),
  ],
  [
    'leaves a key to the first record that has it',
    'the highest claim stays (put, lower version first, batches=2)',
    (store) => ({
      apply: (groups, hints) =>
        store.apply(
          groups.map((group) =>
            filtered(group, (frame) => {
              const found = frameKey(frame);
              return (
                found === undefined || store.readKeys(group.partition, [found.key], UNBOUNDED).length === 0
              );
            }),
          ),
          hints,
        ),
    }),
  ],
  [
    'takes the lower version for the holder of a key, where it comes later',
    'the highest claim stays (put, a late lower version, batches=2)',
    (store, memories) => ({
      ...remembering(store, memories),
      readKeys: (partition, keys) =>
        keys.flatMap((key) => {
          const arrived = memories.arrived.get(partition) ?? [];
          return (
            arrived.findLast((frame) => {
              const found = frameKey(frame);
              return found !== undefined && hex(found.key) === hex(key);
            }) ?? []
          );
        }),
    }),
  ],
  [
    'lets put keys and append keys meet',
    'put keys and append keys do not meet',
    (store) => ({
      readKeys(partition, keys, bytesMax) {
        const inPuts = keys.map((key) => Uint8Array.of(1, ...key.subarray(1)));
        return store.readKeys(partition, inPuts, bytesMax);
      },
    }),
  ],
  [
    'reads keys without regard to bytesMax',
    'keys are read in the order asked for',
    (store) => ({ readKeys: (partition, keys) => store.readKeys(partition, keys, UNBOUNDED) }),
  ],
  [
    'looks keys up with their records, without regard to bytesMax',
    'keys of several partitions are looked up in one call',
    (store) => ({
      keyHoldings: (groups, bytesMax) => store.keyHoldings(groups, bytesMax === 0 ? 0 : UNBOUNDED),
    }),
  ],
  [
    'looks all keys of a call up in its first partition',
    'keys of several partitions are looked up in one call',
    (store) => ({
      keyHoldings: (groups, bytesMax) =>
        store.keyHoldings(
          groups.map((group) => ({ ...group, partition: groups[0]?.partition ?? '' })),
          bytesMax,
        ),
    }),
  ],
  [
    'keeps a key from others once its holder is trimmed',
    'a key is free again once its holder is trimmed',
    (store, memories) => ({
      async apply(groups, hints) {
        const free = groups.map((group) =>
          filtered(group, (frame) => {
            const found = frameKey(frame);
            const held = found && memories.untrimmed.readKeys(group.partition, [found.key], UNBOUNDED)[0];
            return held === undefined || (frameKey(held)?.attempt ?? 0) <= (found?.attempt ?? 0);
          }),
        );
        await memories.untrimmed.apply(groups, []);
        return await store.apply(free, hints);
      },
    }),
  ],
  [
    'stores the sound groups of a batch that it refuses',
    'nothing is stored (unknown flags)',
    (store) => ({
      async apply(groups, hints) {
        try {
          return await store.apply(groups, hints);
        } catch (refused) {
          for (const group of groups) await store.apply([group], []).catch(() => undefined);
          throw refused;
        }
      },
    }),
  ],
  [
    'stores the hints of a batch that it refuses',
    'a counter may jump as far as the limit',
    (store) => ({
      async apply(groups, hints) {
        await store.apply([], hints);
        return await store.apply(groups, []);
      },
    }),
  ],
  [
    'takes writes after closing',
    'after closing, writes are refused',
    () => ({ deleteJobs: () => Promise.resolve() }),
  ],
  [
    'lists ascending whatever the direction',
    'a listing has versions and tags',
    (store) => ({ list: (partition, range) => store.list(partition, { ...range, descending: false }) }),
  ],
  [
    'reads the first records of a range, and turns them round where it descends',
    'pages and listings go through records of several batches (descending=true)',
    (store) => ({
      readRange(partition, range, bytesMax) {
        const page = store.readRange(partition, { ...range, descending: false }, bytesMax);
        return range.descending === true ? { ...page, frames: page.frames.toReversed() } : page;
      },
    }),
  ],
  [
    'says of every full listing that more follows',
    'a listing has versions and tags',
    (store) => ({
      list(partition, range) {
        const listing = store.list(partition, range);
        return { ...listing, truncated: listing.entries.length === range.limit * 32 };
      },
    }),
  ],
  [
    'says of no page that more follows',
    'a page ends at its limit or its bytes',
    (store) => ({
      readRange: (partition, range, bytesMax) => ({
        ...store.readRange(partition, range, bytesMax),
        truncated: false,
      }),
    }),
  ],
  [
    'gives an empty page where the first record is longer than bytesMax',
    'a page ends at its limit or its bytes',
    (store) => ({
      readRange(partition, range, bytesMax) {
        const page = store.readRange(partition, range, bytesMax);
        const isLonger = (page.frames[0]?.length ?? 0) > bytesMax;
        return isLonger ? { frames: [], truncated: true } : page;
      },
    }),
  ],
  [
    'reads versions in their own order',
    'versions are read in the order asked for',
    (store) => ({
      readVersions: (partition, versions, bytesMax) =>
        store.readVersions(partition, versions.toSorted(compareVersions), bytesMax),
    }),
  ],
  [
    'gives out as many digest rows as there are',
    'more digest rows than a message holds',
    (store) => ({
      rows(partition, level, ranges) {
        try {
          return store.rows(partition, level, ranges);
        } catch {
          return new Uint8Array(0);
        }
      },
    }),
  ],
  [
    'lets a trim fall',
    'trimmed records are gone and stay away',
    (store, { trims }) => ({
      async trim(partition, counter) {
        trims.set(partition, counter);
        await store.trim(partition, counter);
      },
      list(partition, range) {
        const listing = store.list(partition, range);
        return { ...listing, trimmedTo: trims.get(partition) ?? listing.trimmedTo };
      },
    }),
  ],
  [
    'leaves trimmed records in the digests',
    'trimmed records are gone and stay away',
    (store, memories) => ({
      ...remembering(store, memories),
      rows: (partition, level, ranges) => memories.untrimmed.rows(partition, level, ranges),
    }),
  ],
  [
    'shows trimmed records until they are removed',
    'more records than one step removes',
    (store, memories) => ({
      trim: (partition, counter) => {
        memories.trims.set(partition, counter);
        return Promise.resolve();
      },
      async cleaned() {
        for (const [partition, counter] of memories.trims) await store.trim(partition, counter);
      },
    }),
  ],
  [
    'has the highest counter of those that it holds for its head',
    'a trim above every record raises the head',
    (store) => ({
      summary(partition) {
        const summary = store.summary(partition);
        const [last] = store.readRange(partition, { ...EVERYTHING, descending: true, limit: 1 }, 1).frames;
        return summary && { ...summary, head: last === undefined ? 0 : frameVersion(last).counter };
      },
    }),
  ],
  [
    'loses the last record of a full page of arrivals',
    'pages follow one another without gaps and repeats (recordsMax)',
    (store) => ({
      tail(range) {
        const page = store.tail(range);
        return page.atEnd ? page : { ...page, records: page.records.slice(0, -1) };
      },
    }),
  ],
  [
    'tells of arrivals partition by partition',
    'records of all partitions come in the order of arrival',
    (store) => ({
      tail(range) {
        const page = store.tail(range);
        return { ...page, records: page.records.toSorted((a, b) => (a.partition < b.partition ? -1 : 1)) };
      },
    }),
  ],
  [
    'tells each record the place of the last one of its page',
    'the place of each record is a cursor right after it',
    (store) => ({
      tail(range) {
        const page = store.tail(range);
        return { ...page, records: page.records.map((record) => ({ ...record, ...page.cursor })) };
      },
    }),
  ],
  [
    'takes the first arrival for the end',
    'behind the end is what comes later',
    (store) => ({ arrivalEnd: () => ({ ...store.arrivalEnd(), arrival: 1 }) }),
  ],
  [
    'tells a listener of each partition of a commit apart',
    'a listener is told of each commit that brings records, once',
    (store) => ({
      onArrival: (listener) =>
        store.onArrival(({ partitions, end }) => {
          for (const name of partitions) listener({ partitions: new Set([name]), end });
        }),
    }),
  ],
  ['takes any number of listeners', 'listeners are bounded', () => ({ onArrival: () => () => {} })],
  [
    'goes on from the cursor of another store',
    'a cursor of another store is refused',
    (store) => ({
      tail: ({ after, ...range }) =>
        store.tail(after === undefined ? range : { ...range, after: { ...after, storeId: store.storeId } }),
    }),
  ],
  [
    'gives hints in the reverse order',
    'hints come back as they were put, in order',
    (store) => ({ hints: (options) => store.hints(options).reverse() }),
  ],
  [
    'gives hints from the first one on, whatever they are asked after',
    'hints are read page by page',
    (store) => ({ hints: ({ after: _, ...options }) => store.hints(options) }),
  ],
  [
    'takes a target for another one whose name it begins with',
    'the hints of one target are its own',
    (store) => ({
      hints({ target = '', ...options }): StoredHintBatch[] {
        return store.hints(options).filter((hint) => hint.target.startsWith(target));
      },
    }),
  ],
  [
    'forgets what a hint carries when it is changed',
    'a hint keeps the records that it carries',
    (store) => ({ putHint: (hint) => store.putHint({ ...hint, payload: undefined }) }),
  ],
  [
    'puts a hint that is changed beside the one that it was',
    'a hint is changed in place',
    (store) => ({ putHint: (hint) => store.putHint({ ...hint, sequence: hint.sequence + 1000 }) }),
  ],
  [
    'keeps the first state of a job',
    'jobs are put, changed and deleted',
    (store) => ({
      putJob: (job) => (store.jobs().some(({ id }) => id === job.id) ? Promise.resolve() : store.putJob(job)),
    }),
  ],
  [
    'merges what is noted of votes into what was noted before',
    'noted of votes is replaced whole',
    (store) => ({
      putVoteNote: (note) =>
        store.putVoteNote({ ...note, known: { ...store.voteNote()?.known, ...note.known } }),
    }),
  ],
  [
    'merges a catalog entry into the one that it replaces',
    'catalog entries are put and replaced',
    (store) => ({
      putCatalogEntries: (entries) =>
        store.putCatalogEntries(
          entries.map((entry) => {
            const known = store.catalog().find(({ partition }) => partition === entry.partition);
            return { ...entry, options: { ...known?.options, ...entry.options } };
          }),
        ),
    }),
  ],
  [
    'takes late writes',
    'at or below the fence no write comes in',
    (store) => ({ apply: (groups, hints) => store.apply(groups, hints, 'repair') }),
  ],
  [
    'refuses repairs that are late',
    'at or below the fence no write comes in',
    (store) => ({ apply: (groups, hints) => store.apply(groups, hints, 'write') }),
  ],
  [
    'refuses what it holds as late',
    'at or below the fence no write comes in',
    (store) => ({
      async apply(groups, hints, source) {
        const result = await store.apply(groups, hints, source);
        const { fencedTo = 0 } = store.summary('orders') ?? {};
        return fencedTo > 0 && result.added === 0
          ? { ...result, fenced: [{ partition: 'orders', fencedTo }] }
          : result;
      },
    }),
  ],
  [
    'takes a fence after a purge that it has not made',
    'a fence is for replicas that have purged as much',
    (store) => ({
      fence: (partition, counter) => store.fence(partition, counter, store.summary(partition)?.purgedTo ?? 0),
    }),
  ],
  [
    'leaves the head where it was below a fence',
    'a fence above every record raises the head',
    () => ({ head: () => 0 }),
  ],
  [
    'keeps the tombstones that it is to purge',
    'a purge takes the tombstones',
    () => ({ purge: async () => undefined }),
  ],
  [
    'purges more than it is told',
    'a purge takes the tombstones',
    (store) => ({ purge: (partition) => store.purge(partition, store.summary(partition)?.fencedTo ?? 0) }),
  ],
  [
    'drops what lives where tombstones are purged',
    'a purge takes the tombstones',
    (store, { storesOpened }) => ({
      // As of a replica that had no part in the proof.
      fence: async () => storesOpened > 0,
      purge: (partition, counter) => store.purge(partition, counter),
    }),
  ],
  [
    'takes back what a purged tombstone had deleted',
    'what a purged tombstone had deleted stays away',
    (store) => ({
      apply: (groups, hints, source) =>
        store.apply(groups, hints, source === 'write' ? source : { purgedTo: UNBOUNDED }),
    }),
  ],
  [
    'trusts what it holds though it had no part in the proof',
    'a replica that had no fence as high drops all',
    (store) => ({
      async purge(partition, counter) {
        await store.fence(partition, counter, store.summary(partition)?.purgedTo ?? 0);
        await store.purge(partition, counter);
      },
    }),
  ],
];

/** Acknowledges, and forgets when it is closed. */
const forgetful: BrokenEngine = {
  what: 'forgets on a restart what it has acknowledged',
  caughtBy: 'what was applied is read back',
  engine: {
    ...MEMORY_OPTIONS,
    makeDisk: () => ({ open: () => new MemoryStore(MEMORY_OPTIONS), remove() {} }),
  },
};

export const BROKEN_ENGINES: readonly BrokenEngine[] = [
  forgetful,
  ...BREAKS.map(([what, caughtBy, changesOf]) => ({ what, caughtBy, engine: engineWith(changesOf) })),
];
