/**
 * Judges scans while the run goes on, since a history has no place for them. A scan is read page by page, and pages
 * may be short, so it is no snapshot; what holds nevertheless:
 *
 * - a scan has every write of its range that was acknowledged before it began, and nothing that was refused or that
 *   nobody wrote;
 * - what one scan has shown, a later one shows too, whoever reads: appends are never deleted here;
 * - a scan is in the order of versions, and shows two records of a key only where the newer one was not acknowledged
 *   when it began: it may have come between two pages.
 *
 * Each page asks a quorum of its own. Where a write of a key is under way on one replica alone, that replica no more
 * holds what the write replaces, and another quorum does not see the write: a scan of several pages may miss the key.
 * The same goes for an append that is sent again under its key, until it is acknowledged. One page misses neither.
 *
 * Time is the order in which the one process of all clients was told of things. Appends of unknown outcome may be
 * replaced by a later attempt of themselves, so they count by their value and not by their version.
 */
import { compareVersions, formatVersion, type Version } from '@mendlog/core';
import type { CheckReport } from './check-report.js';
import { ScanReports } from './scan-reports.js';

export interface ScannedRecord {
  readonly version: Version;
  /** Null for an append. */
  readonly key: string | null;
  readonly value: string;
}

/** What a scan began with: it is judged by what was known then. */
export interface ScanStart {
  readonly partition: string;
  readonly tick: number;
  /** The first version of the range; undefined: all of it. */
  readonly from: Acknowledged | undefined;
  /** By key, the highest acknowledged write before the scan. */
  readonly keys: ReadonlyMap<string, KeyWrite>;
}

export interface ScanExtent {
  /** It went to the end of the partition. */
  readonly isWhole: boolean;
  /** It is known to be the answer to one call. */
  readonly isOnePage: boolean;
}

interface KeyWrite {
  readonly version: Version;
  readonly isDelete: boolean;
}

/** An append that was acknowledged. */
export interface Acknowledged {
  readonly version: Version;
  readonly value: string;
  readonly tick: number;
}

/** A write that begins; a delete has no value. */
export interface IssuedWrite {
  readonly key: string | null;
  readonly value: string | null;
  /** It may be written anew until it is acknowledged, and take the place of itself. */
  readonly isRetried: boolean;
}

interface Issued {
  readonly key: string | null;
  readonly isRetried: boolean;
  readonly tick: number;
  outcome: 'pending' | 'ok' | 'fail' | 'unknown';
  acknowledgedTick: number | undefined;
  /** When a scan that has ended had first shown it before it was acknowledged. */
  shownTick: number | undefined;
}

interface KeyState {
  highest: KeyWrite | undefined;
  highestDelete: Version | undefined;
  /** Writes of which the outcome is not known, now or for ever; and how many of them are deletes. */
  open: number;
  openDeletes: number;
  /** When a write of it began, or ended, last. */
  lastTick: number;
}

interface PartitionState {
  /** In the order of versions. */
  readonly appends: Acknowledged[];
  /** By value. */
  readonly issued: Map<string, Issued>;
  readonly keys: Map<string, KeyState>;
  /** Values of appends that scans have shown before they were acknowledged. */
  readonly shown: Set<string>;
}

export class ScanJudge {
  readonly #partitions = new Map<string, PartitionState>();
  readonly #reports = new ScanReports();
  #tick = 0;

  issue(partition: string, { key, value, isRetried }: IssuedWrite): void {
    const state = this.#state(partition);
    const tick = ++this.#tick;
    if (key !== null) {
      const known = keyState(state, key);
      known.lastTick = tick;
      known.open++;
      if (value === null) known.openDeletes++;
    }
    if (value !== null)
      state.issued.set(value, {
        key,
        isRetried,
        tick,
        outcome: 'pending',
        acknowledgedTick: undefined,
        shownTick: undefined,
      });
  }

  acknowledge(
    partition: string,
    write: { key: string | null; value: string | null; version: Version },
  ): void {
    const state = this.#state(partition);
    const { key, value, version } = write;
    const issued = value === null ? undefined : state.issued.get(value);
    const tick = ++this.#tick;
    if (issued !== undefined) {
      issued.outcome = 'ok';
      issued.acknowledgedTick = tick;
    }
    if (key === null && value !== null) insert(state.appends, { version, value, tick });
    if (key === null) return;
    const known = keyState(state, key);
    known.lastTick = tick;
    known.open--;
    if (value === null) {
      known.openDeletes--;
      if (known.highestDelete === undefined || compareVersions(version, known.highestDelete) > 0)
        known.highestDelete = version;
    }
    if (known.highest === undefined || compareVersions(version, known.highest.version) > 0)
      known.highest = { version, isDelete: value === null };
  }

