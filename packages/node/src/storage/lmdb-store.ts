/**
 * The store on LMDB: one environment, one transaction a group commit.
 *
 *   apply(): check frames, hash tags --> [ transaction: records, digest rows, partition, hints ] --> flush
 *
 * Digest rows change in the transaction of their record, so digest and store never part.
 * Three traps of lmdb-js decide the options. With overlapping sync, which is its default, readers see
 * a transaction before it is flushed: it is off, so that what can be read survives a power cut. With
 * event turn batching, its default too, a commit that fails also rejects a promise that nobody can
 * reach, which ends the process: it is off. And an exception inside `transaction` still commits what
 * came before it: `childTransaction` rolls back.
 */
import { join } from 'node:path';
import {
  type ApplyResult,
  type CatalogEntry,
  compareTags,
  DIGEST_LAYOUT,
  type DigestKernel,
  frameVersion,
  type HintBatch,
  INDEXED_ROW_BYTES,
  type IndexRange,
  itemAt,
  type Job,
  LIMITS,
  LISTING_ENTRY_BYTES,
  type Listing,
  laterVersion,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type PackedGroup,
  type Page,
  type PartitionSummary,
  type RecordId,
  ROW_BYTES,
  rowIndexOf,
  type Store,
  type StoredHintBatch,
  TAG_BYTES,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { type Database, open, type RootDatabase } from 'lmdb';
import { type DataDirLock, lockDataDir } from './data-dir-lock.js';
import {
  frameOf,
  keyAfterRecord,
  RECORD_KEY_BYTES,
  recordKey,
  rowIndexOfKey,
  rowKey,
  tagOf,
} from './keys.js';
import { dataDirError, makeDataDir } from './make-data-dir.js';
import { ensureMeta } from './meta.js';
import { storeError } from './store-error.js';

export interface LmdbStoreOptions {
  readonly dataDir: string;
  readonly nodeId: string;
  readonly kernel: DigestKernel;
  readonly secret: Uint8Array;
}

interface PartitionState {
  readonly id: number;
  readonly head: number;
  readonly trimmedTo: number;
  /** The trimmed records up to here are removed. */
  readonly cleanedTo: number;
  /** Bytes of all frames. */
  readonly bytes: number;
  /** Sum of all rows. */
  readonly root: Uint8Array;
}

/** A group whose frames are checked and hashed, ready for the transaction. */
interface PreparedGroup {
  readonly partition: string;
  readonly versions: readonly Version[];
  /** Tag and frame of each record. */
  readonly values: readonly Buffer[];
}

const EMPTY_ROW = new Uint8Array(ROW_BYTES);

type HintValue = Omit<HintBatch, 'target'>;
type HintKey = [target: string, sequence: number];

export class LmdbStore implements Store {
  readonly storeId: string;
  readonly #dataDir: string;
  readonly #env: RootDatabase;
  readonly #lock: DataDirLock;
  readonly #kernel: DigestKernel;
  readonly #secret: Uint8Array;
  readonly #records: Database<Buffer, Buffer>;
  readonly #rows: Database<Buffer, Buffer>;
  readonly #partitions: Database<PartitionState, string>;
  readonly #hints: Database<HintValue, HintKey>;
  readonly #jobs: Database<Job, string>;
  readonly #catalog: Database<CatalogEntry, string>;
  /** What the table of partitions holds, flushed; spares a read on every call. */
  readonly #known = new Map<string, PartitionState>();
  readonly #tagKeys = new Map<string, Uint8Array>();
  #nextHint = 1;
  #nextPartitionId = 1;
  /** Partitions that have trimmed records still. */
  readonly #uncleaned = new Set<string>();
  /** Under way while those are being removed. */
  #cleaning: Promise<void> | undefined;
  #closed = false;

  static open(options: LmdbStoreOptions): LmdbStore {
    const { dataDir } = options;
    makeDataDir(dataDir);
    let lock: DataDirLock | undefined;
    try {
      lock = lockDataDir(dataDir);
      return new LmdbStore(options, lock);
    } catch (cause) {
      lock?.release();
      throw dataDirError(dataDir, cause);
    }
  }

  private constructor(options: LmdbStoreOptions, lock: DataDirLock) {
    const meta = ensureMeta(options.dataDir, options.nodeId);
    this.storeId = meta.storeId;
    this.#dataDir = options.dataDir;
    this.#lock = lock;
    this.#kernel = options.kernel;
    this.#secret = options.secret;
    this.#env = open({
      path: join(options.dataDir, 'store'),
      maxDbs: 8,
      overlappingSync: false,
      eventTurnBatching: false,
    });
    this.#records = this.#env.openDB({ name: 'records', keyEncoding: 'binary', encoding: 'binary' });
    this.#rows = this.#env.openDB({ name: 'rows', keyEncoding: 'binary', encoding: 'binary' });
    this.#partitions = this.#env.openDB({ name: 'partitions' });
    this.#hints = this.#env.openDB({ name: 'hints' });
    this.#jobs = this.#env.openDB({ name: 'jobs' });
    this.#catalog = this.#env.openDB({ name: 'catalog' });
    for (const { key, value } of this.#partitions.getRange()) {
      this.#known.set(key, value);
      this.#nextPartitionId = Math.max(this.#nextPartitionId, value.id + 1);
      if (value.cleanedTo < value.trimmedTo) this.#uncleaned.add(key);
    }
    this.#clean();
    for (const { key } of this.#hints.getRange()) this.#nextHint = Math.max(this.#nextHint, key[1] + 1);
  }

  async apply(groups: readonly PackedGroup[], hints: readonly HintBatch[]): Promise<ApplyResult> {
    const prepared = groups.map((group) => this.#prepare(group));
    const keyedHints = hints.map((hint) => ({
      key: [hint.target, this.#nextHint++] satisfies HintKey,
      hint,
    }));
    const { changed, added, trimmed } = await this.#transaction(() => {
      let added = 0;
      const trimmed = new Map<string, number>();
      const changed = new Map<string, PartitionState>();
      for (const group of prepared) {
        const applied = this.#applyGroup(group, changed);
        added += applied.added;
        if (applied.refusedTo > 0) trimmed.set(group.partition, applied.refusedTo);
      }
      for (const { key, hint } of keyedHints) this.#hints.put(key, hintValue(hint));
      return { changed, added, trimmed };
    });
    for (const [partition, state] of changed) this.#known.set(partition, state);
    return { added, trimmed: [...trimmed].map(([partition, trimmedTo]) => ({ partition, trimmedTo })) };
  }

  async trim(partition: string, counter: number): Promise<void> {
    checkJump(this.head(partition), counter);
    if ((this.#known.get(partition)?.trimmedTo ?? 0) < counter) {
      await this.#cleanAfter(partition, (before) => ({
        ...before,
        head: Math.max(before.head, counter),
        trimmedTo: Math.max(before.trimmedTo, counter),
      }));
    }
    // Also where nothing rose: an earlier removal may have met a full disk.
    this.#clean();
  }

  async cleaned(): Promise<void> {
    await this.#cleaning;
  }

  head(partition: string): number {
    return this.#known.get(partition)?.head ?? 0;
  }

  partitions(): PartitionSummary[] {
    return [...this.#known].map(([partition, state]) => summaryOf(partition, state));
  }

  summary(partition: string): PartitionSummary | undefined {
    const state = this.#known.get(partition);
    return state === undefined ? undefined : summaryOf(partition, state);
  }

  read(partition: string, id: RecordId): Uint8Array[] {
    const { counter, origin } = id;
    const from = { counter, origin: origin ?? ORIGIN_LOWEST };
    const to = { counter, origin: origin ?? ORIGIN_HIGHEST };
    return [
      ...this.readRange(partition, { from, to, limit: LIMITS.batchRecordsMax }, LIMITS.messageBytesMax)
        .frames,
    ];
  }

  readVersions(partition: string, versions: readonly Version[], bytesMax: number): Uint8Array[] {
    const state = this.#known.get(partition);
    if (state === undefined) return [];
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (const version of versions) {
      if (version.counter <= state.trimmedTo) continue;
      const value = this.#records.get(recordKey(state.id, version));
      if (value === undefined) continue;
      frames.push(frameOf(value));
      bytes += value.length;
      if (bytes >= bytesMax) break;
    }
    return frames;
  }

  readRange(partition: string, range: VersionRange, bytesMax: number): Page {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (const { value } of this.#entries(partition, range)) {
      if (frames.length >= range.limit || bytes >= bytesMax) return { frames, truncated: true };
      frames.push(frameOf(value));
      bytes += value.length;
    }
    return { frames, truncated: false };
  }

  list(partition: string, range: VersionRange): Listing {
    const { head = 0, trimmedTo = 0 } = this.#known.get(partition) ?? {};
    const parts: Buffer[] = [];
    let listed = 0;
    let truncated = false;
    for (const { key, value } of this.#entries(partition, range)) {
      truncated = listed >= range.limit;
      if (truncated) break;
      parts.push(key.subarray(4, RECORD_KEY_BYTES), tagOf(value));
      listed++;
    }
    const entries = Buffer.concat(parts, listed * LISTING_ENTRY_BYTES);
    return { entries, truncated, trimmedTo, head };
  }

  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array {
    const state = this.#known.get(partition);
    if (state === undefined) return new Uint8Array(0);
    const parts: Buffer[] = [];
    for (const range of ranges) {
      const start = rowKey(state.id, level, range.from);
      const end = Buffer.concat([rowKey(state.id, level, range.to), Buffer.from([0])]);
      for (const { key, value } of this.#rows.getRange({ start, end })) {
        const index = Buffer.allocUnsafe(INDEXED_ROW_BYTES - ROW_BYTES);
        index.writeBigUInt64LE(rowIndexOfKey(key));
        parts.push(index, value);
        if (parts.length > 2 * LIMITS.rowsMax) {
          throw new MendlogError(
            'TOO_LARGE',
            `more than ${LIMITS.rowsMax} digest rows; ask for a smaller range`,
          );
        }
      }
    }
    return Buffer.concat(parts);
  }

  hints(options: { target?: string; after?: number; limit: number }): StoredHintBatch[] {
    const { target, after = 0, limit } = options;
    const range =
      target === undefined
        ? {}
        : { start: [target, after + 1] as HintKey, end: [target, Infinity] as HintKey };
    const found: StoredHintBatch[] = [];
    for (const { key, value } of this.#hints.getRange({ ...range, limit })) {
      found.push({ ...value, target: key[0], sequence: key[1] });
    }
    return found;
  }

  async putHint(hint: StoredHintBatch): Promise<void> {
    await this.#transaction(() => void this.#hints.put([hint.target, hint.sequence], hintValue(hint)));
  }

  async deleteHints(hints: readonly StoredHintBatch[]): Promise<void> {
    await this.#transaction(() => {
      for (const hint of hints) this.#hints.remove([hint.target, hint.sequence]);
    });
  }

  jobs(): Job[] {
    return [...this.#jobs.getRange()].map(({ value }) => value);
  }

  async putJob(job: Job): Promise<void> {
    await this.#transaction(() => void this.#jobs.put(job.id, job));
  }

  async deleteJobs(ids: readonly string[]): Promise<void> {
    await this.#transaction(() => {
      for (const id of ids) this.#jobs.remove(id);
    });
  }

  catalog(): CatalogEntry[] {
    return [...this.#catalog.getRange()].map(({ value }) => value);
  }

  async putCatalogEntries(entries: readonly CatalogEntry[]): Promise<void> {
    await this.#transaction(() => {
      for (const entry of entries) this.#catalog.put(entry.partition, entry);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#cleaning;
    await this.#env.close();
    this.#lock.release();
  }

  async #transaction<T>(action: () => T): Promise<T> {
    if (this.#closed) throw new MendlogError('CLOSED', 'the store is closed');
    try {
      return await this.#env.childTransaction(action);
    } catch (cause) {
      throw await storeError(cause, this.#dataDir);
    }
  }

  /** Everything that can fail for a reason of the input happens here, before the transaction. */
  #prepare(group: PackedGroup): PreparedGroup {
    const { partition, bytes, ends } = group;
    const tags = new Uint8Array(ends.length * TAG_BYTES);
    this.#kernel.tags(this.#tagKey(partition), bytes, ends, tags);
    const head = this.head(partition);
    const versions: Version[] = [];
    const values: Buffer[] = [];
    for (let i = 0; i < ends.length; i++) {
      const frame = itemAt(group, i);
      const version = frameVersion(frame);
      checkJump(head, version.counter);
      versions.push(version);
      values.push(Buffer.concat([tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES), frame]));
    }
    return { partition, versions, values };
  }

  /** Inside the transaction. How many records are new, and the watermark where some lie below it. */
  #applyGroup(
    group: PreparedGroup,
    changed: Map<string, PartitionState>,
  ): { added: number; refusedTo: number } {
    const before =
      changed.get(group.partition) ?? this.#partitions.get(group.partition) ?? this.#newPartition();
    const tagsIn = new TagChanges();
    const tagsOut = new TagChanges();
    let { bytes, head } = before;
    let added = 0;
    let refusedTo = 0;
    for (const [i, version] of group.versions.entries()) {
      const key = recordKey(before.id, version);
      const value = group.values[i] as Buffer;
      if (version.counter <= before.trimmedTo) {
        refusedTo = before.trimmedTo;
        continue;
      }
      // Above the head nothing can be there yet: the common case costs no look-up.
      const present = version.counter > head ? undefined : this.#records.get(key);
      if (present !== undefined) {
        if (compareTags(tagOf(present), tagOf(value)) >= 0) continue;
        tagsOut.add(version.counter, tagOf(present));
        bytes -= frameOf(present).length;
      } else {
        added++;
      }
      this.#records.put(key, value);
      tagsIn.add(version.counter, tagOf(value));
      bytes += frameOf(value).length;
      head = Math.max(head, version.counter);
    }
    const root = Uint8Array.from(before.root);
    // In this order: a record that one batch both brings and replaces must be in before it goes out.
    this.#changeRows(before.id, root, tagsIn, 1);
    this.#changeRows(before.id, root, tagsOut, -1);
    const after = { ...before, bytes, head, root };
    this.#partitions.put(group.partition, after);
    changed.set(group.partition, after);
    return { added, refusedTo };
  }

  #clean(): void {
    if (this.#uncleaned.size === 0) return;
    this.#cleaning ??= this.#cleanAll().finally(() => {
      this.#cleaning = undefined;
    });
  }

  /** One step after another, until nothing is left; what fails is tried again with the next trim. */
  async #cleanAll(): Promise<void> {
    try {
      // Those that join meanwhile have their turn too.
      for (const partition of this.#uncleaned) {
        while (this.#uncleaned.has(partition)) await this.#cleanAfter(partition, (before) => before);
      }
    } catch {
      // The disk is full, or the store is closed: what was trimmed stays out of sight all the same.
    }
  }

  /** Changes a partition and removes some of its trimmed records, in one transaction. */
  async #cleanAfter(partition: string, change: (before: PartitionState) => PartitionState): Promise<void> {
    const state = await this.#transaction(() => {
      const before = this.#partitions.get(partition) ?? this.#newPartition();
      const after = this.#cleanStep(change(before));
      this.#partitions.put(partition, after);
      return after;
    });
    this.#known.set(partition, state);
    if (state.cleanedTo < state.trimmedTo) this.#uncleaned.add(partition);
    else this.#uncleaned.delete(partition);
  }

  /** Inside the transaction: removes the oldest trimmed records, so many at most. */
  #cleanStep(before: PartitionState): PartitionState {
    const oldest = [
      ...this.#records.getRange({
        start: recordKey(before.id, VERSION_LOWEST),
        end: keyAfterRecord(before.id, { counter: before.trimmedTo, origin: ORIGIN_HIGHEST }),
        limit: LIMITS.trimStepRecords,
      }),
    ];
    const tagsOut = new TagChanges();
    let { bytes } = before;
    for (const { key, value } of oldest) {
      tagsOut.add(frameVersion(frameOf(value)).counter, tagOf(value));
      bytes -= frameOf(value).length;
      this.#records.remove(key);
    }
    const root = Uint8Array.from(before.root);
    this.#changeRows(before.id, root, tagsOut, -1);
    const isLastStep = oldest.length < LIMITS.trimStepRecords;
    return { ...before, bytes, root, cleanedTo: isLastStep ? before.trimmedTo : before.cleanedTo };
  }

  /** Inside the transaction, which may fail: then its id is left out. */
  #newPartition(): PartitionState {
    const id = this.#nextPartitionId++;
    return { id, head: 0, trimmedTo: 0, cleanedTo: 0, bytes: 0, root: new Uint8Array(ROW_BYTES) };
  }

  #changeRows(partitionId: number, root: Uint8Array, changes: TagChanges, sign: 1 | -1): void {
    if (changes.counters.length === 0) return;
    const tags = changes.tags();
    this.#kernel.addTags(root, new Uint32Array(changes.counters.length), tags, sign);
    for (let level = 0; level < DIGEST_LAYOUT.levels; level++) {
      const positions = new Map<number, number>();
      const rowOf = Uint32Array.from(changes.counters, (counter) => {
        const index = rowIndexOf(counter, level);
        const position = positions.get(index) ?? positions.size;
        positions.set(index, position);
        return position;
      });
      const rows = new Uint8Array(positions.size * ROW_BYTES);
      for (const [index, position] of positions) {
        const row = this.#rows.get(rowKey(partitionId, level, index));
        if (row !== undefined) rows.set(row, position * ROW_BYTES);
      }
      this.#kernel.addTags(rows, rowOf, tags, sign);
      for (const [index, position] of positions) {
        const row = Buffer.from(rows.subarray(position * ROW_BYTES, (position + 1) * ROW_BYTES));
        const key = rowKey(partitionId, level, index);
        // An absent row is an empty one: what was trimmed leaves nothing behind.
        if (row.equals(EMPTY_ROW)) this.#rows.remove(key);
        else this.#rows.put(key, row);
      }
    }
  }

  #entries(partition: string, range: VersionRange): Iterable<{ key: Buffer; value: Buffer }> {
    const state = this.#known.get(partition);
    if (state === undefined) return [];
    const firstKept = { counter: state.trimmedTo + 1, origin: ORIGIN_LOWEST };
    // One more than asked for shows whether more follow.
    return this.#records.getRange({
      start: recordKey(state.id, laterVersion(range.from, firstKept)),
      end: keyAfterRecord(state.id, range.to),
      limit: range.limit + 1,
    });
  }

  #tagKey(partition: string): Uint8Array {
    let key = this.#tagKeys.get(partition);
    if (key === undefined) {
      key = partitionKey(this.#kernel, this.#secret, partition);
      this.#tagKeys.set(partition, key);
    }
    return key;
  }
}

