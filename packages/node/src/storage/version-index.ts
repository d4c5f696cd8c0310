/**
 * The index: an LMDB environment of its own that says where each record lies in the arrival log, holds
 * the digest rows, and follows the log.
 *
 * Everything that a slice of a step changes is one transaction, with the watermarks of its partitions:
 * digest rows change with the records that they sum up. Slices are made one after another. What a crash
 * undoes is made again from the log, so commits need not wait for the disk; LMDB keeps them in order. All
 * is worked out before the transaction begins, which then only writes.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  APPEND_KEY_BYTES,
  APPEND_NAMESPACE,
  compareVersions,
  type DigestKernel,
  type IndexRange,
  LIMITS,
  ORIGIN_HIGHEST,
  ROW_BYTES,
  rowSpan,
  type TimeWindow,
  tooManyRows,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
  versionAfter,
} from '@mendlog/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import { AppendPages, type ClaimChange } from './append-pages.js';
import { type BlockTable, changeBlocks } from './block-changes.js';
import { checkCounts } from './check-counts.js';
import { DiskRoom } from './disk-room.js';
import type { FoundRecords } from './found-records.js';
import { blockOf, IndexBlock } from './index-block.js';
import { IndexWrites } from './index-writes.js';
import { isAppendKey, keyOfFrame } from './key-text.js';
import {
  arrivalKey,
  arrivalLookup,
  arrivalOfKey,
  attemptOfClaim,
  blockKey,
  blockLookup,
  claimOf,
  claimValue,
  type IndexedClaim,
  type IndexedPartition,
  indexedPartition,
  type KeyBytes,
  keyBytesLookup,
  keyKey,
  keyLookup,
  type LiveShare,
  liveShare,
  liveValue,
  partitionIdKey,
  partitionLookup,
  partitionValue,
  rowIndexOfKey,
  rowKey,
  rowLookup,
  segmentTimes,
  segmentValue,
  textOfKeyKey,
} from './keys.js';
import { type ArrivedEntry, type ChangedShare, LiveShares } from './live-shares.js';
import { type LocatedRecord, type Run, recordsOf } from './located-record.js';
import { changeOf } from './partition-change.js';
import type { PartitionChange, PartitionView } from './partition-view.js';
import { DIGEST_LEVELS, EMPTY_ROW, RowChanges } from './row-changes.js';
import type { StepPace } from './step-pace.js';
import { storeError } from './store-error.js';

const EMPTY_PARTITION: IndexedPartition = {
  applied: 0,
  head: 0,
  cleanedTo: 0,
  purgedTo: 0,
  bytes: 0,
  root: EMPTY_ROW,
  appendHead: '',
};

/** What a slice of a step costs at most, about a microsecond each; a partition costs as much as so many records. */
const SLICE_COST_MAX = 4096;
const PARTITION_COST = 16;
/** A step is made in so many slices where that is enough: whoever reads or writes in between waits for one of them. */
const SLICES = 64;
const SLICE_COST_MIN = 256;
/** Slices that are written in one transaction at most. */
const SLICES_TOGETHER_MAX = 12;
const APPLIED_KEY = 'applied';
/** Keys that are looked through at a time. */
const KEYS_PAGE = 1000;
/** What is put under an entry that is outworn: the key says it all. */
const OUTWORN = Buffer.of(0xc3);
/** Shares that are written in one transaction. */
const SHARES_MAX = 2048;
const NO_TIME: TimeWindow = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY };

type ArrivedRuns = readonly [partitionId: number, runs: readonly Run[]];

/** What a step brings. */
export interface Arrived {
  /** By partition, ascending; those of each in the order of arrival. */
  readonly runs: readonly ArrivedRuns[];
  /** All entries in which they lie. */
  readonly entries: readonly ArrivedEntry[];
  /** The arrival number up to which that is all. */
  readonly applied: number;
}

/** Partitions as they are in the index after a change. */
export type ChangedPartitions = ReadonlyMap<number, IndexedPartition>;

/** Lets others have their turn, and no more. */
const AT_ONCE: Pick<StepPace, 'isSpread' | 'rest'> = { isSpread: false, rest: async () => await nextTurn() };