  /** A write ended without an acknowledgement. */
  end(
    partition: string,
    write: { key: string | null; value: string | null },
    outcome: 'fail' | 'unknown',
  ): void {
    const state = this.#state(partition);
    const { key, value } = write;
    if (key !== null) {
      const known = keyState(state, key);
      known.lastTick = ++this.#tick;
      if (outcome === 'fail') known.open--;
      if (outcome === 'fail' && value === null) known.openDeletes--;
    }
    if (value === null) return;
    const issued = state.issued.get(value);
    if (issued === undefined) return;
    issued.outcome = outcome;
    if (outcome === 'fail' && issued.shownTick !== undefined)
      this.#reports.unacknowledged(partition, key, `${value} was refused, and a scan has shown it before`);
  }

  /** An append that was acknowledged about so many appends ago; undefined where there are not so many. */
  recent(partition: string, ago: number): Acknowledged | undefined {
    return this.#state(partition).appends.at(-ago);
  }

  begin(partition: string, from: Acknowledged | undefined): ScanStart {
    const keys = new Map<string, KeyWrite>();
    for (const [key, { highest }] of this.#state(partition).keys)
      if (highest !== undefined) keys.set(key, highest);
    return { partition, tick: ++this.#tick, from, keys };
  }

  /** Records in the order of versions, whichever way they were read. */
  judge(start: ScanStart, records: readonly ScannedRecord[], extent: ScanExtent): void {
    const state = this.#state(start.partition);
    const to = extent.isWhole ? undefined : records.at(-1)?.version;
    const byValue = new Map<string, ScannedRecord>();
    this.#reports.judged();
    this.#checkRecords(state, start, records, byValue);
    this.#checkAppends(state, start, byValue, to);
    this.#checkKeys(state, start, records, { ...extent, to });
    this.#checkShown(state, start, byValue, extent);
    const tick = ++this.#tick;
    for (const { value, key } of records) {
      const issued = state.issued.get(value);
      if (issued === undefined || issued.outcome === 'ok') continue;
      issued.shownTick ??= tick;
      if (key === null) state.shown.add(value);
    }
  }

  reports(): CheckReport[] {
    return this.#reports.reports();
  }

  /** Each record by itself, and beside the others of the scan, which become `byValue`. */
  #checkRecords(
    state: PartitionState,
    { partition, tick, keys }: ScanStart,
    records: readonly ScannedRecord[],
    byValue: Map<string, ScannedRecord>,
  ): void {
    const ofKey = new Map<string, ScannedRecord>();
    let before: Version | undefined;
    for (const record of records) {
      const { version, key, value } = record;
      const text = formatVersion(version);
      const issued = state.issued.get(value);
      if (issued === undefined || issued.key !== key)
        this.#reports.unacknowledged(partition, key, `a scan shows ${value} at ${text}, which nobody wrote`);
      else if (issued.outcome === 'fail')
        this.#reports.unacknowledged(partition, key, `a scan shows ${value} at ${text}, which was refused`);
      if (before !== undefined && compareVersions(before, version) >= 0)
        this.#reports.twice(partition, key, `a scan shows ${text} after ${formatVersion(before)}`);
      before = version;
      const earlier = key === null ? byValue.get(value) : ofKey.get(key);
      const wasThere =
        key === null
          ? (issued?.acknowledgedTick ?? Number.POSITIVE_INFINITY) < tick
          : compareVersions(keys.get(key)?.version ?? NO_VERSION, version) >= 0;
      if (earlier !== undefined && wasThere) {
        const at = formatVersion(earlier.version);
        this.#reports.twice(partition, key, `a scan shows ${earlier.value} at ${at} and ${value} at ${text}`);
      }
      if (key !== null) ofKey.set(key, record);
      byValue.set(value, record);
    }
  }

  #checkAppends(
    state: PartitionState,
    { partition, tick, from }: ScanStart,
    byValue: ReadonlyMap<string, ScannedRecord>,
    to: Version | undefined,
  ): void {
    const first = from === undefined ? 0 : firstFrom(state.appends, from.version);
    for (let i = first; i < state.appends.length; i++) {
      const append = state.appends[i] as Acknowledged;
      if (to !== undefined && compareVersions(append.version, to) > 0) break;
      if (append.tick > tick) continue;
      const found = byValue.get(append.value);
      const text = formatVersion(append.version);
      if (found === undefined)
        this.#reports.missing(
          partition,
          null,
          `a scan lacks ${append.value}, acknowledged before at ${text}`,
        );
      else if (compareVersions(found.version, append.version) !== 0) {
        const at = formatVersion(found.version);
        this.#reports.missing(
          partition,
          null,
          `a scan has ${append.value} at ${at}, acknowledged at ${text}`,
        );
      }
    }
  }

  #checkKeys(
    state: PartitionState,
    { partition, tick, from, keys }: ScanStart,
    records: readonly ScannedRecord[],
    { isOnePage, to }: ScanExtent & { to: Version | undefined },
  ): void {
    const shown = new Map<string, ScannedRecord>();
    for (const record of records) if (record.key !== null) shown.set(record.key, record);
    for (const [key, { version, isDelete }] of keys) {
      const found = shown.get(key);
      const text = formatVersion(version);
      if (found !== undefined) {
        if (compareVersions(found.version, version) >= 0) continue;
        const at = formatVersion(found.version);
        const what = isDelete ? 'deleted' : 'replaced';
        this.#reports.missing(
          partition,
          key,
          `a scan has ${found.value} at ${at}, ${what} before at ${text}`,
        );
        continue;
      }
      // It may lie before the range, behind what was read, or be deleted since.
      if (isDelete || to !== undefined) continue;
      if (from !== undefined && compareVersions(version, from.version) < 0) continue;
      const { open, openDeletes, highestDelete, lastTick } = keyState(state, key);
      if (openDeletes > 0) continue;
      if (!isOnePage && (open > 0 || lastTick > tick)) continue;
      if (highestDelete !== undefined && compareVersions(highestDelete, version) > 0) continue;
      this.#reports.missing(partition, key, `a scan lacks a record of this key, put before at ${text}`);
    }
  }

  /** What was acknowledged is looked for by `#checkAppends`; this is about the others. */
  #checkShown(
    state: PartitionState,
    { partition, tick, from }: ScanStart,
    byValue: ReadonlyMap<string, ScannedRecord>,
    { isWhole, isOnePage }: ScanExtent,
  ): void {
    if (!isWhole) return;
    for (const value of state.shown) {
      const issued = state.issued.get(value);
      if (issued?.shownTick === undefined || issued.shownTick > tick || byValue.has(value)) continue;
      const isSettled = !issued.isRetried || (issued.acknowledgedTick ?? Number.POSITIVE_INFINITY) < tick;
      if (!isOnePage && !isSettled) continue;
      // All its attempts are in the range where the range began before it did.
      if (from !== undefined && from.tick > issued.tick) continue;
      this.#reports.gone(partition, null, `a scan lacks ${value}, which an earlier one has shown`);
    }
  }

  #state(partition: string): PartitionState {
    let state = this.#partitions.get(partition);
    if (state === undefined) {
      state = { appends: [], issued: new Map(), keys: new Map(), shown: new Set() };
      this.#partitions.set(partition, state);
    }
    return state;
  }
}

const NO_VERSION: Version = { counter: 0, origin: '' };

function keyState({ keys }: PartitionState, key: string): KeyState {
  let state = keys.get(key);
  if (state === undefined) {
    state = { highest: undefined, highestDelete: undefined, open: 0, openDeletes: 0, lastTick: 0 };
    keys.set(key, state);
  }
  return state;
}

/** Nearly always at the end. */
function insert(appends: Acknowledged[], one: Acknowledged): void {
  let at = appends.length;
  while (at > 0 && compareVersions((appends[at - 1] as Acknowledged).version, one.version) > 0) at--;
  appends.splice(at, 0, one);
}

/** The place of the first append from this version on. */
function firstFrom(appends: readonly Acknowledged[], version: Version): number {
  let low = 0;
  let high = appends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareVersions((appends[middle] as Acknowledged).version, version) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
