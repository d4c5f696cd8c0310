/**
 * The index: an LMDB environment of its own that says where each record lies in the arrival log, holds
 * the digest rows, and follows the log.
 *
 * Everything that a slice of a step changes is one transaction, with the watermarks of its partitions:
 * digest rows change with the records that they sum up. Slices are made one after another. What a crash
 * undoes is made again from the log, so commits need not wait for the disk; LMDB keeps them in order. All
 * is worked out before the transaction begins, which then only writes.
 */
import {
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
import { changedBlocks } from './block-changes.js';
import { checkCounts } from './check-counts.js';
import type { FoundRecords } from './found-records.js';
import { blockOf, IndexBlock } from './index-block.js';
import { keyOfFrame } from './key-holders.js';
import {
  arrivalKey,
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
  partitionValue,
  rowIndexOfKey,
  rowKey,
  segmentTimes,
  segmentValue,
  textOfKeyKey,
} from './keys.js';
import { LiveShares } from './live-shares.js';
import type { LocatedRecord, Run } from './located-record.js';
import { changeOf, isAppendKey } from './partition-change.js';
import type { PartitionChange, PartitionView } from './partition-view.js';
import { DIGEST_LEVELS, EMPTY_ROW, RowChanges } from './row-changes.js';
import { checkRoom, storeError } from './store-error.js';

const EMPTY_PARTITION: IndexedPartition = {
  applied: 0,
  head: 0,
  cleanedTo: 0,
  purgedTo: 0,
  bytes: 0,
  root: EMPTY_ROW,
  appendHead: '',
};

/** What a slice of a step costs at most; a partition costs as much as so many records. */
const SLICE_COST = 2048;
const PARTITION_COST = 16;
const APPLIED_KEY = 'applied';
/** Keys that are looked through at a time. */
const KEYS_PAGE = 1000;
const NO_TIME: TimeWindow = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY };

/** By partition, in the order of arrival. */
export type ArrivedRuns = ReadonlyMap<number, readonly Run[]>;

/** Partitions as they are in the index after a change. */
export type ChangedPartitions = ReadonlyMap<number, IndexedPartition>;

type Write = () => void;

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

export type GoneRecords = Pick<PartitionView, 'trimmedTo' | 'purgedTo' | 'isPurged'>;

export interface VersionIndexOptions {
  readonly kernel: DigestKernel;
  /** The frame of a record, for its key; undefined where the disk has changed it. */
  readonly frameOf: (partitionId: number, record: LocatedRecord) => Uint8Array | undefined;
  /** What of a partition is gone, whatever the log has: see PartitionView. */
  readonly goneOf: (partitionId: number) => GoneRecords;
}

export class VersionIndex {
  readonly path: string;
  readonly #kernel: DigestKernel;
  readonly #frameOf: VersionIndexOptions['frameOf'];
  readonly #goneOf: VersionIndexOptions['goneOf'];
  readonly #env: RootDatabase;
  readonly #blocks: Database<Buffer, Buffer>;
  readonly #rows: Database<Buffer, Buffer>;
  readonly #keys: Database<Buffer, Buffer>;
  readonly #partitions: Database<Buffer, Buffer>;
  readonly #live: Database<Buffer, Buffer>;
  readonly #outworn: Database<true, Buffer>;
  readonly #meta: Database<number, string>;

