/**
 * Follows the arrival log in the background: brings what is flushed into the index, removes what was
 * trimmed, and gives the room of dead records back. One step after another, the first kind first; a step
 * that fails, as on a full disk, is tried again with the next write or trim.
 *
 *   flushed batches --> index step --> out of the overlay
 *   trim watermark  --> records below it out of the index, so many a step
 *   outworn entries --> removed from the log, or written anew without what is dead
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LIMITS, MendlogError } from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import type { ArrivedRun } from './arrivals.js';
import type { ArrivedEntry } from './live-shares.js';
import { ascendingRuns, type Run } from './located-record.js';
import { OutwornEntries } from './outworn-entries.js';
import type { PartitionState } from './partition-state.js';
import { StepPace } from './step-pace.js';
import type { VersionIndex } from './version-index.js';

/** Records that one step of the index takes: more make it cheaper a record, and others wait longer. */
const STEP_RECORDS = 131_072;

/** How long records wait for more, unless there are enough for a step: so many, or a share of what the overlay may hold. */
const GATHER_MS = 1000;
const GATHERED_RECORDS = 65_536;
const GATHERED_SHARE = 1 / 3;
/** While the overlay is fuller than that, a step does not rest. */
const HURRY_SHARE = 3 / 4;

/** Records that a start brings into the index at a time. */
const CATCH_UP_RECORDS = 65_536;

interface Followed {
  readonly runs: readonly ArrivedRun[];
  readonly last: number;
  readonly records: number;
  /** Bytes of its entries. */
  readonly bytes: number;
  /** When it came, on a clock that never goes back. */
  readonly sinceMs: number;
  /** Called when nothing of it is in the overlay any more. */
  readonly indexed: () => void;
}

/** What a run takes in memory beside its share of the entry, about. */
const RUN_BYTES = 160;

/** Steps that have the index to themselves, one between two of the follower's own. */
interface Task {
  /** Not before the log is applied up to here. */
  readonly after: number;
  /** Whether another one follows. */
  readonly step: () => Promise<boolean>;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

interface FollowerOptions {
  readonly log: ArrivalLog;
  readonly index: VersionIndex;
  /** The bytes of the overlay at which writes wait. */
  readonly overlayBytesMax: number;
  /** Looks at records of the log that have keys, before they come into the index. */
  readonly checkKeyed: (partitionId: number, run: Run) => void;
}

export class IndexFollower {
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  readonly #outworn: OutwornEntries;
  readonly #overlayBytesMax: number;
  readonly #checkKeyed: FollowerOptions['checkKeyed'];
  readonly #queue: Followed[] = [];
  /** Partitions that have trimmed records still. */
  readonly #uncleaned = new Set<PartitionState>();
  readonly #tasks: Task[] = [];
  #overlayBytes = 0;
  /** Trims that wait for their first step. */
  #trimmers: { state: PartitionState; resolve: () => void }[] = [];
  /** Writes that wait for room. */
  readonly #entrants: { resolve: () => void; reject: (cause: unknown) => void }[] = [];
  #working: Promise<void> | undefined;
  /** A step may have left entries that are outworn, or the last run of the node has. */
  #mayBeOutworn = true;
  /** Records and bytes in the queue, without those of the step that is under way. */
  #queued = 0;
  #queuedBytes = 0;
  /** Of what is enough for a step, as much as the next one waits for. */
  #enough = 1;
  /** Callers that wait for all to be done. */
  #waiting = 0;
  #endPause: (() => void) | undefined;
  #stopped = false;

  constructor({ log, index, overlayBytesMax, checkKeyed }: FollowerOptions) {
    this.#checkKeyed = checkKeyed;
    this.#overlayBytesMax = overlayBytesMax;
    this.#log = log;
    this.#index = index;
    this.#outworn = new OutwornEntries(log, index);
  }

