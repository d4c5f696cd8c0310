/**
 * The storage port in memory: slow, short and readable. It is the oracle of the engine on disk, which
 * passes the same tests, and the store of whoever needs none that lasts.
 *
 * Digests are computed from the records whenever somebody asks, so that they cannot be wrong. What a
 * promise acknowledges is there at once; a trim removes at once.
 */
import type { Job } from '../anti-entropy/job.js';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { checkCounterJump } from '../counter-jump.js';
import { packIndexedRows } from '../digest/indexed-rows.js';
import { type DigestKernel, ROW_BYTES, TAG_BYTES } from '../digest/kernel.js';
import { type IndexRange, joinedRanges, rowIndexOf, segmentCounters } from '../digest/layout.js';
import { MendlogError } from '../errors.js';
import { checkCursor } from '../ports/arrival-cursor.js';
import { ArrivalListeners } from '../ports/arrival-listeners.js';
import type {
  ApplyResult,
  ArrivalCursor,
  Arrived,
  HintBatch,
  KeyHoldings,
  Page,
  PartitionSummary,
  RecordSource,
  Store,
  StoredHintBatch,
  TailPage,
  TailRange,
  TailRecord,
  TimeRanges,
  TimeWindow,
} from '../ports/store.js';
import { type KeyState, packKeyStates } from '../protocol/key-claims.js';
import { compareTags, type Listing, packListingEntries, type VersionRange } from '../protocol/listing.js';
import { itemsOf, type PackedGroup } from '../protocol/packed.js';
import { decodeFrame, frameKey, frameVersion } from '../record.js';
import { compareClaims, type RecordKey } from '../record-key.js';
import { compareVersions, formatVersion, type RecordId, type Version } from '../version.js';
import type { VoteNote } from '../votes/vote-note.js';

export interface MemoryStoreOptions {
  readonly storeId: string;
  readonly kernel: DigestKernel;
  /** The key of a partition's tags. */
  readonly tagKeyOf: (partition: string) => Uint8Array;
}

interface MemoryRecord {
  readonly version: Version;
  readonly tag: Uint8Array;
  readonly frame: Uint8Array;
  /** The bytes of its key as a text. */
  readonly key: string | undefined;
  readonly attempt: number;
  readonly isTombstone: boolean;
}

interface MemoryPartition {
  readonly records: Map<string, MemoryRecord>;
  head: number;
  trimmedTo: number;
  fencedTo: number;
  purgedTo: number;
}

/** What outlives a store that is closed, as a disk does. */
class MemoryDisk {
  readonly partitions = new Map<string, MemoryPartition>();
  readonly jobs = new Map<string, Job>();
  readonly catalog = new Map<string, CatalogEntry>();
  voteNote: VoteNote | undefined;
  hints: StoredHintBatch[] = [];
  nextHint = 1;
  /** What came in, in this order; what is gone since stays here. */
  readonly arrivals: { readonly partition: string; readonly record: MemoryRecord }[] = [];
}

export class MemoryStore implements Store {
  readonly storeId: string;
  readonly #options: MemoryStoreOptions;
  readonly #disk: MemoryDisk;
  readonly #listeners = new ArrivalListeners();
  #closed = false;

  constructor(options: MemoryStoreOptions, disk = new MemoryDisk()) {
    this.storeId = options.storeId;
    this.#options = options;
    this.#disk = disk;
  }