  constructor(path: string, { kernel, frameOf, goneOf }: VersionIndexOptions) {
    this.path = path;
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
      this.#outworn = env.openDB({ name: 'outworn', keyEncoding: 'binary' });
      this.#meta = env.openDB({ name: 'meta' });
      const binaryTables = [this.#blocks, this.#rows, this.#keys, this.#partitions, this.#live];
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
    const value = this.#partitions.get(partitionIdKey(partitionId));
    return value === undefined ? EMPTY_PARTITION : indexedPartition(value);
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
    const lookup = keyBytesLookup(partitionId, key);
    const value = lookup && this.#keys.getBinaryFast(lookup);
    if (value === undefined) return false;
    found.seekBytes(i, value, attemptOfClaim(value));
    return true;
  }

  /** Who holds a key. */
  holder(partitionId: number, key: string): IndexedClaim | undefined {
    const value = this.#keys.getBinaryFast(keyLookup(partitionId, key));
    return value === undefined ? undefined : claimOf(value);
  }

  /** Keys above this one with who holds them, ascending, so many at most. */
  holders(partitionId: number, after: string, limit: number): { key: string; claim: IndexedClaim }[] {
    const start = keyKey(partitionId, after);
    const end = partitionIdKey(partitionId + 1);
    const found: { key: string; claim: IndexedClaim }[] = [];
    for (const { key, value } of this.#keys.getRange({ start, end, exclusiveStart: true, limit }))
      found.push({ key: textOfKeyKey(key), claim: claimOf(value) });
    return found;
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
    return this.#outworn.get(arrivalKey(arrival)) === true;
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
  async apply(arrived: ArrivedRuns, applied: number): Promise<ChangedPartitions> {
    const shares = new LiveShares((arrival) => this.live(arrival));
    const after = new Map<number, IndexedPartition>();
    for (const slice of slicesOf(arrived)) {
      await this.#commit(this.#writesOf(slice, { shares, applied, after, isOfDisk: false }));
    }
    await this.#commit([() => void this.#meta.put(APPLIED_KEY, applied)]);
    return after;
  }

  /** The same, done on return. */
  applySync(arrived: ArrivedRuns, applied: number): void {
    const shares = new LiveShares((arrival) => this.live(arrival));
    const writes = this.#writesOf([...arrived], { shares, applied, after: new Map(), isOfDisk: true });
    writes.push(() => void this.#meta.put(APPLIED_KEY, applied));
    checkRoom(this.path, writes.length * WRITE_BYTES);
    this.#env.transactionSync(() => {
      for (const write of writes) write();
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
    const change = { added: [], removed, dead: [], keys, outworn: new Set<number>() };
    const writes = this.#changeWrites(partitionId, change, { shares, changes, after });
    after.set(partitionId, { ...(after.get(partitionId) ?? before), ...progress });
    const known = new Map([[partitionId, before]]);
    writes.push(...this.#rowWrites(changes, { before: known, after }), ...this.#shareWrites(shares));
    await this.#commit(writes);
    return after.get(partitionId) ?? before;
  }

  /** Notes that these entries are removed from the log, or hold only what is live. */
  async settle(entries: readonly { arrival: number; bytesInLog: number }[]): Promise<void> {
    const writes = entries.flatMap(({ arrival, bytesInLog }): Write[] => {
      const key = arrivalKey(arrival);
      const share = this.live(arrival);
      const settled = () => void this.#outworn.remove(key);
      if (share === undefined) return [settled];
      const value = liveValue({ ...share, bytesInLog });
      return [settled, () => void this.#live.put(key, value)];
    });
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

  async #commit(writes: readonly Write[]): Promise<void> {
    checkRoom(this.path, writes.length * WRITE_BYTES);
    try {
      await this.#env.batch(() => {
        for (const write of writes) write();
      });
    } catch (cause) {
      throw await storeError(cause, this.path);
    }
  }

  #block(partitionId: number, block: number): IndexBlock | undefined {
    const value = this.#blocks.get(blockKey(partitionId, block));
    return value === undefined ? undefined : new IndexBlock(value);
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

  #writesOf(
    arrived: readonly (readonly [partitionId: number, runs: readonly Run[]])[],
    { shares, applied, after, isOfDisk }: Step,
  ): Write[] {
    const writes: Write[] = [];
    const changes = new RowChanges();
    const known = new Map<number, IndexedPartition>();
    const changed = new Map<number, IndexedPartition>();
    for (const [partitionId, runs] of arrived) {
      const gone = this.#goneOf(partitionId);
      const before = this.partition(partitionId);
      known.set(partitionId, before);
      // As a rule all: a step that a crash has cut short applied some partitions whole.
      const fresh = runs.filter(({ arrival }) => arrival > before.applied);
      const change = changeOf(fresh, {
        head: before.head,
        appendHead: before.appendHead,
        trimmedTo: gone.trimmedTo,
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
      for (const write of this.#changeWrites(partitionId, change, { shares, changes, after: changed }))
        writes.push(write);
    }
    for (const write of this.#rowWrites(changes, { before: known, after: changed })) writes.push(write);
    for (const write of this.#shareWrites(shares)) writes.push(write);
    for (const [id, partition] of changed) after.set(id, partition);
    return writes;
  }

  /** Blocks and keys of a partition; what it changes of rows and shares is noted. */
  #changeWrites(
    partitionId: number,
    change: PartitionChange,
    {
      shares,
      changes,
      after,
    }: { shares: LiveShares; changes: RowChanges; after: Map<number, IndexedPartition> },
  ): Write[] {
    const { added, removed, dead, keys, outworn } = change;
    const writes: Write[] = [];
    const before = after.get(partitionId) ?? EMPTY_PARTITION;
    let { bytes, head, appendHead } = before;
    const headBlock = blockOf(before.head);
    // Above the head nothing can be there yet: the common case costs no look-up.
    const read = (block: number) => (block > headBlock ? undefined : this.#block(partitionId, block));
    for (const [block, value] of changedBlocks(change, read)) {
      const key = blockKey(partitionId, block);
      writes.push(
        value === undefined ? () => void this.#blocks.remove(key) : () => void this.#blocks.put(key, value),
      );
    }
    noteTags(partitionId, change, changes);
    for (const run of added) {
      shares.addLive(run);
      bytes += run.entry.frameBytes(run.from, run.to);
      head = Math.max(head, run.entry.counter(run.to - 1));
    }
    for (const record of removed) {
      shares.takeAway(record);
      bytes -= record.length;
    }
    for (const record of dead) {
      shares.addDead(record);
      head = Math.max(head, record.version.counter);
    }
    for (const arrival of outworn) shares.setOutworn(arrival);
    for (const [key, claim] of keys) {
      const at = keyKey(partitionId, key);
      if (claim === undefined) writes.push(() => void this.#keys.remove(at));
      else {
        const value = claimValue(claim);
        writes.push(() => void this.#keys.put(at, value));
        if (isAppendKey(key) && key > appendHead) appendHead = key;
      }
    }
    after.set(partitionId, { ...before, bytes, head, appendHead });
    return writes;
  }

  /** The rows that changed, and the partitions with their new roots, which come into `after`. */
  #rowWrites(
    changes: RowChanges,
    { before, after }: { before: ChangedPartitions; after: Map<number, IndexedPartition> },
  ): Write[] {
    const writes: Write[] = [];
    const roots = new Map<number, Uint8Array>();
    if (!changes.isEmpty) {
      for (const level of DIGEST_LEVELS) {
        if ([...after.values()].every((partition) => isRootRow(level, partition))) continue;
        const timesBefore: (TimeWindow | undefined)[] = [];
        const { rows, partitionIds, indexes, times } = changes.level(
          this.#kernel,
          level,
          (id, index, out) => {
            const partition = before.get(id) ?? EMPTY_PARTITION;
            if (isRootRow(level, partition)) {
              if (index === 0) out.set(partition.root);
              return;
            }
            const value = this.#rows.getBinaryFast(rowKey(id, level, index)) as Buffer | undefined;
            if (value !== undefined) out.set(value.subarray(0, ROW_BYTES));
            if (level === 0) timesBefore.push(value && segmentTimes(value));
          },
        );
        for (const [i, index] of indexes.entries()) {
          const id = partitionIds[i] as number;
          if (isRootRow(level, after.get(id) ?? EMPTY_PARTITION)) continue;
          const key = rowKey(id, level, index);
          const sum = Buffer.from(rows.buffer, rows.byteOffset + i * ROW_BYTES, ROW_BYTES);
          const row = level === 0 ? segmentValue(sum, widened(timesBefore[i], times[i])) : sum;
          // An absent row is an empty one: what was trimmed leaves nothing behind.
          const isEmpty = sum.equals(EMPTY_ROW);
          writes.push(() => void (isEmpty ? this.#rows.remove(key) : this.#rows.put(key, row)));
        }
        const changed = new Set(partitionIds.filter((_, i) => indexes[i] === 0));
        for (const [id, partition] of after) {
          const was = before.get(id) ?? EMPTY_PARTITION;
          const isFirstStored = isRootRow(level, was) && !isRootRow(level, partition);
          if (!isFirstStored || changed.has(id) || Buffer.compare(was.root, EMPTY_ROW) === 0) continue;
          writes.push(() => void this.#rows.put(rowKey(id, level, 0), Buffer.from(was.root)));
        }
      }
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
      const value = partitionValue(partition);
      writes.push(() => void this.#partitions.put(partitionIdKey(id), value));
    }
    return writes;
  }

  #shareWrites(shares: LiveShares): Write[] {
    const writes: Write[] = [];
    for (const { arrival, share, isOutworn } of shares.takeChanged()) {
      const key = arrivalKey(arrival);
      if (isOutworn) writes.push(() => void this.#outworn.put(key, true));
      const value = share.records > 0 ? liveValue(share) : undefined;
      writes.push(() => void (value === undefined ? this.#live.remove(key) : this.#live.put(key, value)));
    }
    return writes;
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

/** Both windows, and what lies between them. */
function widened(a: TimeWindow | undefined, b: TimeWindow | undefined): TimeWindow {
  const [one, other] = [a ?? b ?? NO_TIME, b ?? a ?? NO_TIME];
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.max(one.toMs, other.toMs) };
}

/** Notes the tags that come in and go out, by ascending counter. */
function noteTags(partitionId: number, { added, removed }: PartitionChange, changes: RowChanges): void {
  let r = 0;
  /** Those that go out below this counter. */
  const outUpTo = (counter: number) => {
    for (let record = removed[r]; record !== undefined; record = removed[++r]) {
      if (record.version.counter >= counter) return;
      changes.add(partitionId, record.version.counter, { bytes: record.tag, at: 0, sign: -1 });
    }
  };
  for (const { entry, from, to } of added) {
    for (let place = from; place < to; place++) {
      const counter = entry.counter(place);
      if (r < removed.length) outUpTo(counter);
      const at = entry.tagAt(place);
      changes.add(partitionId, counter, { bytes: entry.bytes, at, sign: 1, timeMs: entry.timeMs(place) });
    }
  }
  outUpTo(Number.POSITIVE_INFINITY);
}

/** The partitions by id, in slices of bounded cost. */
function slicesOf(arrived: ArrivedRuns): [number, readonly Run[]][][] {
  const slices: [number, readonly Run[]][][] = [];
  let cost = SLICE_COST;
  for (const [partitionId, runs] of [...arrived].sort(([a], [b]) => a - b)) {
    if (cost >= SLICE_COST) {
      slices.push([]);
      cost = 0;
    }
    slices.at(-1)?.push([partitionId, runs]);
    cost += PARTITION_COST + runs.reduce((sum, { from, to }) => sum + to - from, 0);
  }
  return slices;
}