  /**
   * Applies what the log holds above the index's watermark; before anything else is done. Returns the
   * arrivals of entries that the disk has changed so that their records are unknown.
   */
  catchUp(): number[] {
    const lost: number[] = [];
    let arrived = new Map<number, Run[]>();
    let entries: ArrivedEntry[] = [];
    let records = 0;
    let last = 0;
    const apply = () => {
      const runs = [...arrived].sort(([a], [b]) => a - b);
      if (records > 0) this.#index.applySync({ runs, entries, applied: last });
      arrived = new Map();
      entries = [];
      records = 0;
    };
    for (const { arrival, entry } of this.#log.after(this.#index.applied)) {
      if (entry === undefined) {
        lost.push(arrival);
        continue;
      }
      for (const { partitionId, from, to } of entry.groups()) {
        const runs = arrived.get(partitionId) ?? [];
        arrived.set(partitionId, runs);
        const ascending = ascendingRuns({ arrival, entry, from, to });
        for (const run of ascending) this.#checkKeyed(partitionId, run);
        runs.push(...ascending);
      }
      entries.push({ arrival, entry });
      records += entry.records;
      last = arrival;
      if (records >= CATCH_UP_RECORDS) apply();
    }
    apply();
    return lost;
  }

  /** Bytes that are flushed and not in the index yet, and what keeps them findable. */
  get lagBytes(): number {
    return this.#overlayBytes;
  }

  /** Entries of so many bytes are in the overlay, in so many runs. */
  enters(bytes: number, runs: number): void {
    this.#overlayBytes += bytes + runs * RUN_BYTES;
  }

