/** Where records lie in the arrival log, and what is known of them without reading their frames. */
import type { Version } from '@mendlog/core';
import type { LogEntry } from './log-entry.js';

export interface LocatedRecord {
  readonly version: Version;
  readonly tag: Uint8Array;
  readonly arrival: number;
  readonly ordinal: number;
  /** Bytes of its frame. */
  readonly length: number;
  /** It has a key of either kind. */
  readonly hasKey: boolean;
  readonly isTombstone: boolean;
  /** Its entry and the place in it, where that is in memory. */
  readonly entry?: LogEntry;
  readonly place?: number;
}

/** Records of one partition in consecutive places of an entry, `from` up to `to`, ascending by version. */
export interface Run {
  readonly arrival: number;
  readonly entry: LogEntry;
  readonly from: number;
  readonly to: number;
  /** The time that all of its records have; undefined where they differ, or nobody has looked. */
  readonly timeMs?: number | undefined;
  /** None of its records has a key; not set where nobody has looked. */
  readonly isKeyless?: boolean;
}

export function recordAt({ arrival, entry }: Pick<Run, 'arrival' | 'entry'>, place: number): LocatedRecord {
  return {
    version: entry.version(place),
    tag: entry.tag(place),
    arrival,
    ordinal: entry.ordinal(place),
    length: entry.length(place),
    hasKey: entry.hasKey(place),
    isTombstone: entry.isTombstone(place),
    entry,
    place,
  };
}

export function* recordsOf(run: Run): Generator<LocatedRecord> {
  for (let place = run.from; place < run.to; place++) yield recordAt(run, place);
}

/** The parts of consecutive places of which the versions ascend. */
export function ascendingRuns({ arrival, entry, from, to }: Run): Run[] {
  const runs: Run[] = [];
  let start = from;
  for (let place = from + 1; place <= to; place++) {
    if (place < to && entry.compareVersion(place - 1, entry.version(place)) < 0) continue;
    runs.push({ arrival, entry, from: start, to: place });
    start = place;
  }
  return runs;
}
