/**
 * A node's disk: what a node has stored is there, for readers too, once its flush has ended, and is acknowledged then.
 *
 *   store --> waits for its flush --> log (outlives a crash) and store (what readers see) --> acknowledged
 *
 * A batch is atomic, and batches are flushed in their order, as by one log with one writer. A crash takes the batches
 * whose flush has not ended, or spares the first of them: they may be on disk without having been acknowledged. A
 * start reads the log into a store anew.
 */
import {
  type ApplyResult,
  formatVersion,
  frameVersion,
  type HintBatch,
  itemsOf,
  type KeyState,
  MemoryStore,
  type MemoryStoreOptions,
  MendlogError,
  type PackedGroup,
  type RangeStore,
  type RecordKey,
  type RecordSource,
  type StoredHintBatch,
  toMendlogError,
  type Version,
  type VoteNote,
} from '@mendlog/core';
import type { Answer } from './network.js';
import type { Random } from './random.js';
import type { Scheduler, Timer } from './scheduler.js';

interface Batch {
  readonly groups: readonly PackedGroup[];
  readonly hints: readonly HintBatch[];
  readonly source: RecordSource;
  readonly done: (answer: Answer<ApplyResult>) => void;
}

/** What the log holds, in order. */
type Logged =
  | {
      readonly what: 'batch';
      readonly groups: readonly PackedGroup[];
      readonly hints: readonly HintBatch[];
      readonly source: RecordSource;
    }
  | { readonly what: 'trim' | 'purge'; readonly partition: string; readonly counter: number }
  | {
      readonly what: 'fence';
      readonly partition: string;
      readonly counter: number;
      readonly purgedTo: number;
    }
  | { readonly what: 'hint put'; readonly hint: StoredHintBatch }
  | { readonly what: 'vote note'; readonly note: VoteNote }
  | { readonly what: 'hints deleted'; readonly hints: readonly StoredHintBatch[] };

export interface DiskOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly store: MemoryStoreOptions;
  /** Batches that wait for their flush, at most. */
  readonly batchesMax: number;
  /** Told of all records that are on disk from now on. */
  readonly onFlushed: (groups: readonly PackedGroup[], disk: Disk) => void;
}

const FLUSH_US_MAX = 3000;