  /** They are no longer in the overlay. */
  leaves(bytes: number, runs: number): void {
    this.#overlayBytes -= bytes + runs * RUN_BYTES;
    if (this.#overlayBytes <= this.#overlayBytesMax) this.#admit();
  }

  /** Resolves when the overlay takes more; rejects where the index cannot follow, as on a full disk. */
  async room(): Promise<void> {
    if (this.#overlayBytes <= this.#overlayBytesMax || this.#stopped) return;
    this.#work();
    this.#hurry();
    await new Promise<void>((resolve, reject) => this.#entrants.push({ resolve, reject }));
  }

  /** Brings a commit into the index, whose last arrival number is `last`. */
  follow(
    runs: readonly ArrivedRun[],
    { last, bytes, indexed }: Pick<Followed, 'last' | 'bytes' | 'indexed'>,
  ): void {
    const records = runs.reduce((sum, { from, to }) => sum + to - from, 0);
    this.#queue.push({ runs, last, records, bytes, sinceMs: performance.now(), indexed });
    this.#queued += records;
    this.#queuedBytes += bytes;
    this.#work();
    if (this.#isGathered || this.#isAwaited) this.#hurry();
  }

  /** Removes what is trimmed of a partition. Resolves after the first step, or where none can be made. */
  async clean(state: PartitionState): Promise<void> {
    if (state.cleanedTo >= state.trimmedTo || this.#stopped) return;
    this.#uncleaned.add(state);
    const stepped = new Promise<void>((resolve) => this.#trimmers.push({ state, resolve }));
    this.#work();
    this.#hurry();
    await stepped;
  }

  /**
   * Takes steps in the follower's turn, when the log is applied up to `after`, until one says that none follows. Rejects
   * with what a step throws, with what keeps the index from following, or with CLOSED.
   */
  async alone(after: number, step: () => Promise<boolean>): Promise<void> {
    if (this.#stopped) throw closed();
    const ended = new Promise<void>((resolve, reject) => this.#tasks.push({ after, step, resolve, reject }));
    this.#work();
    this.#hurry();
    await ended;
  }

  /** Inside a step: removes these entries, or writes them anew. Throws OVERLOADED while they are held, and INTERNAL. */
  async rewrite(entries: readonly number[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.#outworn.isHeld)
      throw new MendlogError('OVERLOADED', 'a backup is being made: try again after it');
    const left = await this.#outworn.rewrite(entries);
    if (left.length > 0)
      throw new MendlogError('INTERNAL', `${left.length} entries of the log do not have what the index says`);
  }

  /** Inside a step: the same with the oldest that are outworn, up to this arrival. Whether there were any. */
  async rewriteOutworn(upTo: number): Promise<boolean> {
    const oldest = this.#outworn.oldest(upTo);
    await this.rewrite(oldest);
    return oldest.length > 0;
  }

  /** Keeps the log's entries from being removed or written anew, until the function that it gives is called. */
  async holdEntries(): Promise<() => void> {
    const release = await this.#outworn.hold();
    return () => {
      release();
      this.#work();
    };
  }

  /** Resolves when all is done that was asked for before, or the work has met an error or was stopped. */
  async cleaned(): Promise<void> {
    this.#waiting++;
    this.#hurry();
    while (this.#working !== undefined) await this.#working.catch(() => undefined);
    this.#waiting--;
  }

  /** Lets the step that is under way end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#admit();
    // A step that is under way ends.
    for (const { reject } of this.#tasks.splice(0)) reject(closed());
    await this.cleaned();
  }

  #work(): void {
    if (this.#working !== undefined || this.#stopped || !this.#hasWork()) return;
    const working = this.#steps()
      .catch((cause: unknown) => {
        // Whoever waits for room would wait until somebody else writes.
        for (const { reject } of this.#entrants.splice(0)) reject(cause);
        for (const { reject } of this.#tasks.splice(0)) reject(cause);
        throw cause;
      })
      .finally(() => {
        this.#working = undefined;
        for (const { resolve } of this.#trimmers.splice(0)) resolve();
      });
    this.#working = working;
    // What came while the last step ended. Whoever waits for room hears of a failure; the next write tries again.
    working.then(
      () => this.#work(),
      () => undefined,
    );
  }

  #hasWork(): boolean {
    return (
      this.#queue.length > 0 ||
      this.#outwornIsDue() ||
      this.#cleanable() !== undefined ||
      this.#dueTask() !== undefined
    );
  }

  #outwornIsDue(): boolean {
    return this.#mayBeOutworn && !this.#outworn.isHeld;
  }

  async #steps(): Promise<void> {
    while (!this.#stopped && this.#hasWork()) {
      if (this.#queue.length > 0) {
        await this.#gathered();
        if (this.#stopped) return;
        await this.#indexStep();
        this.#mayBeOutworn = true;
      }
      const state = this.#cleanable();
      if (state !== undefined) {
        await this.#cleanStep(state);
        this.#mayBeOutworn = true;
      }
      const task = this.#dueTask();
      if (task !== undefined) await this.#taskStep(task);
      if (this.#outwornIsDue()) this.#mayBeOutworn = await this.#outworn.step();
    }
  }

  /** Waits for more to come, as long as little has come and nobody waits: each step costs a commit. */
  async #gathered(): Promise<void> {
    if (this.#isGathered || this.#isAwaited) await nextTurn();
    else await this.#pause(GATHER_MS);
  }

  /** There is enough for the next step. */
  get #isGathered(): boolean {
    return (
      this.#queued >= this.#enough * GATHERED_RECORDS ||
      this.#queuedBytes >= this.#enough * GATHERED_SHARE * this.#overlayBytesMax
    );
  }

  /** Somebody waits for the end of a step. */
  get #isAwaited(): boolean {
    return this.#waiting + this.#entrants.length + this.#trimmers.length + this.#tasks.length > 0;
  }

  /** Until somebody is in a hurry. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  /** Of a step whose first record came at `sinceMs`. */
  #pace(sinceMs: number): StepPace {
    return new StepPace(sinceMs, {
      nowMs: () => performance.now(),
      isHurried: () =>
        this.#isAwaited || this.#isGathered || this.#overlayBytes >= HURRY_SHARE * this.#overlayBytesMax,
      turn: nextTurn,
      pause: async (ms) => await this.#pause(ms),
    });
  }

  /** Lets those in who wait for room. */
  #admit(): void {
    for (const { resolve } of this.#entrants.splice(0)) resolve();
  }

  #hurry(): void {
    this.#endPause?.();
  }

  async #indexStep(): Promise<void> {
    const states: PartitionState[] = [];
    const entries: ArrivedRun[] = [];
    let taken = 0;
    let records = 0;
    let bytes = 0;
    let last = 0;
    for (const followed of this.#queue) {
      if (records > 0 && records + followed.records > STEP_RECORDS) break;
      for (const run of followed.runs) {
        if (run.entry !== entries.at(-1)?.entry) entries.push(run);
        const { state } = run;
        if (state.arriving.length === 0) states.push(state);
        state.arriving.push(run);
      }
      records += followed.records;
      bytes += followed.bytes;
      last = followed.last;
      taken++;
    }
    states.sort((a, b) => a.id - b.id);
    const runs = states.map(({ id, arriving }) => [id, arriving] as const);
    for (const state of states) state.arriving = [];
    const pace = this.#pace(this.#queue[0]?.sinceMs ?? 0);
    this.#queued -= records;
    this.#queuedBytes -= bytes;
    // Replicas are given the same records: not all of them are to make the next step in the same moment.
    this.#enough = 0.5 + Math.random();
    try {
      const changed = await this.#index.apply({ runs, entries, applied: last }, pace);
      const isIndexed = (arrival: number) => arrival <= last;
      for (const state of states) {
        state.overlay.forgetUpTo(last);
        if (!state.holders.isEmpty) state.holders.forget(isIndexed);
        state.leaving.forget(last);
        const indexed = changed.get(state.id);
        if (indexed !== undefined) state.indexed(indexed);
      }
    } catch (cause) {
      this.#queued += records;
      this.#queuedBytes += bytes;
      throw cause;
    }
    for (const { runs, bytes, indexed } of this.#queue.splice(0, taken)) {
      indexed();
      this.leaves(bytes, runs.length);
    }
  }

  #cleanable(): PartitionState | undefined {
    if (this.#uncleaned.size === 0) return undefined;
    const applied = this.#appliedTo();
    for (const state of this.#uncleaned) if (state.cleanAfter <= applied) return state;
    return undefined;
  }

  #dueTask(): Task | undefined {
    if (this.#tasks.length === 0) return undefined;
    const applied = this.#appliedTo();
    return this.#tasks.find(({ after }) => after <= applied);
  }

  /** Where nothing waits, all is applied. */
  #appliedTo(): number {
    return this.#queue.length > 0 ? this.#index.applied : Number.POSITIVE_INFINITY;
  }

  async #taskStep(task: Task): Promise<void> {
    const leave = () => {
      const at = this.#tasks.indexOf(task);
      if (at >= 0) this.#tasks.splice(at, 1);
    };
    try {
      this.#mayBeOutworn = true;
      if (await task.step()) {
        // Another one has its turn first.
        leave();
        if (this.#stopped) task.reject(closed());
        else this.#tasks.push(task);
        return;
      }
      leave();
      task.resolve();
    } catch (cause) {
      leave();
      task.reject(cause);
    }
  }

  async #cleanStep(state: PartitionState): Promise<void> {
    const { trimmedTo } = state;
    const { removed, after } = await this.#index.clean(state.id, trimmedTo, LIMITS.trimStepRecords);
    for (const record of removed) {
      state.leaving.delete(record);
      state.damaged.delete(record.version);
    }
    state.indexed(after);
    if (state.cleanedTo >= state.trimmedTo) this.#uncleaned.delete(state);
    for (const trimmer of this.#trimmers) if (trimmer.state === state) trimmer.resolve();
    this.#trimmers = this.#trimmers.filter((trimmer) => trimmer.state !== state);
  }
}

function closed(): MendlogError {
  return new MendlogError('CLOSED', 'the store is closed');
}
