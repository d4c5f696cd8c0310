/**
 * Walks the store at low priority, again and again, and checks what lies on disk. A record that the disk has
 * changed is read at QUORUM: another replica answers, and gives the record back.
 *
 *   every TICK_MS: steps, until the tick's share of bytes or time is used up --> damaged records --> read
 */
import { formatVersion, LIMITS, toMendlogError, type Version, type VersionRange } from '@mendlog/core';
import type { AskedLevel } from '../api/service.js';
import type { Log } from '../log.js';
import type { IntegrityFinding, IntegrityStep } from '../storage/integrity-finding.js';

/** What a scrub needs of a store. */
interface ScrubbedStore {
  checkSteps(): Iterator<IntegrityStep>;
  damaged(): { readonly partition: string; readonly versions: readonly Version[] }[];
}

export interface ScrubOptions {
  /** 0: the store is not scrubbed. */
  readonly bytesPerSecondMax: number;
  /** From the end of one walk to the beginning of the next. */
  readonly pauseMs: number;
}

interface ScrubberOptions extends ScrubOptions {
  readonly store: ScrubbedStore;
  readonly read: (partition: string, ranges: readonly VersionRange[], level: AskedLevel) => Promise<unknown>;
  readonly log: Log;
}

export interface ScrubCounts {
  /** Walks that reached the end. */
  readonly walks: number;
  readonly records: number;
  /** What was found, once a walk, by kind. */
  readonly found: Readonly<Record<IntegrityFinding['kind'], number>>;
  /** Damaged records that wait to come again. */
  readonly damaged: number;
}

const TICK_MS = 100;
/** A tick ends then, whatever is left of its bytes: others have the thread. One step takes well below a millisecond. */
const TICK_WORK_MS = 5;
/** Damaged records that are asked for at once, and how long those that did not come wait. */
const REPAIRS_MAX = 64;
const REPAIR_PAUSE_MS = 10_000;

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #steps: Iterator<IntegrityStep> | undefined;
  #beginsAtMs: number;
  #walks = 0;
  #records = 0;
  readonly #found = { record: 0, entry: 0, index: 0 };
  /** Records that the latest repair was about. */
  readonly #asked = new Set<string>();
  #repairing: Promise<void> | undefined;
  #repairsAtMs = 0;

  constructor(options: ScrubberOptions) {
    this.#options = options;
    this.#beginsAtMs = performance.now() + options.pauseMs;
    if (options.bytesPerSecondMax > 0) this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  get counts(): ScrubCounts {
    const damaged = recordsOf(this.#options.store.damaged());
    return { walks: this.#walks, records: this.#records, found: { ...this.#found }, damaged };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#repairing;
  }

  #tick(): void {
    try {
      if (performance.now() >= this.#beginsAtMs) this.#work();
    } catch (thrown) {
      this.#steps = undefined;
      this.#beginsAtMs = performance.now() + Math.max(this.#options.pauseMs, REPAIR_PAUSE_MS);
      this.#options.log.warn('the scrub met an error', { error: toMendlogError(thrown).message });
    }
    if (performance.now() < this.#repairsAtMs) return;
    // Those too that a read has found.
    this.#repairing ??= this.#repair().finally(() => {
      this.#repairing = undefined;
    });
  }

  #work(): void {
    const { store, bytesPerSecondMax, pauseMs } = this.#options;
    const endsAtMs = performance.now() + TICK_WORK_MS;
    let bytes = (bytesPerSecondMax * TICK_MS) / 1000;
    this.#steps ??= store.checkSteps();
    while (bytes > 0 && performance.now() < endsAtMs) {
      const step = this.#steps.next();
      if (step.done === true) {
        this.#steps = undefined;
        this.#walks++;
        this.#beginsAtMs = performance.now() + pauseMs;
        return;
      }
      bytes -= step.value.bytes;
      this.#records += step.value.records;
      for (const finding of step.value.findings) this.#note(finding);
    }
  }

  #note(finding: IntegrityFinding): void {
    const { log } = this.#options;
    this.#found[finding.kind]++;
    if (finding.kind === 'record') {
      const { partition, version } = finding;
      // What is found for the first time does not wait for those that could not be repaired.
      if (!this.#asked.has(`${partition} ${formatVersion(version)}`)) this.#repairsAtMs = 0;
      log.warn('the disk has changed a record', { partition, version: formatVersion(version) });
    } else if (finding.kind === 'entry') {
      log.warn('the disk has changed an entry of the log', { arrival: finding.arrival });
    } else log.warn('the index is wrong and is made anew at the next start', { what: finding.what });
  }

  async #repair(): Promise<void> {
    const { store, read, log } = this.#options;
    const damaged = store.damaged();
    if (damaged.length === 0) return;
    let left = REPAIRS_MAX;
    this.#asked.clear();
    // Not the same ones each time: some may be nobody's to give back.
    for (const { partition, versions } of damaged.toSorted(() => Math.random() - 0.5)) {
      const from = Math.floor(Math.random() * Math.max(1, versions.length - left + 1));
      const asked = versions.slice(from, from + left);
      left -= asked.length;
      if (asked.length === 0) break;
      for (const version of asked) this.#asked.add(`${partition} ${formatVersion(version)}`);
      // Whatever comes of it: what nobody can give back is not asked for without end.
      this.#repairsAtMs = performance.now() + REPAIR_PAUSE_MS;
      const ranges = asked.map((version) => ({ from: version, to: version, limit: LIMITS.rangesMax }));
      try {
        await read(partition, ranges, 'QUORUM');
      } catch (thrown) {
        log.debug('a damaged record cannot be repaired yet', {
          partition,
          error: toMendlogError(thrown).message,
        });
      }
    }
    // A full batch of which something came is followed by the next one at once.
    if (left === 0 && recordsOf(store.damaged()) < recordsOf(damaged)) this.#repairsAtMs = 0;
  }
}

function recordsOf(damaged: ReturnType<ScrubbedStore['damaged']>): number {
  return damaged.reduce((sum, { versions }) => sum + versions.length, 0);
}