/** What the slices of one step have in common. */
interface Step {
  readonly shares: LiveShares;
  /** The watermark of its partitions afterwards. */
  readonly applied: number;
  /** The partitions that it has changed. */
  readonly after: Map<number, IndexedPartition>;
  /** Its entries were read from the disk, which may have changed their frames. */
  readonly isOfDisk: boolean;
}

/** What a write takes on disk, about: a quarter of a page, since most hit a page with others. */
const WRITE_BYTES = 1024;

export type GoneRecords = Pick<PartitionView, 'trimmedTo' | 'purgedTo' | 'isPurged' | 'hasDamaged'>;

export interface VersionIndexOptions {
  readonly kernel: DigestKernel;
  /** The frame of a record, for its key; undefined where the disk has changed it. */
  readonly frameOf: (partitionId: number, record: LocatedRecord) => Uint8Array | undefined;
  /** What of a partition is gone, whatever the log has: see PartitionView. */
  readonly goneOf: (partitionId: number) => GoneRecords;
}

export class VersionIndex {
  readonly path: string;
  readonly #room: DiskRoom;
  readonly #kernel: DigestKernel;
  readonly #frameOf: VersionIndexOptions['frameOf'];
  readonly #goneOf: VersionIndexOptions['goneOf'];
  readonly #env: RootDatabase;
  readonly #blocks: Database<Buffer, Buffer>;
  readonly #rows: Database<Buffer, Buffer>;
  readonly #keys: Database<Buffer, Buffer>;
  readonly #appends: AppendPages;
  readonly #partitions: Database<Buffer, Buffer>;
  readonly #live: Database<Buffer, Buffer>;
  readonly #outworn: Database<Buffer, Buffer>;
  readonly #meta: Database<number, string>;

