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
  tooManyRows,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import { byBlock, mergedBlock, winners } from './block-merge.js';
import { blockOf, IndexBlock } from './index-block.js';
import {
  arrivalKey,
  arrivalOfKey,
  blockKey,
  type IndexedPartition,
  indexedPartition,
  type LiveShare,
  liveShare,
  liveValue,
  partitionIdKey,
  partitionValue,
  rowIndexOfKey,
  rowKey,
} from './keys.js';
import { isOutworn, LiveShares } from './live-shares.js';
import type { LocatedRecord } from './overlay.js';
import { DIGEST_LEVELS, EMPTY_ROW, RowChanges } from './row-changes.js';
import { checkRoom, storeError } from './store-error.js';

const EMPTY_PARTITION: IndexedPartition = { applied: 0, head: 0, cleanedTo: 0, bytes: 0, root: EMPTY_ROW };

/** What a slice of a step costs at most; a partition costs as much as so many records. */
const SLICE_COST = 8192;
const PARTITION_COST = 16;
const APPLIED_KEY = 'applied';

/** Records of one partition in the order of arrival. */
export type ArrivedRecords = ReadonlyMap<number, readonly LocatedRecord[]>;

type Write = () => void;

/** What a write takes on disk, about: a quarter of a page, since most hit a page with others. */
const WRITE_BYTES = 1024;

export class VersionIndex {
  readonly #path: string;
  readonly #kernel: DigestKernel;
  readonly #env: RootDatabase;
  readonly #blocks: Database<Buffer, Buffer>;
  readonly #rows: Database<Buffer, Buffer>;
  readonly #partitions: Database<Buffer, Buffer>;
  readonly #live: Database<Buffer, Buffer>;
  readonly #outworn: Database<true, Buffer>;
  readonly #meta: Database<number, string>;

  constructor(path: string, kernel: DigestKernel) {
    this.#path = path;
    this.#kernel = kernel;
    this.#env = open({ path, maxDbs: 8, eventTurnBatching: false });
    const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
    this.#blocks = this.#env.openDB({ name: 'blocks', ...binary });
    this.#rows = this.#env.openDB({ name: 'rows', ...binary });
    this.#partitions = this.#env.openDB({ name: 'partitions', ...binary });
    this.#live = this.#env.openDB({ name: 'live', ...binary });
    this.#outworn = this.#env.openDB({ name: 'outworn', keyEncoding: 'binary' });
    this.#meta = this.#env.openDB({ name: 'meta' });
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
    return this.#block(partitionId, blockOf(version.counter))?.find(version);
  }