/** Tags to add to or take from the digest, with the counters that say where. */
class TagChanges {
  readonly counters: number[] = [];
  readonly #tags: Uint8Array[] = [];

  add(counter: number, tag: Uint8Array): void {
    this.counters.push(counter);
    this.#tags.push(tag);
  }

  tags(): Uint8Array {
    return Buffer.concat(this.#tags);
  }
}

function checkJump(head: number, counter: number): void {
  if (counter > head + LIMITS.counterJumpMax)
    throw new MendlogError('CLOCK_JUMP', `counter ${counter} is too far ahead of ${head}`);
}

function hintValue(hint: HintBatch): HintValue {
  const { createdAtMs, attempts, nextAttemptAtMs, groups } = hint;
  return { createdAtMs, attempts, nextAttemptAtMs, groups };
}

function summaryOf(partition: string, state: PartitionState): PartitionSummary {
  const count = new DataView(state.root.buffer, state.root.byteOffset).getBigUint64(ROW_BYTES - 8, true);
  const { bytes, cleanedTo, head, trimmedTo, root } = state;
  // All of it is trimmed, whether or not it is removed by now.
  if (trimmedTo >= head)
    return { partition, records: 0, bytes: 0, head, trimmedTo, cleanedTo, root: EMPTY_ROW };
  return { partition, records: Number(count), bytes, head, trimmedTo, cleanedTo, root };
}