  constructor(path: string, { kernel, frameOf, goneOf }: VersionIndexOptions) {
    this.path = path;
    this.#room = new DiskRoom(path);
    this.#kernel = kernel;
    this.#frameOf = frameOf;
    this.#goneOf = goneOf;
    const env = openEnvironment(path);
    this.#env = env;
    try {
      const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
      this.#blocks = env.openDB({ name: 'blocks', ...binary });
      this.#rows = env.openDB({ name: 'rows', ...binary });
      this.#keys = env.openDB({ name: 'keys', ...binary });
      this.#partitions = env.openDB({ name: 'partitions', ...binary });
      this.#live = env.openDB({ name: 'live', ...binary });
      this.#outworn = env.openDB({ name: 'outworn', ...binary });
      this.#meta = env.openDB({ name: 'meta' });
      const appends = env.openDB<Buffer, Buffer>({ name: 'appends', ...binary });
      this.#appends = new AppendPages(appends);
      const binaryTables = [this.#blocks, this.#rows, this.#keys, appends, this.#partitions, this.#live];
      checkCounts([...binaryTables, this.#outworn, this.#meta]);
    } catch (cause) {
      void env.close();
      throw cause;
    }
  }

  /** The arrival number up to which the log is applied. */
  get applied(): number {
    return this.#meta.get(APPLIED_KEY) ?? 0;
  }

  partition(partitionId: number): IndexedPartition {
    const value = this.#partitions.getBinaryFast(partitionLookup(partitionId));
    return value === undefined ? EMPTY_PARTITION : indexedPartition(value as Buffer);
  }

  /** Whether it points to this very record, and not to another of its version. */
  isThere(
    partitionId: number,
    { version, arrival, ordinal }: Pick<LocatedRecord, 'version' | 'arrival' | 'ordinal'>,
  ): boolean {
    const found = this.find(partitionId, version);
    return found?.arrival === arrival && found.ordinal === ordinal;
  }

  find(partitionId: number, version: Version): LocatedRecord | undefined {
    const value = this.#blocks.getBinaryFast(blockLookup(partitionId, blockOf(version.counter)));
    return value === undefined ? undefined : new IndexBlock(value as Buffer).find(version);
  }

  /** Finds what is sought of a partition, in the order of `sought`: of those of one block it is looked up once. */
  locate(partitionId: number, found: FoundRecords, sought: Uint32Array): void {
    let last = -1;
    let block: IndexBlock | undefined;
    for (const i of sought) {
      const number = blockOf(found.counter(i));
      if (number !== last) {
        const value = this.#blocks.getBinaryFast(blockLookup(partitionId, number));
        block = value && new IndexBlock(value as Buffer);
        last = number;
      }
      block?.locate(found, i);
    }
  }

  /** Seeks the version of who holds a key; false where nobody does. */
  seekHolder(partitionId: number, key: KeyBytes, { found, i }: { found: FoundRecords; i: number }): boolean {
    const value = this.#claimAt(partitionId, key);
    if (value === undefined) return false;
    found.seekBytes(i, value, attemptOfClaim(value));
    return true;
  }

  #claimAt(partitionId: number, key: KeyBytes): Buffer | undefined {
    const { bytes, start, end } = key;
    if (bytes[start] === APPEND_NAMESPACE)
      return end - start === 1 + APPEND_KEY_BYTES
        ? this.#appends.claimAt(partitionId, bytes, start + 1)
        : undefined;
    const lookup = keyBytesLookup(partitionId, key);
    return lookup && (this.#keys.getBinaryFast(lookup) as Buffer | undefined);
  }

  /** Who holds a key. */
  holder(partitionId: number, key: string): IndexedClaim | undefined {
    if (isAppendKey(key)) return this.#appends.holder(partitionId, key);
    const value = this.#keys.getBinaryFast(keyLookup(partitionId, key));
    return value === undefined ? undefined : claimOf(value);
  }

  /** Keys above this one with who holds them, ascending, so many at most. */
  holders(partitionId: number, after: string, limit: number): { key: string; claim: IndexedClaim }[] {
    if (isAppendKey(after)) return this.#appends.after(partitionId, after, limit);
    const start = keyKey(partitionId, after);
    const end = partitionIdKey(partitionId + 1);
    const found: { key: string; claim: IndexedClaim }[] = [];
    for (const { key, value } of this.#keys.getRange({ start, end, exclusiveStart: true, limit }))
      found.push({ key: textOfKeyKey(key), claim: claimOf(value) });
    // Append keys sort behind put keys.
    return [...found, ...this.#appends.after(partitionId, '', limit - found.length)];
  }

  /** The index of the first row of a level that is not below; undefined where there is none. */
  firstRow(partitionId: number, level: number, least: number): number | undefined {
    const partition = this.partition(partitionId);
    if (isRootRow(level, partition))
      return least === 0 && Buffer.compare(partition.root, EMPTY_ROW) !== 0 ? 0 : undefined;
    const range = {
      start: rowKey(partitionId, level, least),
      end: rowKey(partitionId, level + 1, 0),
      limit: 1,
    };
    const [key] = this.#rows.getKeys(range);
    return key === undefined ? undefined : rowIndexOfKey(key);
  }

  /** In the order of the range, at most `range.limit`. */
  range(partitionId: number, { from, to, limit, descending = false }: VersionRange): LocatedRecord[] {
    const found: LocatedRecord[] = [];
    const [first, last] = [blockOf(from.counter), blockOf(to.counter)];
    const blocks = descending
      ? {
          start: blockKey(partitionId, last),
          end: blockKey(partitionId, first),
          reverse: true,
          inclusiveEnd: true,
        }
      : { start: blockKey(partitionId, first), end: blockKey(partitionId, last + 1) };
    for (const { value } of this.#blocks.getRange(blocks)) {
      const block = new IndexBlock(value);
      const start = block.placeOf(from);
      const end = block.compareVersion(block.records - 1, to) > 0 ? block.after(to) : block.records;
      for (let i = 0; i < end - start; i++) {
        if (found.length === limit) return found;
        found.push(block.record(descending ? end - 1 - i : start + i));
      }
    }
    return found;
  }

  /** Indexed rows of the ranges by index. Throws TOO_LARGE above LIMITS.rowsMax. */
  rows(partitionId: number, level: number, ranges: readonly IndexRange[]): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    const partition = this.partition(partitionId);
    if (isRootRow(level, partition)) {
      const isWanted = ranges.some(({ from }) => from === 0);
      if (isWanted && Buffer.compare(partition.root, EMPTY_ROW) !== 0) found.set(0, partition.root);
      return found;
    }
    for (const range of ranges) {
      const start = rowKey(partitionId, level, range.from);
      const end = Buffer.concat([rowKey(partitionId, level, range.to), Buffer.from([0])]);
      for (const { key, value } of this.#rows.getRange({ start, end })) {
        if (found.size >= LIMITS.rowsMax) throw tooManyRows();
        found.set(rowIndexOfKey(key), value.subarray(0, ROW_BYTES));
      }
    }
    return found;
  }

  /** Segments from this one on with the times of their records, ascending. */
  *segmentTimes(partitionId: number, from: number): Generator<{ segment: number; times: TimeWindow }> {
    const range = { start: rowKey(partitionId, 0, from), end: rowKey(partitionId, 1, 0) };
    for (const { key, value } of this.#rows.getRange(range))
      yield { segment: rowIndexOfKey(key), times: segmentTimes(value) };
  }

  /** Entries of the log of which less than half is live, or nothing: so many at most. */
  outworn(limit: number): number[] {
    return [...this.#outworn.getKeys({ limit })].map(arrivalOfKey);
  }

  isOutworn(arrival: number): boolean {
    return this.#outworn.doesExist(arrivalKey(arrival));
  }

  /** Resolves when all that was committed is on the disk: what it no longer points to may then leave the log. */
  async flushed(): Promise<void> {
    await this.#env.flushed;
  }

  live(arrival: number): LiveShare | undefined {
    const value = this.#live.get(arrivalKey(arrival));
    return value === undefined ? undefined : liveShare(value);
  }

  /**
   * Applies what arrived after the watermark, up to `applied`, which becomes the watermark.
   *
   * A large step is made in slices, so that others have their turn between them: each partition has a
   * watermark of its own, and the common one follows with the last slice.
   */
  async apply({ runs, entries, applied }: Arrived, pace = AT_ONCE): Promise<ChangedPartitions> {
    const shares = new LiveShares((arrival) => this.live(arrival), entries);
    const after = new Map<number, IndexedPartition>();
    // While some slices are written the next are worked out: what these read is of other partitions. They are written only
    // where those before them were.
    let written = Promise.resolve();
    let isWriting = false;
    const commit = async (writes: IndexWrites) => {
      await written;
      isWriting = true;
      written = this.#commit(writes).finally(() => {
        isWriting = false;
      });
      // It is looked at before the next are written.
      written.catch(() => undefined);
    };
    let writes = new IndexWrites();
    try {
      let together = 0;
      const slices = slicesOf(runs);
      for (const [i, slice] of slices.entries()) {
        this.#writeSlice(writes, slice, { shares, applied, after, isOfDisk: false });
        together++;
        const isLast = i === slices.length - 1;
        if (!isLast) await pace.rest((i + 1) / slices.length);
        if (!isLast && together < SLICES_TOGETHER_MAX && (isWriting || pace.isSpread)) continue;
        await commit(writes);
        writes = new IndexWrites();
        together = 0;
      }
      const arrived = shares.arrived();
      for (let from = 0; from < arrived.length; from += SHARES_MAX) {
        this.#writeShares(writes, arrived.slice(from, from + SHARES_MAX));
        await commit(writes);
        writes = new IndexWrites();
      }
    } finally {
      // Also where working a slice out fails: whoever tries again reads what is written by then.
      await written;
    }
    await this.#commit(writes, applied);
    return after;
  }

  /** The same, done on return, of entries that were read from the disk. */
  applySync({ runs, entries, applied }: Arrived): void {
    const shares = new LiveShares((arrival) => this.live(arrival), entries);
    const writes = new IndexWrites();
    this.#writeSlice(writes, runs, { shares, applied, after: new Map(), isOfDisk: true });
    this.#writeShares(writes, shares.arrived());
    this.#room.check(writes.size * WRITE_BYTES);
    this.#env.transactionSync(() => {
      writes.run();
      void this.#meta.put(APPLIED_KEY, applied);
    });
  }

  /**
   * Removes the oldest records at or below `trimmedTo`, so many at most. None are left where it were fewer
   * than the limit, and `cleanedTo` says so.
   */
  async clean(
    partitionId: number,
    trimmedTo: number,
    limit: number,
  ): Promise<{ removed: readonly LocatedRecord[]; after: IndexedPartition }> {
    const removed = this.range(partitionId, {
      from: VERSION_LOWEST,
      to: { counter: trimmedTo, origin: ORIGIN_HIGHEST },
      limit,
    });
    const cleanedTo = removed.length < limit ? trimmedTo : this.partition(partitionId).cleanedTo;
    return { removed, after: await this.#remove(partitionId, removed, { cleanedTo }) };
  }

  /**
   * Removes those records for which this is true, of so many from a version on up to the counter `to`. `next` is where
   * to go on; undefined where that was the end, and then `purgedTo` says so.
   */
  async purge(
    partitionId: number,
    isGone: (record: LocatedRecord) => boolean,
    { from, to, limit }: { from: Version; to: number; limit: number },
  ): Promise<{ removed: readonly LocatedRecord[]; after: IndexedPartition; next: Version | undefined }> {
    const looked = this.range(partitionId, { from, to: { counter: to, origin: ORIGIN_HIGHEST }, limit });
    const removed = looked.filter(isGone);
    const last = looked.length < limit ? undefined : looked.at(-1)?.version;
    const next = last && versionAfter(last);
    const before = this.partition(partitionId);
    if (removed.length === 0 && next !== undefined) return { removed, after: before, next };
    const purgedTo = next === undefined ? to : before.purgedTo;
    return { removed, after: await this.#remove(partitionId, removed, { purgedTo }), next };
  }

  /** Takes records out of everything that the index has of them. */
  async #remove(
    partitionId: number,
    removed: readonly LocatedRecord[],
    progress: Partial<Pick<IndexedPartition, 'cleanedTo' | 'purgedTo'>>,
  ): Promise<IndexedPartition> {
    const before = this.partition(partitionId);
    const keys = new Map(removed.flatMap((record) => this.#keyHeldBy(partitionId, record)));
    const shares = new LiveShares((arrival) => this.live(arrival));
    const changes = new RowChanges();
    const after = new Map([[partitionId, before]]);
    const change = { added: [], removed, dead: [], keys, hasNewAppends: false, outworn: new Set<number>() };
    const writes = new IndexWrites();
    this.#writeChange(writes, partitionId, change, { shares, changes, after });
    after.set(partitionId, { ...(after.get(partitionId) ?? before), ...progress });
    this.#writeRows(writes, changes, { before: new Map([[partitionId, before]]), after });
    this.#writeShares(writes, shares.takeChanged());
    await this.#commit(writes);
    return after.get(partitionId) ?? before;
  }

  /** Notes that these entries are removed from the log, or hold only what is live. */
  async settle(entries: readonly { arrival: number; bytesInLog: number }[]): Promise<void> {
    const writes = new IndexWrites();
    for (const { arrival, bytesInLog } of entries) {
      const share = this.live(arrival);
      writes.remove(this.#outworn, arrivalLookup(arrival));
      if (share !== undefined)
        writes.put(this.#live, arrivalLookup(arrival), liveValue({ ...share, bytesInLog }));
    }
    await this.#commit(writes);
  }

  /**
   * Copies the environment as it is at one moment into a folder that is there; whoever closes it waits for that.
   *
   * With overlapping sync a file also names the last state that was flushed, to which LMDB returns after a
   * restart of the machine. The copy does not keep the pages of that older state, so its own is made the
   * flushed one: by a commit, which closing flushes.
   */
  async copyTo(folder: string): Promise<void> {
    await this.#env.backup(folder, false);
    const copy = openEnvironment(folder);
    const meta = copy.openDB<number, string>({ name: 'meta' });
    meta.putSync(APPLIED_KEY, meta.get(APPLIED_KEY) ?? 0);
    await copy.close();
  }

  async close(): Promise<void> {
    await this.#env.close();
  }

  async #commit(writes: IndexWrites, applied?: number): Promise<void> {
    this.#room.check(writes.size * WRITE_BYTES);
    try {
      await this.#env.batch(() => {
        writes.run();
        if (applied !== undefined) void this.#meta.put(APPLIED_KEY, applied);
      });
    } catch (cause) {
      this.#room.doubt();
      throw await storeError(cause, this.path);
    }
  }

  /** Until the next read. */
  #block(partitionId: number, block: number): IndexBlock | undefined {
    const value = this.#blocks.getBinaryFast(blockLookup(partitionId, block));
    return value === undefined ? undefined : new IndexBlock(value as Buffer);
  }

  /** The key that a record holds, for nobody to hold it. */
  #keyHeldBy(partitionId: number, record: LocatedRecord): [key: string, holder: undefined][] {
    if (!record.hasKey) return [];
    const key = this.#keyOf(partitionId, record)?.key ?? this.#keyOfHolder(partitionId, record.version);
    const holder = key === undefined ? undefined : this.holder(partitionId, key);
    const isHeld = holder !== undefined && compareVersions(holder.version, record.version) === 0;
    return isHeld && key !== undefined ? [[key, undefined]] : [];
  }

  /** The key that a version holds, found among all of them: its frame is damaged. */
  #keyOfHolder(partitionId: number, version: Version): string | undefined {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = this.holders(partitionId, after, KEYS_PAGE);
      const found = page.find(({ claim }) => compareVersions(claim.version, version) === 0);
      if (found !== undefined) return found.key;
      after = page.length < KEYS_PAGE ? undefined : page.at(-1)?.key;
    }
    return undefined;
  }