  /** Ascending, at most `range.limit`. */
  range(partitionId: number, range: VersionRange): LocatedRecord[] {
    const found: LocatedRecord[] = [];
    for (const { value } of this.#blocks.getRange({
      start: blockKey(partitionId, blockOf(range.from.counter)),
      end: blockKey(partitionId, blockOf(range.to.counter) + 1),
    })) {
      const block = new IndexBlock(value);
      const isLast = compareVersions(block.version(block.records - 1), range.to) > 0;
      const end = isLast ? block.after(range.to) : block.records;
      for (let place = block.placeOf(range.from); place < end; place++) {
        if (found.length === range.limit) return found;
        found.push(block.record(place));
      }
    }
    return found;
  }

  /** Indexed rows of the ranges by index. Throws TOO_LARGE above LIMITS.rowsMax. */
  rows(partitionId: number, level: number, ranges: readonly IndexRange[]): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    for (const range of ranges) {
      const start = rowKey(partitionId, level, range.from);
      const end = Buffer.concat([rowKey(partitionId, level, range.to), Buffer.from([0])]);
      for (const { key, value } of this.#rows.getRange({ start, end })) {
        if (found.size >= LIMITS.rowsMax) throw tooManyRows();
        found.set(rowIndexOfKey(key), value);
      }
    }
    return found;
  }

  /** Entries of the log of which less than half is live, or nothing: so many at most. */
  outworn(limit: number): number[] {
    return [...this.#outworn.getKeys({ limit })].map(arrivalOfKey);
  }

  live(arrival: number): LiveShare | undefined {
    const value = this.#live.get(arrivalKey(arrival));
    return value === undefined ? undefined : liveShare(value);
  }

  /**
   * Applies what arrived after the watermark, up to `applied`, which becomes the watermark. Of two
   * records of one version the one with the higher tag stays.
   *
   * A large step is made in slices, so that others have their turn between them: each partition has a
   * watermark of its own, and the common one follows with the last slice.
   */
  async apply(arrived: ArrivedRecords, applied: number): Promise<void> {
    const shares = new LiveShares((arrival) => this.live(arrival));
    for (const slice of slicesOf(arrived)) {
      await this.#commit(this.#writesOf(slice, { shares, applied }));
    }
    await this.#commit([() => void this.#meta.put(APPLIED_KEY, applied)]);
  }

  /** The same, done on return. */
  applySync(arrived: ArrivedRecords, applied: number): void {
    const shares = new LiveShares((arrival) => this.live(arrival));
    const writes = this.#writesOf([...arrived], { shares, applied });
    writes.push(() => void this.#meta.put(APPLIED_KEY, applied));
    checkRoom(this.#path, writes.length * WRITE_BYTES);
    this.#env.transactionSync(() => {
      for (const write of writes) write();
    });
  }

  /**
   * Removes the oldest records at or below `trimmedTo`, so many at most, and returns those; none are left
   * where it were fewer than the limit, and `cleanedTo` says so.
   */
  async clean(partitionId: number, trimmedTo: number, limit: number): Promise<readonly LocatedRecord[]> {
    const removed = this.range(partitionId, {
      from: VERSION_LOWEST,
      to: { counter: trimmedTo, origin: ORIGIN_HIGHEST },
      limit,
    });
    const before = this.partition(partitionId);
    const shares = new LiveShares((arrival) => this.live(arrival));
    const changes = new RowChanges();
    const writes: Write[] = [];
    let { bytes } = before;
    for (const [block, records] of byBlock(removed)) {
      const key = blockKey(partitionId, block);
      const left = (this.#block(partitionId, block)?.all() ?? []).slice(records.length);
      const value = IndexBlock.of(left);
      writes.push(() => void (left.length > 0 ? this.#blocks.put(key, value) : this.#blocks.remove(key)));
    }
    for (const record of removed) {
      changes.add(partitionId, record.version.counter, record.tag, -1);
      bytes -= record.length;
      shares.takeAway(record);
    }
    const cleanedTo = removed.length < limit ? trimmedTo : before.cleanedTo;
    writes.push(...this.#rowWrites(changes, new Map([[partitionId, { ...before, bytes, cleanedTo }]])));
    await this.#commit([...writes, ...this.#shareWrites(shares)]);
    return removed;
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

  async close(): Promise<void> {
    await this.#env.close();
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    checkRoom(this.#path, writes.length * WRITE_BYTES);
    try {
      await this.#env.batch(() => {
        for (const write of writes) write();
      });
    } catch (cause) {
      throw await storeError(cause, this.#path);
    }
  }

  #block(partitionId: number, block: number): IndexBlock | undefined {
    const value = this.#blocks.get(blockKey(partitionId, block));
    return value === undefined ? undefined : new IndexBlock(value);
  }

  #writesOf(
    arrived: readonly (readonly [partitionId: number, records: readonly LocatedRecord[]])[],
    { shares, applied }: { shares: LiveShares; applied: number },
  ): Write[] {
    const writes: Write[] = [];
    const changes = new RowChanges();
    const after = new Map<number, IndexedPartition>();
    for (const [partitionId, records] of arrived) {
      const before = this.partition(partitionId);
      let { bytes, head } = before;
      // As a rule all: a step that a crash has cut short applied some partitions whole.
      const fresh = records.filter(({ arrival }) => arrival > before.applied);
      for (const [block, news] of byBlock(winners(fresh, shares))) {
        // Above the head nothing can be there yet: the common case costs no look-up.
        const old = block > blockOf(before.head) ? undefined : this.#block(partitionId, block);
        const { records, added, replaced, refused } = mergedBlock(old, news);
        for (const record of replaced) {
          changes.add(partitionId, record.version.counter, record.tag, -1);
          bytes -= record.length;
          shares.takeAway(record);
        }
        for (const record of added) {
          changes.add(partitionId, record.version.counter, record.tag, 1);
          bytes += record.length;
          shares.addLive(record);
        }
        for (const record of refused) shares.addDead(record);
        if (added.length === 0) continue;
        const value = IndexBlock.of(records);
        writes.push(() => void this.#blocks.put(blockKey(partitionId, block), value));
        head = Math.max(head, (records.at(-1) as LocatedRecord).version.counter);
      }
      after.set(partitionId, { ...before, applied: Math.max(before.applied, applied), bytes, head });
    }
    writes.push(...this.#rowWrites(changes, after), ...this.#shareWrites(shares));
    return writes;
  }

  /** The rows that changed, and the partitions with their new roots. */
  #rowWrites(changes: RowChanges, after: ReadonlyMap<number, IndexedPartition>): Write[] {
    const writes: Write[] = [];
    const roots = new Map<number, Uint8Array>();
    if (!changes.isEmpty) {
      for (const level of DIGEST_LEVELS) {
        const { rows, partitionIds, indexes } = changes.level(this.#kernel, level, (id, index, out) => {
          const row = this.#rows.getBinaryFast(rowKey(id, level, index));
          if (row !== undefined) out.set(row.subarray(0, ROW_BYTES));
        });
        for (const [i, index] of indexes.entries()) {
          const key = rowKey(partitionIds[i] as number, level, index);
          const row = Buffer.from(rows.buffer, rows.byteOffset + i * ROW_BYTES, ROW_BYTES);
          // An absent row is an empty one: what was trimmed leaves nothing behind.
          const isEmpty = row.equals(EMPTY_ROW);
          writes.push(() => void (isEmpty ? this.#rows.remove(key) : this.#rows.put(key, row)));
        }
      }
      const { rows, partitionIds } = changes.roots(this.#kernel, (id, out) =>
        out.set(after.get(id)?.root ?? EMPTY_ROW),
      );
      for (const [i, id] of partitionIds.entries()) {
        roots.set(id, rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES));
      }
    }
    for (const [id, partition] of after) {
      const value = partitionValue({ ...partition, root: roots.get(id) ?? partition.root });
      writes.push(() => void this.#partitions.put(partitionIdKey(id), value));
    }
    return writes;
  }

  #shareWrites(shares: LiveShares): Write[] {
    const writes: Write[] = [];
    for (const [arrival, share] of shares.takeChanged()) {
      const key = arrivalKey(arrival);
      if (isOutworn(share)) writes.push(() => void this.#outworn.put(key, true));
      const value = share.records > 0 ? liveValue(share) : undefined;
      writes.push(() => void (value === undefined ? this.#live.remove(key) : this.#live.put(key, value)));
    }
    return writes;
  }
}

/** The partitions by id, in slices of bounded cost. */
function slicesOf(arrived: ArrivedRecords): [number, readonly LocatedRecord[]][][] {
  const slices: [number, readonly LocatedRecord[]][][] = [];
  let cost = SLICE_COST;
  for (const [partitionId, records] of [...arrived].sort(([a], [b]) => a - b)) {
    if (cost >= SLICE_COST) {
      slices.push([]);
      cost = 0;
    }
    slices.at(-1)?.push([partitionId, records]);
    cost += PARTITION_COST + records.length;
  }
  return slices;
}