  /** A store that finds what this one has acknowledged. */
  reopened(): MemoryStore {
    return new MemoryStore(this.#options, this.#disk);
  }

  async apply(
    groups: readonly PackedGroup[],
    hints: readonly HintBatch[],
    source?: RecordSource,
  ): Promise<ApplyResult> {
    return this.applyNow(groups, hints, source);
  }

  /** As apply(), for whoever has a clock of its own, such as a simulator. */
  applyNow(
    groups: readonly PackedGroup[],
    hints: readonly HintBatch[],
    source: RecordSource = 'write',
  ): ApplyResult {
    const checked = groups.filter(({ ends }) => ends.length > 0).map((group) => this.#checked(group));
    this.#checkOpen();
    const trimmed = new Map<string, number>();
    const fenced = new Map<string, number>();
    const purged = new Map<string, number>();
    const arrived = new Set<string>();
    let added = 0;
    for (const { partition, records } of checked) {
      const known = this.#made(partition);
      for (const record of records) {
        const { counter } = record.version;
        if (counter <= known.trimmedTo) {
          trimmed.set(partition, known.trimmedTo);
          continue;
        }
        const holder = holderOf(record, known);
        if (holder !== undefined && compareClaims(holder, record) > 0) continue;
        const present = known.records.get(formatVersion(record.version));
        if (present !== undefined && compareTags(present.tag, record.tag) >= 0) continue;
        if (present === undefined && counter <= known.fencedTo && source === 'write') {
          fenced.set(partition, known.fencedTo);
          continue;
        }
        if (present === undefined && counter <= known.purgedTo && !isBrought(record, known, source)) {
          purged.set(partition, known.purgedTo);
          continue;
        }
        if (present === undefined) added++;
        if (holder !== undefined) known.records.delete(formatVersion(holder.version));
        known.records.set(formatVersion(record.version), record);
        this.#disk.arrivals.push({ partition, record });
        arrived.add(partition);
      }
    }
    // What another record of the batch superseded was never there.
    for (const { partition, records } of checked) {
      const known = this.#made(partition);
      for (const { version } of records)
        if (known.records.has(formatVersion(version))) known.head = Math.max(known.head, version.counter);
    }
    for (const hint of hints) this.#disk.hints.push({ ...hint, sequence: this.#disk.nextHint++ });
    if (arrived.size > 0) this.#listeners.tell({ partitions: arrived, end: this.arrivalEnd() });
    return {
      added,
      trimmed: [...trimmed].map(([partition, trimmedTo]) => ({ partition, trimmedTo })),
      fenced: [...fenced].map(([partition, fencedTo]) => ({ partition, fencedTo })),
      purged: [...purged].map(([partition, purgedTo]) => ({ partition, purgedTo })),
    };
  }

  async trim(partition: string, counter: number): Promise<void> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    if (counter <= (this.#disk.partitions.get(partition)?.trimmedTo ?? 0)) return;
    const known = this.#made(partition);
    known.trimmedTo = counter;
    known.head = Math.max(known.head, counter);
    for (const [key, { version }] of known.records) if (version.counter <= counter) known.records.delete(key);
  }

  async cleaned(): Promise<void> {}

  async fence(partition: string, counter: number, purgedTo: number): Promise<boolean> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    if (purgedTo !== (this.#disk.partitions.get(partition)?.purgedTo ?? 0)) return false;
    raiseFence(this.#made(partition), counter);
    return true;
  }

  async purge(partition: string, counter: number): Promise<void> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    const known = this.#made(partition);
    if (counter <= known.purgedTo) return;
    const knowsAll = known.fencedTo >= counter;
    raiseFence(known, counter);
    known.purgedTo = counter;
    for (const [version, record] of known.records) {
      const isGone = record.version.counter <= counter && (record.isTombstone || !knowsAll);
      if (isGone) known.records.delete(version);
    }
  }

  head(partition: string): number {
    return this.#disk.partitions.get(partition)?.head ?? 0;
  }

  trimmedTo(partition: string): number {
    return this.#disk.partitions.get(partition)?.trimmedTo ?? 0;
  }

  purgedTo(partition: string): number {
    return this.#disk.partitions.get(partition)?.purgedTo ?? 0;
  }

  partitions(): PartitionSummary[] {
    return [...this.#disk.partitions.keys()].flatMap((partition) => this.summary(partition) ?? []);
  }

  summary(partition: string): PartitionSummary | undefined {
    const known = this.#disk.partitions.get(partition);
    if (known === undefined) return undefined;
    const { head, trimmedTo, fencedTo, purgedTo } = known;
    const records = [...known.records.values()];
    const bytes = records.reduce((sum, { frame }) => sum + frame.length, 0);
    const root = this.#sumOf(records);
    const cleanedTo = trimmedTo;
    return {
      partition,
      records: records.length,
      bytes,
      head,
      trimmedTo,
      cleanedTo,
      fencedTo,
      purgedTo,
      root,
    };
  }

  read(partition: string, { counter, origin }: RecordId): Uint8Array[] {
    return this.#sorted(partition)
      .filter(
        ({ version }) => version.counter === counter && (origin === undefined || version.origin === origin),
      )
      .map(({ frame }) => frame.slice());
  }

  readVersions(partition: string, versions: readonly Version[], bytesMax: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (const version of versions) {
      const record = this.#disk.partitions.get(partition)?.records.get(formatVersion(version));
      if (bytes >= bytesMax) break;
      if (record === undefined) continue;
      frames.push(record.frame.slice());
      bytes += record.frame.length;
    }
    return frames;
  }

  readKeys(partition: string, keys: readonly RecordKey[], bytesMax: number): Uint8Array[] {
    const records = this.#sorted(partition);
    const versions = keys.flatMap((key) => {
      const holder = records.find((record) => record.key === keyOf(key));
      return holder === undefined ? [] : [holder.version];
    });
    return this.readVersions(partition, versions, bytesMax);
  }

  keyHoldings(groups: readonly PackedGroup[], bytesMax: number): KeyHoldings {
    const states: KeyState[] = [];
    const frames: (Uint8Array | undefined)[] = [];
    let bytes = 0;
    for (const group of groups) {
      for (const state of this.keyStates(group.partition, [...itemsOf(group)])) {
        states.push(state);
        if (bytesMax === 0) continue;
        const isRead = typeof state !== 'string' && bytes < bytesMax;
        const [frame] = isRead ? this.readVersions(group.partition, [state.version], bytesMax) : [];
        frames.push(frame);
        bytes += frame?.length ?? 0;
      }
    }
    return { states: packKeyStates(states), frames };
  }

  keyStates(partition: string, keys: readonly RecordKey[]): KeyState[] {
    const known = this.#disk.partitions.get(partition);
    return keys.map((key) => (known && holderOf({ key: keyOf(key) }, known)) ?? 'absent');
  }

  readRange(partition: string, range: VersionRange, bytesMax: number): Page {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (const { frame } of this.#within(partition, range)) {
      if (frames.length >= range.limit || (frames.length > 0 && bytes >= bytesMax))
        return { frames, truncated: true };
      frames.push(frame.slice());
      bytes += frame.length;
    }
    return { frames, truncated: false };
  }

  list(partition: string, range: VersionRange): Listing {
    const { head = 0, trimmedTo = 0 } = this.#disk.partitions.get(partition) ?? {};
    const within = this.#within(partition, range);
    const entries = packListingEntries(within.slice(0, range.limit));
    return { entries, truncated: within.length > range.limit, trimmedTo, head };
  }

  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array {
    const byIndex = new Map<number, MemoryRecord[]>();
    for (const record of this.#sorted(partition)) {
      const index = rowIndexOf(record.version.counter, level);
      if (!ranges.some(({ from, to }) => index >= from && index <= to)) continue;
      const row = byIndex.get(index);
      if (row === undefined) byIndex.set(index, [record]);
      else row.push(record);
    }
    return packIndexedRows(new Map([...byIndex].map(([index, records]) => [index, this.#sumOf(records)])));
  }

  timeRanges(
    partition: string,
    { fromMs, toMs }: TimeWindow,
    { from, limit }: { from: number; limit: number },
  ): TimeRanges {
    const segments = this.#sorted(partition)
      .filter(({ version }) => version.counter >= from)
      .filter(({ frame }) => {
        const { timeMs } = decodeFrame(frame);
        return timeMs >= fromMs && timeMs <= toMs;
      })
      .map(({ version }) => rowIndexOf(version.counter, 0));
    const ranges = joinedRanges(segments, segmentCounters);
    return { ranges: ranges.slice(0, limit), next: ranges[limit]?.from };
  }

  tail({ after, partitions, recordsMax, bytesMax }: TailRange): TailPage {
    const { storeId } = this;
    checkCursor(storeId, after);
    const records: TailRecord[] = [];
    let arrival = after?.arrival ?? 0;
    let bytes = 0;
    for (const { partition, record } of this.#disk.arrivals.slice(arrival)) {
      if (records.length >= recordsMax || (records.length > 0 && bytes >= bytesMax))
        return { records, cursor: { storeId, arrival, ordinal: 0 }, atEnd: false };
      arrival++;
      const isThere =
        this.#disk.partitions.get(partition)?.records.get(formatVersion(record.version)) === record;
      if (!isThere || partitions?.has(partition) === false) continue;
      records.push({ partition, frame: record.frame.slice(), arrival, ordinal: 0 });
      bytes += record.frame.length;
    }
    return { records, cursor: { storeId, arrival, ordinal: 0 }, atEnd: true };
  }

  arrivalEnd(): ArrivalCursor {
    return { storeId: this.storeId, arrival: this.#disk.arrivals.length, ordinal: 0 };
  }

  onArrival(listener: (arrived: Arrived) => void): () => void {
    return this.#listeners.add(listener);
  }

  hints({ target, after = 0, limit }: { target?: string; after?: number; limit: number }): StoredHintBatch[] {
    return this.#disk.hints
      .filter((hint) => target === undefined || (hint.target === target && hint.sequence > after))
      .sort((a, b) => (a.target === b.target ? a.sequence - b.sequence : a.target < b.target ? -1 : 1))
      .slice(0, limit);
  }

  async putHint(hint: StoredHintBatch): Promise<void> {
    this.#checkOpen();
    this.#withoutHints([hint]);
    this.#disk.hints.push(hint);
  }

  async deleteHints(hints: readonly StoredHintBatch[]): Promise<void> {
    this.#checkOpen();
    this.#withoutHints(hints);
  }

  jobs(): Job[] {
    return [...this.#disk.jobs.values()];
  }

  async putJob(job: Job): Promise<void> {
    this.#checkOpen();
    this.#disk.jobs.set(job.id, job);
  }

  async deleteJobs(ids: readonly string[]): Promise<void> {
    this.#checkOpen();
    for (const id of ids) this.#disk.jobs.delete(id);
  }

  voteNote(): VoteNote | undefined {
    return this.#disk.voteNote;
  }

  async putVoteNote(note: VoteNote): Promise<void> {
    this.#checkOpen();
    this.#disk.voteNote = note;
  }

  catalog(): CatalogEntry[] {
    return [...this.#disk.catalog.values()];
  }

  async putCatalogEntries(entries: readonly CatalogEntry[]): Promise<void> {
    this.#checkOpen();
    for (const entry of entries) this.#disk.catalog.set(entry.partition, entry);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new MendlogError('CLOSED', 'the store is closed');
  }

  /** Copies of the records of a group, all of them sound. */
  #checked(group: PackedGroup): { partition: string; records: MemoryRecord[] } {
    const { kernel, tagKeyOf } = this.#options;
    const { partition } = group;
    const head = this.head(partition);
    const records = [...itemsOf(group)].map((item) => {
      const version = frameVersion(item);
      checkCounterJump(head, version.counter);
      const frame = item.slice();
      const tag = new Uint8Array(TAG_BYTES);
      kernel.tags(tagKeyOf(partition), frame, Uint32Array.of(frame.length), tag);
      const { key, attempt = 0, isTombstone = false } = frameKey(frame) ?? {};
      return { version, tag, frame, key: key && keyOf(key), attempt, isTombstone };
    });
    return { partition, records };
  }

  #made(partition: string): MemoryPartition {
    const nothing = { head: 0, trimmedTo: 0, fencedTo: 0, purgedTo: 0 };
    const known = this.#disk.partitions.get(partition) ?? { records: new Map(), ...nothing };
    this.#disk.partitions.set(partition, known);
    return known;
  }

  #sorted(partition: string): MemoryRecord[] {
    const records = this.#disk.partitions.get(partition)?.records.values() ?? [];
    return [...records].sort((a, b) => compareVersions(a.version, b.version));
  }

  #within(partition: string, { from, to, descending }: VersionRange): MemoryRecord[] {
    const within = this.#sorted(partition).filter(
      ({ version }) => compareVersions(version, from) >= 0 && compareVersions(version, to) <= 0,
    );
    return descending === true ? within.reverse() : within;
  }

  #sumOf(records: readonly MemoryRecord[]): Uint8Array {
    const row = new Uint8Array(ROW_BYTES);
    const tags = new Uint8Array(records.length * TAG_BYTES);
    for (const [i, { tag }] of records.entries()) tags.set(tag, i * TAG_BYTES);
    this.#options.kernel.addTags(row, new Uint32Array(records.length), tags, 1);
    return row;
  }

  #withoutHints(gone: readonly StoredHintBatch[]): void {
    this.#disk.hints = this.#disk.hints.filter(
      ({ target, sequence }) => !gone.some((hint) => hint.target === target && hint.sequence === sequence),
    );
  }
}

function keyOf(key: RecordKey): string {
  return String.fromCharCode(...key);
}

function raiseFence(known: MemoryPartition, counter: number): void {
  known.fencedTo = Math.max(known.fencedTo, counter);
  known.head = Math.max(known.head, counter);
}

/** Whether a record at or below the purge watermark comes from a replica that has purged as much, and is alive. */
function isBrought(
  { isTombstone }: MemoryRecord,
  { purgedTo }: MemoryPartition,
  source: RecordSource,
): boolean {
  return !isTombstone && typeof source !== 'string' && source.purgedTo >= purgedTo;
}

/** The record that holds the key of another one. */
function holderOf(
  { key }: Pick<MemoryRecord, 'key'>,
  { records }: MemoryPartition,
): MemoryRecord | undefined {
  if (key === undefined) return undefined;
  return [...records.values()].find((record) => record.key === key);
}
