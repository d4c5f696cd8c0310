/**
 * The store on LMDB: a log-structured one in two environments, after Bitcask's shape (Sheehy and Smith,
 * "Bitcask: A Log-Structured Hash Table for Fast Key/Value Data", 2010).
 *
 *   apply() --> arrival log --flush--> acknowledged, in the overlay --in the background--> index
 *   reads  <-- index and overlay say where --> arrival log
 *
 * Payloads lie in the order in which they came, so that a write costs one sequential put whatever its
 * partitions; what scatters is the index, small and made in larger steps. The index follows the log and
 * can be made anew from it; docs/storage.md has the layout and what each part guarantees.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ApplyResult,
  type ArrivalCursor,
  ArrivalListeners,
  type Arrived,
  type CatalogEntry,
  checkCounterJump,
  compareVersions,
  type DigestKernel,
  type HintBatch,
  type IndexRange,
  type Job,
  type KeyHoldings,
  type KeyState,
  LIMITS,
  type Listing,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type PackedGroup,
  type Page,
  type PartitionSummary,
  packItems,
  type RecordId,
  type RecordKey,
  type RecordSource,
  ROW_BYTES,
  type Store,
  type StoredHintBatch,
  type TailPage,
  type TailRange,
  type TimeRanges,
  type TimeWindow,
  toMendlogError,
  unpackKeyStates,
  type Version,
  type VersionRange,
  type VoteNote,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { type BackupOptions, backUpStore } from '../backup/back-up-store.js';
import type { BackupManifest } from '../backup/manifest.js';
import { ArrivalLog } from './arrival-log.js';
import {
  type ArrivedRun,
  applyResult,
  checkGroups,
  entriesOf,
  type Known,
  type Sorted,
  sortArrivals,
} from './arrivals.js';
import { type DataDirLock, lockDataDir } from './data-dir-lock.js';
import { IndexFollower } from './index-follower.js';
import { IntegrityCheck } from './integrity-check.js';
import type { IntegrityFinding, IntegrityStep } from './integrity-finding.js';
import { type IntegrityReport, reportOf } from './integrity-report.js';
import { isAboveAppends } from './key-text.js';
import { makeLmdbFileSafe } from './lmdb-file.js';
import { type LocatedRecord, recordAt } from './located-record.js';
import { dataDirError, makeDataDir } from './make-data-dir.js';
import {
  checkLogIsSame,
  checkLogIsThere,
  ensureMeta,
  metaOfLog,
  metaOfSecret,
  secretCheckOf,
} from './meta.js';
import { PartitionState } from './partition-state.js';
import { Purges } from './purges.js';
import { RecordReader } from './record-reader.js';
import { EMPTY_ROW } from './row-changes.js';
import { isSoundFrame } from './sound-frame.js';
import { isOfDamage, isOfFolder } from './store-error.js';
import { TailReader } from './tail-reader.js';
import { type GoneRecords, VersionIndex, type VersionIndexOptions } from './version-index.js';

export interface LmdbStoreOptions {
  readonly dataDir: string;
  readonly nodeId: string;
  readonly kernel: DigestKernel;
  readonly secret: Uint8Array;
  /** Bytes of records that are flushed and not indexed yet, at which writes wait; LIMITS.overlayBytesMax unless told. */
  readonly overlayBytesMax?: number;
  /** Told what is found of damage when the store opens, in a sentence. */
  readonly onDamage?: (what: string) => void;
}

/** What one commit writes to the log: entries from the arrival number `first` on. */
interface LogBatch {
  readonly first: number;
  readonly entries: readonly Uint8Array[];
  readonly runs: readonly ArrivedRun[];
  readonly sorted: Sorted;
  readonly hints: readonly HintBatch[];
}

/** A file in an index's folder, which says that the index is to be made anew. */
const REBUILD_MARK = 'rebuild';

const NOTHING_GONE: GoneRecords = { trimmedTo: 0, purgedTo: 0, isPurged: () => false, hasDamaged: false };
const NO_RANGES: TimeRanges = { ranges: [], next: undefined };
const EMPTY_PAGE: Page = { frames: [], truncated: false };
const EMPTY_LISTING: Listing = { entries: new Uint8Array(0), truncated: false, trimmedTo: 0, head: 0 };