export class Disk {
  readonly #options: DiskOptions;
  #store: MemoryStore;
  readonly #log: Logged[] = [];
  readonly #waiting: Batch[] = [];
  #flush: Timer | undefined;
  readonly #trimmedTo = new Map<string, number>();
  readonly #droppedTo = new Map<string, number>();
  /** Records whose bytes the disk has changed: it is known who holds their keys, and that is all. */
  readonly #damaged = new Map<string, { readonly partition: string; readonly version: Version }>();
  isFull = false;
  /** What a slow disk adds to a flush, at most. */
  slowUsMax = 0;
  /** Called with each batch that begins to wait: where a fault lies in ambush. */
  onWaiting: (() => void) | undefined;
  waitingSeenMax = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#store = new MemoryStore(options.store);
  }

  /** What is flushed. */
  get store(): MemoryStore {
    return this.#store;
  }

  /** It remembers that it votes. */
  get isVoter(): boolean {
    return this.#store.voteNote()?.storeId === this.#store.storeId;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Stores in one transaction; answers when it is flushed, or refused. */
  apply(
    groups: readonly PackedGroup[],
    hints: readonly HintBatch[],
    done: (answer: Answer<ApplyResult>) => void,
    source: RecordSource = 'write',
  ): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#options.scheduler.after(this.#options.random.between(5, 50), () =>
        done({ ok: false, error: refusal }),
      );
      return;
    }
    const batch: Batch = { groups, hints, source, done };
    this.#waiting.push(batch);
    this.waitingSeenMax = Math.max(this.waitingSeenMax, this.#waiting.length);
    this.#schedule();
    this.onWaiting?.();
  }

  trim(partition: string, counter: number): void {
    if (counter <= this.trimmedTo(partition)) return;
    this.#write({ what: 'trim', partition, counter });
  }

  /** Whether it is raised: not where the purge watermark is another one. */
  fence(partition: string, counter: number, purgedTo: number): boolean {
    if (this.purgedTo(partition) !== purgedTo) return false;
    this.#write({ what: 'fence', partition, counter, purgedTo });
    return true;
  }

  purge(partition: string, counter: number): void {
    if (counter > this.purgedTo(partition)) this.#write({ what: 'purge', partition, counter });
  }

  fencedTo(partition: string): number {
    return this.#store.summary(partition)?.fencedTo ?? 0;
  }

  purgedTo(partition: string): number {
    return this.#store.purgedTo(partition);
  }

  /** Up to where a purge took all that was here, tombstones or not. */
  droppedTo(partition: string): number {
    return this.#droppedTo.get(partition) ?? 0;
  }

  putHint(hint: StoredHintBatch): void {
    this.#write({ what: 'hint put', hint });
  }

  deleteHints(hints: readonly StoredHintBatch[]): void {
    this.#write({ what: 'hints deleted', hints });
  }

  putVoteNote(note: VoteNote): void {
    this.#write({ what: 'vote note', note });
  }

  trimmedTo(partition: string): number {
    return this.#trimmedTo.get(partition) ?? 0;
  }

  /** As the store on disk answers: a holder whose bytes are damaged is unknown, and never absent. */
  keyState(partition: string, key: RecordKey): KeyState {
    const [state = 'absent'] = this.#store.keyStates(partition, [key]);
    if (typeof state !== 'string' && this.isDamaged(partition, state.version)) return 'unknown';
    return state;
  }

  /** The frame of the holder of a key, where there is one that can be read. */
  readKey(partition: string, key: RecordKey): Uint8Array | undefined {
    const state = this.keyState(partition, key);
    if (typeof state === 'string') return undefined;
    return this.readVersions(partition, [state.version])[0];
  }

  readVersions(partition: string, versions: readonly Version[]): Uint8Array[] {
    const readable =
      this.#damaged.size === 0 ? versions : versions.filter((version) => !this.isDamaged(partition, version));
    return this.#store.readVersions(partition, readable, Number.POSITIVE_INFINITY);
  }

  /** As the store on disk answers of ranges: what is damaged is listed, and not given out. */
  get ranges(): RangeStore {
    return {
      list: (partition, range) => this.#store.list(partition, range),
      readVersions: (partition, versions, bytesMax) =>
        this.#readable(partition, this.#store.readVersions(partition, versions, bytesMax)),
      readRange: (partition, range, bytesMax) => {
        const { frames, truncated } = this.#store.readRange(partition, range, bytesMax);
        const readable = this.#readable(partition, frames);
        // A page without a record would lead nowhere: this one says that it has all.
        return { frames: readable, truncated: truncated && readable.length > 0 };
      },
    };
  }

  isDamaged(partition: string, version: Version): boolean {
    return this.#damaged.size > 0 && this.#damaged.has(`${partition}/${formatVersion(version)}`);
  }

  /** Those that are held still. */
  get damaged(): { readonly partition: string; readonly version: Version }[] {
    return [...this.#damaged.values()].filter(({ partition, version }) => this.#isHeld(partition, version));
  }

  /** The disk changes the bytes of a record that it holds. */
  damage(partition: string, version: Version): void {
    this.#damaged.set(`${partition}/${formatVersion(version)}`, { partition, version });
  }

  /** Power is gone. Of the batches whose flush has not ended the first `kept` turn out to be on disk. */
  crash(kept: number): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    for (const batch of this.#waiting.splice(0).slice(0, kept)) this.#land(batch);
    this.onWaiting = undefined;
  }

  /** A process opens the disk that another one has left. */
  reopen(): void {
    this.#store = new MemoryStore(this.#options.store);
    this.#trimmedTo.clear();
    for (const entry of this.#log) this.#perform(entry);
  }

  #refusal(): MendlogError | undefined {
    if (this.isFull) return new MendlogError('DISK_FULL', 'the disk is full: nothing was written');
    if (this.#waiting.length < this.#options.batchesMax) return undefined;
    return new MendlogError('OVERLOADED', 'too many batches wait for their flush: nothing was written');
  }

  #schedule(): void {
    const { scheduler, random } = this.#options;
    if (this.#flush !== undefined || this.#waiting.length === 0) return;
    // A group commit: what waits when a flush begins is flushed with it.
    const count = this.#waiting.length;
    const flushUs = random.between(100, FLUSH_US_MAX) + random.below(this.slowUsMax + 1);
    this.#flush = scheduler.after(flushUs, () => {
      this.#flush = undefined;
      for (const batch of this.#waiting.splice(0, count)) {
        const answer = this.#land(batch);
        batch.done(answer);
      }
      this.#schedule();
    });
  }

  #land({ groups, hints, source }: Batch): Answer<ApplyResult> {
    try {
      const value = this.#store.applyNow(groups, hints, source);
      this.#log.push({ what: 'batch', groups, hints, source });
      this.#forgetDamageIn(groups);
      this.#options.onFlushed(groups, this);
      return { ok: true, value };
    } catch (thrown) {
      return { ok: false, error: toMendlogError(thrown) };
    }
  }

  #write(entry: Logged): void {
    this.#log.push(entry);
    this.#perform(entry);
  }

  /** The store in memory does these before it returns; what it promises is kept then. */
  #perform(entry: Logged): void {
    switch (entry.what) {
      case 'batch':
        this.#store.applyNow(entry.groups, entry.hints, entry.source);
        break;
      case 'trim':
        this.#trimmedTo.set(entry.partition, entry.counter);
        void this.#store.trim(entry.partition, entry.counter);
        break;
      case 'fence':
        void this.#store.fence(entry.partition, entry.counter, entry.purgedTo);
        break;
      case 'purge':
        if (this.fencedTo(entry.partition) < entry.counter)
          this.#droppedTo.set(entry.partition, entry.counter);
        void this.#store.purge(entry.partition, entry.counter);
        break;
      case 'hint put':
        void this.#store.putHint(entry.hint);
        break;
      case 'vote note':
        void this.#store.putVoteNote(entry.note);
        break;
      case 'hints deleted':
        void this.#store.deleteHints(entry.hints);
        break;
    }
  }

  /** A damaged record that comes again is written anew. */
  #forgetDamageIn(groups: readonly PackedGroup[]): void {
    if (this.#damaged.size === 0) return;
    for (const group of groups)
      for (const frame of itemsOf(group))
        this.#damaged.delete(`${group.partition}/${formatVersion(frameVersion(frame))}`);
  }

  #readable(partition: string, frames: readonly Uint8Array[]): Uint8Array[] {
    return frames.filter((frame) => !this.isDamaged(partition, frameVersion(frame)));
  }

  #isHeld(partition: string, version: Version): boolean {
    return this.#store.readVersions(partition, [version], 1).length > 0;
  }
}
