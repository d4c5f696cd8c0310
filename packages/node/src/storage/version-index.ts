/**
 * The index: an LMDB environment of its own that says where each record lies in the arrival log, holds
 * the digest rows, and follows the log.
 *
 * Everything that a step changes is one transaction, with the applied watermark: digest rows change with
 * the records that they sum up. Steps are made one after another. A step that a crash undoes is made
 * again from the log, so commits need not wait for the disk; LMDB keeps them in order. All is worked out
 * before the transaction begins, which then only writes.
 */
import {
  compareTags,
  compareVersions,
  type DigestKernel,
  INDEXED_ROW_BYTES,
  type IndexRange,
  LIMITS,
  MendlogError,
  ORIGIN_HIGHEST,
  ROW_BYTES,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import { type Database, open, type RootDatabase } from 'lmdb';
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
import type { LocatedRecord } from './overlay.js';
import { DIGEST_LEVELS, RowChanges } from './row-changes.js';
import { checkRoom, storeError } from './store-error.js';

const EMPTY_ROW = new Uint8Array(ROW_BYTES);
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
    const shares = new LiveShares(this.#live);
    for (const slice of slicesOf(arrived)) {
      const writes = this.#writesOf(slice, { shares, applied });
      await this.#commit([...writes, ...this.#shareWrites(shares)]);
    }
    await this.#commit([() => void this.#meta.put(APPLIED_KEY, applied)]);
  }

  /** The same, done on return. */
  applySync(arrived: ArrivedRecords, applied: number): void {
    const shares = new LiveShares(this.#live);
    const writes = this.#writesOf([...arrived], { shares, applied });
    checkRoom(this.#path, writes.length * WRITE_BYTES);
    this.#env.transactionSync(() => {
      for (const write of [...writes, ...this.#shareWrites(shares)]) write();
      this.#meta.put(APPLIED_KEY, applied);
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
    const shares = new LiveShares(this.#live);
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
    writes.push(...this.#rowWrites(changes, after));
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
      if (isSparse(share)) writes.push(() => void this.#outworn.put(key, true));
      const value = liveValue(share);
      writes.push(() => void (share.records > 0 ? this.#live.put(key, value) : this.#live.remove(key)));
    }
    return writes;
  }
}

/** What a step changes of the live shares of the log's entries. */
class LiveShares {
  readonly #live: Database<Buffer, Buffer>;
  readonly #shares = new Map<number, { records: number; bytes: number; bytesInLog: number }>();
  readonly #changed = new Set<number>();

  constructor(live: Database<Buffer, Buffer>) {
    this.#live = live;
  }

  /** A record of an entry that this step applies. */
  addLive(record: LocatedRecord): void {
    const share = this.#share(record.arrival);
    share.records++;
    share.bytes += record.length;
    share.bytesInLog += record.length;
  }

  /** The same of one that gives way to another. */
  addDead(record: LocatedRecord): void {
    this.#share(record.arrival).bytesInLog += record.length;
  }

  /** A record that is no longer pointed to. */
  takeAway(record: LocatedRecord): void {
    const share = this.#share(record.arrival);
    share.records--;
    share.bytes -= record.length;
  }

  /** Those that changed since this was called. */
  takeChanged(): [arrival: number, LiveShare][] {
    const changed = [...this.#changed].map((arrival): [number, LiveShare] => [
      arrival,
      { ...this.#share(arrival) },
    ]);
    this.#changed.clear();
    return changed;
  }

  #share(arrival: number): { records: number; bytes: number; bytesInLog: number } {
    let share = this.#shares.get(arrival);
    if (share === undefined) {
      const value = this.#live.get(arrivalKey(arrival));
      share = value === undefined ? { records: 0, bytes: 0, bytesInLog: 0 } : { ...liveShare(value) };
      this.#shares.set(arrival, share);
    }
    this.#changed.add(arrival);
    return share;
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

/** Records that ascend, block by block. */
function* byBlock(
  records: readonly LocatedRecord[],
): Generator<[block: number, records: readonly LocatedRecord[]]> {
  for (let from = 0, to = 0; from < records.length; from = to) {
    const block = blockOf((records[from] as LocatedRecord).version.counter);
    to = from + 1;
    while (to < records.length && blockOf((records[to] as LocatedRecord).version.counter) === block) to++;
    yield [block, from === 0 && to === records.length ? records : records.slice(from, to)];
  }
}

interface MergedBlock {
  readonly records: readonly LocatedRecord[];
  readonly added: readonly LocatedRecord[];
  /** Records of the block that give way. */
  readonly replaced: readonly LocatedRecord[];
  /** Records that do not come in: of their version there is one with a higher tag. */
  readonly refused: readonly LocatedRecord[];
}

/** A block with new records in it; `news` ascend. */
function mergedBlock(block: IndexBlock | undefined, news: readonly LocatedRecord[]): MergedBlock {
  if (block === undefined) return { records: news, added: news, replaced: [], refused: [] };
  const old = block.all();
  if (compareVersions((old.at(-1) as LocatedRecord).version, (news[0] as LocatedRecord).version) < 0) {
    return { records: [...old, ...news], added: news, replaced: [], refused: [] };
  }
  const replaced: LocatedRecord[] = [];
  const refused: LocatedRecord[] = [];
  for (const record of news) {
    const present = block.find(record.version);
    if (present === undefined) continue;
    // Of equal tags the later arrival stays: it was written because the disk had changed the other.
    if (compareTags(present.tag, record.tag) > 0) refused.push(record);
    else replaced.push(present);
  }
  const added = news.filter((record) => !refused.includes(record));
  const isReplaced = ({ version }: LocatedRecord) =>
    replaced.some((gone) => compareVersions(gone.version, version) === 0);
  const records = [...old.filter((record) => !isReplaced(record)), ...added];
  records.sort((a, b) => compareVersions(a.version, b.version));
  return { records, added, replaced, refused };
}

/** The records ascending by version; of several of one version the one with the highest tag, the others dead. */
function winners(records: readonly LocatedRecord[], shares: LiveShares): readonly LocatedRecord[] {
  const ascends = records.every(
    (record, i) => i === 0 || compareVersions((records[i - 1] as LocatedRecord).version, record.version) < 0,
  );
  if (ascends) return records;
  const sorted = [...records].sort(
    (a, b) => compareVersions(a.version, b.version) || compareTags(b.tag, a.tag) || b.arrival - a.arrival,
  );
  return sorted.filter((record, i) => {
    const wins = i === 0 || compareVersions((sorted[i - 1] as LocatedRecord).version, record.version) < 0;
    if (!wins) shares.addDead(record);
    return wins;
  });
}

/** A frame is longer than nothing: of an entry without a live record this holds too. */
function isSparse({ bytes, bytesInLog }: LiveShare): boolean {
  return bytes < bytesInLog / 2;
}

export function tooManyRows(): MendlogError {
  return new MendlogError('TOO_LARGE', `more than ${LIMITS.rowsMax} digest rows; ask for a smaller range`);
}

/** Rows by index as one message: index u64 little-endian, then the row; ascending. */
export function packedRows(rows: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const out = new Uint8Array(rows.size * INDEXED_ROW_BYTES);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [index, row] of [...rows].sort(([a], [b]) => a - b)) {
    view.setBigUint64(at, BigInt(index), true);
    out.set(row, at + INDEXED_ROW_BYTES - ROW_BYTES);
    at += INDEXED_ROW_BYTES;
  }
  return out;
}