export class LmdbStore implements Store {
  readonly storeId: string;
  readonly #options: LmdbStoreOptions;
  readonly #lock: DataDirLock;
  readonly #kernel: DigestKernel;
  readonly #secret: Uint8Array;
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  readonly #follower: IndexFollower;
  readonly #reader: RecordReader;
  readonly #tail: TailReader;
  readonly #purges: Purges;
  readonly #listeners = new ArrivalListeners();
  /** What is there, flushed or not. */
  readonly #known: Known = {
    find: (state, version) => this.#reader.find(state, version, Number.POSITIVE_INFINITY),
    holder: (state, key) => this.#reader.holder(state, key, Number.POSITIVE_INFINITY),
  };
  readonly #partitions = new Map<string, PartitionState>();
  readonly #statesById: PartitionState[] = [];
  #nextPartitionId = 1;
  /** The highest arrival number that was given out. */
  #arrival: number;
  /** Commits of records whose end is not known yet. */
  readonly #underWay = new Set<Promise<void>>();
  /** Resolves when all commits before are at their end. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Backups that are being made, and what ends them. */
  readonly #backups = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
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
    const { dataDir, nodeId, kernel, secret, overlayBytesMax = LIMITS.overlayBytesMax } = options;
    const meta = metaOfSecret(dataDir, ensureMeta(dataDir, nodeId), { kernel, secret });
    checkLogIsThere(dataDir, meta);
    this.#options = options;
    this.#lock = lock;
    this.#kernel = kernel;
    this.#secret = secret;
    this.#log = new ArrivalLog(join(dataDir, 'log'), kernel);
    try {
      checkLogIsSame(dataDir, meta, this.#log.id);
    } catch (cause) {
      void this.#log.close();
      throw cause;
    }
    const frameOf = (id: number, record: LocatedRecord) => this.#soundFrame(id, record);
    for (const { name, partition } of this.#log.partitions())
      this.#newState(name, partition.id).load(partition);
    const goneOf = (id: number) => this.#statesById[id] ?? NOTHING_GONE;
    const openedIndex = () => openIndex(join(dataDir, 'index'), this.#log.id, { kernel, frameOf, goneOf });
    const followerOf = (index: VersionIndex) =>
      new IndexFollower({
        log: this.#log,
        index,
        overlayBytesMax,
        checkKeyed: (id, run) => {
          for (let place = run.from; place < run.to; place++) {
            if (!run.entry.hasKey(place)) continue;
            const record = recordAt(run, place);
            if (this.#soundFrame(id, record) === undefined) this.#statesById[id]?.damaged.add(record.version);
          }
        },
      });
    let index = openedIndex();
    let follower = followerOf(index);
    let lost: number[];
    try {
      lost = follower.catchUp();
    } catch (cause) {
      void index.close();
      if (!isOfDamage(cause)) throw cause;
      options.onDamage?.(`the index cannot be followed, and is made anew: ${toMendlogError(cause).message}`);
      writeFileSync(join(index.path, REBUILD_MARK), '');
      index = openedIndex();
      follower = followerOf(index);
      lost = follower.catchUp();
    }
    this.#index = index;
    this.#follower = follower;
    // The store id first: were the entries gone already, a store that dies here would not know what it lost.
    this.storeId = metaOfLog(dataDir, meta, { logId: this.#log.id, isPartLost: lost.length > 0 }).storeId;
    for (const arrival of lost) this.#log.setAside(arrival, join(dataDir, 'set-aside'));
    if (lost.length > 0) options.onDamage?.(`${lost.length} entries of the log are lost, of unknown records`);
    let arrival = Math.max(this.#index.applied, this.#log.lastArrival);
    for (const state of this.#partitions.values()) {
      state.ownFence(this.storeId);
      const indexed = this.#index.partition(state.id);
      state.indexed(indexed);
      // Also above what was removed from the log since: no number is given out twice.
      arrival = Math.max(arrival, indexed.applied);
    }
    this.#arrival = arrival;
    this.#reader = new RecordReader({ log: this.#log, index: this.#index, kernel, flushed: this.#arrival });
    const stateOf = (id: number) => this.#statesById[id];
    this.#tail = new TailReader({ storeId: this.storeId, log: this.#log, kernel, stateOf });
    this.#purges = new Purges({
      log: this.#log,
      index: this.#index,
      follower: this.#follower,
      keyOf: (id, entry, place) => {
        const isSound = this.#soundFrame(id, recordAt({ arrival: 0, entry }, place)) !== undefined;
        return isSound ? entry.key(place).key : undefined;
      },
      settled: async () => {
        const arrival = this.#arrival;
        await this.#turn;
        return arrival;
      },
    });
    for (const state of this.#partitions.values()) {
      void this.#follower.clean(state);
      // Where that fails, as on a full disk, the next purge does it.
      void this.#purges.remove(state).catch(() => undefined);
    }
  }

  async apply(
    groups: readonly PackedGroup[],
    hints: readonly HintBatch[],
    source: RecordSource = 'write',
  ): Promise<ApplyResult> {
    const checked = checkGroups(groups, (partition) => this.#stateOf(partition));
    await this.#follower.room();
    this.#checkOpen();
    const sorted = sortArrivals(checked, { known: this.#known, kernel: this.#kernel, source });
    // What is there already may be on its way to the disk still, with any of these.
    const earlier = sorted.repeats ? [...this.#underWay] : [];
    const trims = [...sorted.trimmed.keys()].map(({ trimming }) => trimming);
    const fences = [...sorted.fenced.keys()].map(({ fencing }) => fencing);
    let own: Promise<void> | undefined;
    if (sorted.groups.length > 0 || hints.length > 0) {
      const first = this.#arrival + 1;
      const { entries, runs } = entriesOf(sorted.groups, this.#log.writer, first);
      this.#arrival += entries.length;
      own = this.#commit({ first, entries, runs, sorted, hints });
    }
    await own;
    try {
      await Promise.all([...earlier, ...trims, ...fences]);
    } catch (cause) {
      // Its code may say that nothing was stored, which is not true of the records of this batch.
      if (own === undefined) throw cause;
      throw new MendlogError('INTERNAL', 'some of the records were on their way already, and got lost', {
        cause,
      });
    }
    return applyResult(sorted);
  }

  async trim(partition: string, counter: number): Promise<void> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    const state = this.#stateOf(partition);
    // One after another: of one that fails nothing is left when the next begins.
    const before = state.trimming.catch(() => undefined);
    state.trimming = before.then(() => this.#trimTo(state, counter));
    await state.trimming;
    // Also where nothing rose: an earlier removal may have met a full disk. A short one is done on return.
    await this.#follower.clean(state);
  }

  async #trimTo(state: PartitionState, wanted: number): Promise<void> {
    // One that failed may have been written all the same: the next start would put it in force.
    const before = state.trimmingTo;
    const counter = Math.max(wanted, before);
    if (counter <= state.trimmedTo) return;
    state.trimmingTo = counter;
    state.isTrimWritten = false;
    try {
      await this.#log.commit(() => this.#log.putPartition(state.name, state.toLog()));
    } catch (cause) {
      // A commit of records may have written it with its partition: then the next trim puts it in force.
      if (!state.isTrimWritten) state.trimmingTo = before;
      throw cause;
    }
    // What was given to the log before is on its way to the index: nothing comes in below that is not seen.
    await this.#turn;
    state.logged = true;
    state.trimmedTo = counter;
    state.head = Math.max(state.head, counter);
    state.submittedHead = Math.max(state.submittedHead, counter);
    state.cleanAfter = this.#arrival;
  }

  async cleaned(): Promise<void> {
    await this.#follower.cleaned();
  }

  async fence(partition: string, counter: number, purgedTo: number): Promise<boolean> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    const state = this.#stateOf(partition);
    // One after another, and none while a purge is under way: what is answered of one is so when the next begins.
    const before = Promise.allSettled([state.fencing, state.purging]);
    let isRaised = false;
    state.fencing = before.then(async () => {
      isRaised = state.purgedTo === purgedTo;
      if (isRaised) await this.#fenceTo(state, counter);
    });
    await state.fencing;
    return isRaised;
  }

  async #fenceTo(state: PartitionState, counter: number): Promise<void> {
    if (counter <= state.fencedTo) return;
    // Not taken back where it fails: whatever writes the partition next brings it to the log.
    state.fencingTo = Math.max(state.fencingTo, counter);
    state.submittedHead = Math.max(state.submittedHead, counter);
    await this.#log.commit(() => this.#log.putPartition(state.name, state.toLog()));
    // What was given to the log before is there: whoever reads now sees all that ever comes in below.
    await this.#turn;
    state.logged = true;
    state.fencedTo = counter;
    state.head = Math.max(state.head, counter);
  }

  async purge(partition: string, counter: number): Promise<void> {
    this.#checkOpen();
    checkCounterJump(this.head(partition), counter);
    const state = this.#stateOf(partition);
    const before = Promise.allSettled([state.fencing, state.purging]);
    state.purging = before.then(() => this.#purges.purge(state, counter));
    await state.purging;
  }

  /** Bytes that are flushed and not in the index yet. */
  get indexLagBytes(): number {
    return this.#follower.lagBytes;
  }

  head(partition: string): number {
    return this.#partitions.get(partition)?.head ?? 0;
  }

  trimmedTo(partition: string): number {
    return this.#loggedState(partition)?.trimmedTo ?? 0;
  }

  purgedTo(partition: string): number {
    return this.#loggedState(partition)?.purgedTo ?? 0;
  }

  partitions(): PartitionSummary[] {
    return [...this.#partitions.values()]
      .filter(({ logged }) => logged)
      .map((state) => this.#summaryOf(state));
  }

  summary(partition: string): PartitionSummary | undefined {
    const state = this.#loggedState(partition);
    return state === undefined ? undefined : this.#summaryOf(state);
  }

  read(partition: string, { counter, origin }: RecordId): Uint8Array[] {
    const from = { counter, origin: origin ?? ORIGIN_LOWEST };
    const to = { counter, origin: origin ?? ORIGIN_HIGHEST };
    return [
      ...this.readRange(partition, { from, to, limit: LIMITS.batchRecordsMax }, LIMITS.messageBytesMax)
        .frames,
    ];
  }

  readVersions(partition: string, versions: readonly Version[], bytesMax: number): Uint8Array[] {
    const state = this.#loggedState(partition);
    return state === undefined ? [] : this.#reader.points.versions(state, versions, bytesMax);
  }

  keyHoldings(groups: readonly PackedGroup[], bytesMax: number): KeyHoldings {
    const asked = groups.map((keys) => ({ state: this.#loggedState(keys.partition), keys }));
    return this.#reader.points.holders(asked, bytesMax);
  }

  readKeys(partition: string, keys: readonly RecordKey[], bytesMax: number): Uint8Array[] {
    const { frames } = this.keyHoldings([packItems(partition, keys)], bytesMax);
    return frames.filter((frame) => frame !== undefined);
  }

  keyStates(partition: string, keys: readonly RecordKey[]): KeyState[] {
    return unpackKeyStates(this.keyHoldings([packItems(partition, keys)], 0).states, keys.length);
  }

  readRange(partition: string, range: VersionRange, bytesMax: number): Page {
    const state = this.#loggedState(partition);
    return state === undefined ? EMPTY_PAGE : this.#reader.page(state, range, bytesMax);
  }

  list(partition: string, range: VersionRange): Listing {
    const state = this.#loggedState(partition);
    return state === undefined ? EMPTY_LISTING : this.#reader.listing(state, range);
  }

  timeRanges(partition: string, time: TimeWindow, options: { from: number; limit: number }): TimeRanges {
    const state = this.#loggedState(partition);
    return state === undefined ? NO_RANGES : this.#reader.timeRanges(state, time, options);
  }

  tail(range: TailRange): TailPage {
    this.#checkOpen();
    return this.#tail.page(range, this.#reader.flushed);
  }

  arrivalEnd(): ArrivalCursor {
    return this.#tail.end(this.#reader.flushed);
  }

  onArrival(listener: (arrived: Arrived) => void): () => void {
    return this.#listeners.add(listener);
  }

  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array {
    const state = this.#loggedState(partition);
    return state === undefined ? new Uint8Array(0) : this.#reader.rows(state, level, ranges);
  }

  hints(options: { target?: string; after?: number; limit: number }): StoredHintBatch[] {
    return this.#log.side.hints(options);
  }

  putHint(hint: StoredHintBatch): Promise<void> {
    return this.#log.side.putHint(hint);
  }

  deleteHints(hints: readonly StoredHintBatch[]): Promise<void> {
    return this.#log.side.deleteHints(hints);
  }

  jobs(): Job[] {
    return this.#log.side.jobs();
  }

  putJob(job: Job): Promise<void> {
    return this.#log.side.putJob(job);
  }

  deleteJobs(ids: readonly string[]): Promise<void> {
    return this.#log.side.deleteJobs(ids);
  }

  voteNote(): VoteNote | undefined {
    return this.#log.side.voteNote();
  }

  putVoteNote(note: VoteNote): Promise<void> {
    return this.#log.side.putVoteNote(note);
  }

  catalog(): CatalogEntry[] {
    return this.#log.side.catalog();
  }

  putCatalogEntries(entries: readonly CatalogEntry[]): Promise<void> {
    return this.#log.side.putCatalogEntries(entries);
  }

  /**
   * Checks everything that lies on disk, in small steps: run them as fast as there is time for it. What is
   * found to be damaged is marked: records are given out no more until they come again, and an index that
   * is wrong is made anew when the store opens next.
   */
  *checkSteps(): Generator<IntegrityStep> {
    const states = () => [...this.#partitions.values()].filter(({ logged }) => logged);
    const check = new IntegrityCheck({ log: this.#log, index: this.#index, kernel: this.#kernel, states });
    for (const step of check.steps()) {
      this.#checkOpen();
      for (const finding of step.findings) this.#mark(finding);
      yield step;
    }
  }

  /** Runs all of these steps, others having their turn between them. */
  async verify(
    options: { signal?: AbortSignal; onProgress?: (records: number) => void } = {},
  ): Promise<IntegrityReport> {
    await this.cleaned();
    return await reportOf(this.checkSteps(), options);
  }

  /** Records of which the disk is known to have changed the bytes, and that have not come again. */
  damaged(): { readonly partition: string; readonly versions: readonly Version[] }[] {
    return [...this.#partitions.values()]
      .filter(({ damaged }) => damaged.size > 0)
      .map(({ name, damaged }) => ({ partition: name, versions: damaged.versions() }));
  }

  /**
   * Makes a backup in an empty or missing folder while writes go on: everything is in it that is acknowledged
   * by now, and perhaps some of what comes meanwhile. Rejects with BAD_CONFIG, DISK_FULL, LOG_DAMAGED or CLOSED,
   * and has then left nothing there. docs/backup.md says more.
   */
  async backup(folder: string, options: BackupOptions = {}): Promise<BackupManifest> {
    this.#checkOpen();
    const { dataDir, nodeId } = this.#options;
    const { signal } = this.#closing;
    const source = {
      dataDir,
      nodeId,
      storeId: this.storeId,
      logId: this.#log.id,
      secretCheck: secretCheckOf(dataDir),
      holdEntries: () => this.#follower.holdEntries(),
      copyIndex: (to: string) => this.#index.copyTo(to),
      copyLog: (to: string) => this.#log.copyTo(to),
      openCopy: (onDamage: (what: string) => void) => {
        // An index that is known to be wrong is made anew in the copy too.
        if (existsSync(join(this.#index.path, REBUILD_MARK)))
          writeFileSync(join(folder, 'index', this.#log.id, REBUILD_MARK), '');
        return LmdbStore.open({ ...this.#options, dataDir: folder, onDamage });
      },
    };
    const until = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    const backup = backUpStore(source, folder, { ...options, signal: until });
    this.#backups.add(backup);
    return await backup.finally(() => this.#backups.delete(backup));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort(new MendlogError('CLOSED', 'the store is closed'));
    await Promise.allSettled(this.#backups);
    await this.#turn;
    await this.#follower.stop();
    await this.#log.close();
    await this.#index.close();
    this.#lock.release();
  }

  /** The frame of a record, to be used at once; undefined where the disk has changed it. */
  #soundFrame(partitionId: number, record: LocatedRecord): Uint8Array | undefined {
    const { entry, place = 0 } = record;
    const frame = entry === undefined ? this.#log.frameOf(record) : entry.frame(place);
    const state = this.#statesById[partitionId];
    if (frame === undefined || state === undefined) return undefined;
    const { tagKey } = state;
    return isSoundFrame(this.#kernel, frame, { tagKey, tag: record.tag }) ? frame : undefined;
  }

  #mark(finding: IntegrityFinding): void {
    if (finding.kind === 'record') this.#partitions.get(finding.partition)?.damaged.add(finding.version);
    if (finding.kind !== 'index') return;
    try {
      writeFileSync(join(this.#index.path, REBUILD_MARK), '');
    } catch {
      // Without room for it the next check finds the same again.
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new MendlogError('CLOSED', 'the store is closed');
  }

  /** One commit to the log; what it holds is there when that is flushed, and gone where it fails. */
  #commit(batch: LogBatch): Promise<void> {
    const { first, entries, runs, sorted } = batch;
    for (const run of runs) {
      const { state, isAboveAll, entry, to } = run;
      if (isAboveAll) state.overlay.putAbove(run);
      else state.overlay.put(run);
      if (run.hasNewAppends) {
        state.holders.putAppends(run);
        state.highestAppend = entry.key(to - 1).key;
      }
      state.submittedHead = Math.max(state.submittedHead, entry.counter(to - 1));
    }
    const arrival = first + entries.length - 1;
    for (const { state, key, version, attempt, isBelow, replaces } of sorted.keys) {
      state.holders.put(key, { version, attempt, arrival });
      if (isAboveAppends(key, state.highestAppend)) state.highestAppend = key;
      // Not what was submitted: a batch that is under way may be refused.
      if (isBelow) state.keptHead = Math.max(state.keptHead, state.head, replaces?.version.counter ?? 0);
    }
    const bytes = entries.reduce((sum, entry) => sum + entry.length, 0);
    this.#follower.enters(bytes, runs.length);
    let isHalfWritten = false;
    const written = this.#log.commit(() => {
      isHalfWritten = true;
      this.#write(batch);
      isHalfWritten = false;
    }, bytes);
    // One after another, so that all that is flushed is what came first: nothing that failed lies between.
    const turn = this.#turn;
    const ended = written.then(
      async () => {
        await turn;
        this.#flushed(batch, bytes);
      },
      async (cause: unknown) => {
        await turn;
        this.#refused(batch, bytes);
        // Where the callback threw half way, LMDB carries out what it was given before, and reads the bytes for that.
        if (!isHalfWritten) this.#giveBack(batch.entries);
        throw cause;
      },
    );
    this.#underWay.add(ended);
    this.#turn = ended.catch(() => undefined).then(() => this.#underWay.delete(ended));
    return ended;
  }

  /** Inside the commit. */
  #write({ first, entries, runs, sorted, hints }: LogBatch): void {
    for (const [i, entry] of entries.entries()) this.#log.putEntry(first + i, entry);
    for (const { state } of runs) if (!state.logged) this.#writePartition(state);
    // The record of the head leaves the log: the head stays.
    for (const { state, isBelow } of sorted.keys) if (isBelow) this.#writePartition(state);
    this.#log.side.addHints(hints);
  }

  /** Inside the commit. */
  #writePartition(state: PartitionState): void {
    state.isTrimWritten = true;
    this.#log.putPartition(state.name, state.toLog());
  }

  /** Takes out what a record took the place of; a look-up that meets a damaged index finds nothing. */
  #leave(state: PartitionState, by: number, find: () => LocatedRecord | undefined): void {
    try {
      const gone = find();
      if (gone === undefined) return;
      state.leaving.add(gone, by);
      state.damaged.delete(gone.version);
    } catch (cause) {
      // The records of this batch are in the log: they must not be lost over it.
      this.#mark({ kind: 'index', what: toMendlogError(cause).message });
    }
  }

  #flushed({ first, entries, runs, sorted }: LogBatch, bytes: number): void {
    if (entries.length === 0) return;
    const last = first + entries.length - 1;
    for (const { state, version } of sorted.replacing)
      this.#leave(state, last, () => this.#reader.find(state, version));
    for (const { state, key, version, replaces } of sorted.keys) {
      if (replaces === undefined) continue;
      this.#leave(state, last, () => {
        // Whoever was in the index is there still; of what was under way some may have failed.
        const holder = replaces.arrival === undefined ? replaces : this.#reader.holder(state, key);
        if (holder === undefined || holder.version.counter <= state.trimmedTo) return undefined;
        // The same version again takes the place of its own record, as above.
        if (compareVersions(holder.version, version) === 0) return undefined;
        return this.#reader.find(state, holder.version);
      });
    }
    this.#reader.flushed = last;
    this.#follower.follow(runs, { last, bytes, indexed: () => this.#giveBack(entries) });
    for (const { state, entry, to } of runs) {
      state.logged = true;
      state.head = Math.max(state.head, entry.counter(to - 1));
    }
    for (const { state, version } of sorted.replacing) state.damaged.delete(version);
    if (this.#listeners.isEmpty) return;
    const partitions = new Set(runs.map(({ state }) => state.name));
    this.#listeners.tell({ partitions, end: this.arrivalEnd() });
  }

  #refused({ first, entries, runs }: LogBatch, bytes: number): void {
    const last = first + entries.length - 1;
    const isOfBatch = (arrival: number) => arrival >= first && arrival <= last;
    for (const { state } of runs) {
      state.overlay.forget(isOfBatch);
      state.holders.forget(isOfBatch);
    }
    this.#follower.leaves(bytes, runs.length);
  }

  /** They are neither in the overlay nor on their way to the disk. */
  #giveBack(entries: readonly Uint8Array[]): void {
    for (const entry of entries) this.#log.writer.giveBack(entry);
  }

  #summaryOf(state: PartitionState): PartitionSummary {
    const { name: partition, cleanedTo, head, trimmedTo, fencedTo, purgedTo } = state;
    const marks = { head, trimmedTo, cleanedTo, fencedTo, purgedTo };
    // All of it is trimmed, whether or not it is removed by now.
    if (trimmedTo >= head) return { partition, records: 0, bytes: 0, ...marks, root: EMPTY_ROW };
    const { root, bytes } = state.sums(this.#reader.flushed, this.#kernel);
    const count = new DataView(root.buffer, root.byteOffset).getBigUint64(ROW_BYTES - 8, true);
    return { partition, records: Number(count), bytes, ...marks, root };
  }

  #loggedState(partition: string): PartitionState | undefined {
    const state = this.#partitions.get(partition);
    return state?.logged === true ? state : undefined;
  }

  #stateOf(partition: string): PartitionState {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const state = this.#newState(partition, this.#nextPartitionId);
    state.ownFence(this.storeId);
    return state;
  }

  #newState(partition: string, id: number): PartitionState {
    const state = new PartitionState(partition, id, partitionKey(this.#kernel, this.#secret, partition));
    this.#nextPartitionId = Math.max(this.#nextPartitionId, id + 1);
    this.#partitions.set(partition, state);
    this.#statesById[id] = state;
    return state;
  }
}

/**
 * Opens the index of this log, which lies in a folder of the log's name. What lies beside it is of another
 * log, and goes. One that is no database, or has lost pages, or is known to be wrong, is made anew.
 */
function openIndex(path: string, logId: string, options: VersionIndexOptions): VersionIndex {
  const folder = join(path, logId);
  for (const name of existsSync(path) ? readdirSync(path) : []) {
    if (name !== logId || existsSync(join(folder, REBUILD_MARK)))
      rmSync(join(path, name), { recursive: true });
  }
  try {
    makeLmdbFileSafe(folder);
    return new VersionIndex(folder, options);
  } catch (cause) {
    if (!existsSync(folder) || isOfFolder(cause)) throw cause;
    rmSync(folder, { recursive: true });
    return new VersionIndex(folder, options);
  }
}