  /** The key of a record that has one, and its attempt; undefined where the disk has changed its frame. */
  #keyOf(partitionId: number, record: LocatedRecord): { key: string; attempt: number } | undefined {
    const frame = this.#frameOf(partitionId, record);
    return frame && keyOfFrame(frame);
  }

  #writeSlice(
    writes: IndexWrites,
    arrived: readonly ArrivedRuns[],
    { shares, applied, after, isOfDisk }: Step,
  ): void {
    const changes = new RowChanges(arrived.reduce((sum, [, runs]) => sum + recordsIn(runs), 0));
    const known = new Map<number, IndexedPartition>();
    const changed = new Map<number, IndexedPartition>();
    for (const [partitionId, runs] of arrived) {
      const gone = this.#goneOf(partitionId);
      const before = this.partition(partitionId);
      known.set(partitionId, before);
      const change = changeOf(this.#freshOf(partitionId, runs, { applied: before.applied, shares }), {
        head: before.head,
        appendHead: before.appendHead,
        trimmedTo: gone.trimmedTo,
        hasDamaged: isOfDisk && gone.hasDamaged,
        purgedTo: gone.purgedTo,
        isPurged: (record) => gone.isPurged(record),
        find: (version) => this.find(partitionId, version),
        holder: (key) => this.holder(partitionId, key),
        keyOf: (record) =>
          isOfDisk || record.entry === undefined
            ? this.#keyOf(partitionId, record)
            : record.entry.key(record.place ?? 0),
      });
      changed.set(partitionId, { ...before, applied: Math.max(before.applied, applied) });
      this.#writeChange(writes, partitionId, change, { shares, changes, after: changed });
    }
    this.#writeRows(writes, changes, { before: known, after: changed });
    this.#writeShares(writes, shares.takeChanged());
    for (const [id, partition] of changed) after.set(id, partition);
  }

  /**
   * As a rule all: a step that was cut short applied some partitions whole. Of what these have in its entries the index
   * says what is dead.
   */
  #freshOf(
    partitionId: number,
    runs: readonly Run[],
    { applied, shares }: { applied: number; shares: LiveShares },
  ): readonly Run[] {
    const [first] = runs;
    if (first === undefined || first.arrival > applied) return runs;
    for (const run of runs) {
      if (run.arrival > applied) break;
      for (const record of recordsOf(run)) {
        if (!this.isThere(partitionId, record)) shares.takeAway(record);
      }
    }
    return runs.filter(({ arrival }) => arrival > applied);
  }

  /** Blocks and keys of a partition; what it changes of rows and shares is noted. */
  #writeChange(
    writes: IndexWrites,
    partitionId: number,
    change: PartitionChange,
    {
      shares,
      changes,
      after,
    }: { shares: LiveShares; changes: RowChanges; after: Map<number, IndexedPartition> },
  ): void {
    const { added, removed, dead, keys, hasNewAppends, outworn } = change;
    const before = after.get(partitionId) ?? EMPTY_PARTITION;
    let { bytes, head, appendHead } = before;
    changeBlocks(change, before.head, this.#blockTable(writes, partitionId, before));
    noteTags(partitionId, change, changes);
    for (const { entry, from, to } of added) {
      bytes += entry.frameBytes(from, to);
      head = Math.max(head, entry.counter(to - 1));
    }
    for (const record of removed) {
      shares.takeAway(record);
      bytes -= record.length;
    }
    for (const record of dead) {
      shares.takeAway(record);
      head = Math.max(head, record.version.counter);
    }
    for (const arrival of outworn) shares.setOutworn(arrival);
    const appends: ClaimChange[] = [];
    for (const [key, claim] of keys) {
      if (isAppendKey(key)) {
        appends.push([key, claim]);
        if (claim !== undefined && key > appendHead) appendHead = key;
      } else if (claim === undefined) writes.remove(this.#keys, keyLookup(partitionId, key));
      else writes.put(this.#keys, keyLookup(partitionId, key), claimValue(claim));
    }
    this.#appends.change(writes, partitionId, appends);
    if (hasNewAppends) {
      this.#appends.append(writes, partitionId, added);
      const last = added.at(-1);
      if (last !== undefined) appendHead = last.entry.key(last.to - 1).key;
    }
    after.set(partitionId, { ...before, bytes, head, appendHead });
  }

  #blockTable(writes: IndexWrites, partitionId: number, { head }: IndexedPartition): BlockTable {
    const headBlock = blockOf(head);
    return {
      out: writes,
      // Above the head nothing can be there yet: the common case costs no look-up.
      read: (block) => (block > headBlock ? undefined : this.#block(partitionId, block)),
      written: (block) => writes.put(this.#blocks, blockLookup(partitionId, block), writes.end()),
      gone: (block) => writes.remove(this.#blocks, blockLookup(partitionId, block)),
    };
  }

  /** The rows that changed, and the partitions with their new roots, which come into `after`. */
  #writeRows(
    writes: IndexWrites,
    changes: RowChanges,
    { before, after }: { before: ChangedPartitions; after: Map<number, IndexedPartition> },
  ): void {
    const roots = new Map<number, Uint8Array>();
    if (!changes.isEmpty) {
      for (const level of DIGEST_LEVELS) this.#writeLevel(writes, level, changes, { before, after });
      const { rows, partitionIds } = changes.roots(this.#kernel, (id, out) =>
        out.set(after.get(id)?.root ?? EMPTY_ROW),
      );
      for (const [i, id] of partitionIds.entries()) {
        roots.set(id, rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES));
      }
    }
    for (const [id, changed] of after) {
      const partition = { ...changed, root: roots.get(id) ?? changed.root };
      after.set(id, partition);
      writes.put(this.#partitions, partitionLookup(id), partitionValue(partition));
    }
  }

  #writeLevel(
    writes: IndexWrites,
    level: number,
    changes: RowChanges,
    { before, after }: { before: ChangedPartitions; after: ChangedPartitions },
  ): void {
    if (areRootRows(level, after)) return;
    const timesBefore: (TimeWindow | undefined)[] = [];
    const { rows, partitionIds, indexes, fromMs, toMs } = changes.level(
      this.#kernel,
      level,
      (id, index, out) => {
        const partition = before.get(id) ?? EMPTY_PARTITION;
        if (isRootRow(level, partition)) {
          if (index === 0) out.set(partition.root);
          return;
        }
        const value = this.#rows.getBinaryFast(rowLookup(id, level, index)) as Buffer | undefined;
        if (value !== undefined) for (let i = 0; i < ROW_BYTES; i++) out[i] = value[i] as number;
        if (level === 0) timesBefore.push(value && segmentTimes(value));
      },
    );
    for (let i = 0; i < indexes.length; i++) {
      const id = partitionIds[i] as number;
      if (isRootRow(level, after.get(id) ?? EMPTY_PARTITION)) continue;
      const key = rowLookup(id, level, indexes[i] as number);
      const sum = rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
      // An absent row is an empty one: what was trimmed leaves nothing behind.
      if (Buffer.compare(sum, EMPTY_ROW) === 0) writes.remove(this.#rows, key);
      else if (level > 0) writes.put(this.#rows, key, sum);
      else {
        const { fromMs: oldFromMs, toMs: oldToMs } = timesBefore[i] ?? NO_TIME;
        const times = {
          fromMs: Math.min(oldFromMs, fromMs[i] as number),
          toMs: Math.max(oldToMs, toMs[i] as number),
        };
        writes.put(this.#rows, key, segmentValue(sum, times));
      }
    }
    const changed = new Set(partitionIds.filter((_, i) => indexes[i] === 0));
    for (const [id, partition] of after) {
      const was = before.get(id) ?? EMPTY_PARTITION;
      const isFirstStored = isRootRow(level, was) && !isRootRow(level, partition);
      if (!isFirstStored || changed.has(id) || Buffer.compare(was.root, EMPTY_ROW) === 0) continue;
      writes.put(this.#rows, rowLookup(id, level, 0), Uint8Array.from(was.root));
    }
  }

  #writeShares(writes: IndexWrites, shares: readonly ChangedShare[]): void {
    for (const { arrival, share, isOutworn } of shares) {
      const key = arrivalLookup(arrival);
      if (isOutworn) writes.put(this.#outworn, key, OUTWORN);
      if (share === undefined) continue;
      if (share.records > 0) writes.put(this.#live, key, liveValue(share));
      else writes.remove(this.#live, key);
    }
  }
}

function openEnvironment(path: string): RootDatabase {
  return open({ path, maxDbs: 8, eventTurnBatching: false });
}

/**
 * Whether all counters of a partition lie in the first row of a level: then its root is that row, which is not
 * stored. So many small partitions cost two rows a step, not four and a root. Segments have times of their own.
 */
function isRootRow(level: number, { head }: IndexedPartition): boolean {
  return level > 0 && head < rowSpan(level);
}

function areRootRows(level: number, partitions: ChangedPartitions): boolean {
  for (const partition of partitions.values()) if (!isRootRow(level, partition)) return false;
  return true;
}

/** Notes the tags that come in and go out, by ascending counter. */
function noteTags(partitionId: number, { added, removed }: PartitionChange, changes: RowChanges): void {
  if (removed.length === 0) {
    for (const run of added) changes.addRun(partitionId, run);
    return;
  }
  let r = 0;
  /** Those that go out below this counter. */
  const outUpTo = (counter: number) => {
    for (let record = removed[r]; record !== undefined; record = removed[++r]) {
      if (record.version.counter >= counter) return;
      changes.add(partitionId, record.version.counter, { bytes: record.tag, at: 0, sign: -1 });
    }
  };
  for (const { arrival, entry, from, to } of added) {
    for (let place = from; place < to; place++) {
      if (r < removed.length) outUpTo(entry.counter(place));
      changes.addRun(partitionId, { arrival, entry, from: place, to: place + 1 });
    }
  }
  outUpTo(Number.POSITIVE_INFINITY);
}

function recordsIn(runs: readonly Run[]): number {
  let records = 0;
  for (const { from, to } of runs) records += to - from;
  return records;
}

/** Slices of bounded cost. */
function slicesOf(arrived: readonly ArrivedRuns[]): ArrivedRuns[][] {
  const costOf = ([, runs]: ArrivedRuns) => PARTITION_COST + recordsIn(runs);
  const total = arrived.reduce((sum, ofPartition) => sum + costOf(ofPartition), 0);
  const costMax = Math.min(SLICE_COST_MAX, Math.max(SLICE_COST_MIN, total / SLICES));
  const slices: ArrivedRuns[][] = [];
  let cost = costMax;
  for (const ofPartition of arrived) {
    if (cost >= costMax) {
      slices.push([]);
      cost = 0;
    }
    slices.at(-1)?.push(ofPartition);
    cost += costOf(ofPartition);
  }
  return slices;
}
