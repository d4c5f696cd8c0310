/**
 * A scan of what was written at a time: replicas say where such records lie, and only that is read.
 *
 * A page may end early, even without a record: then `next` says where to go on.
 */
import {
  decodeFrame,
  frameVersion,
  type IndexRange,
  laterVersion,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type TimeRanges,
  type TimeWindow,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import type { RequestCaller } from '../api/request-caller.js';
import type { AskedLevel, ReadOutcome } from '../api/service.js';
import type { PartitionSurvey } from './partition-survey.js';
import type { RangeCoordinator } from './range-coordinator.js';
import { clipped } from './time-ranges.js';

const READ_RECORDS = 1000;
/** Reads that one page makes, however few of their records are of the time. */
const READS_MAX = 16;
/** How often replicas are asked where records of a time lie, before a scan begins at the end of its range. */
const ASKS_MAX = 16;

interface TimedScan {
  readonly range: VersionRange;
  readonly window: TimeWindow;
  readonly level: AskedLevel;
  readonly caller?: RequestCaller | undefined;
}

interface ScanTimeParts {
  readonly ranges: Pick<RangeCoordinator, 'read'>;
  readonly survey: Pick<PartitionSurvey, 'timeRanges'>;
}

/** Rejects as a read of a range does, and with TOO_LARGE in reverse, where what is to be read has too many parts. */
export async function scanTime(
  { ranges: reads, survey }: ScanTimeParts,
  partition: string,
  { range, window, level, caller }: TimedScan,
): Promise<ReadOutcome> {
  const { descending = false } = range;
  const ask = (from: number) => survey.timeRanges(partition, { time: window, from }, level, caller);
  const told = await ask(range.from.counter);
  const { isKnown } = told;
  const { ranges, next: later } = descending ? await allRanges(told, range.to.counter, ask) : told;
  const found: Uint8Array[] = [];
  let isRepaired = false;
  let readsMade = 0;
  const page = (next: Version | undefined): ReadOutcome => {
    const left = found[range.limit];
    return {
      frames: found.slice(0, range.limit),
      next: left === undefined ? next : frameVersion(left),
      isKnown,
      repaired: isRepaired,
    };
  };
  for (const given of descending ? ranges.toReversed() : ranges) {
    let part = partOf(range, given);
    while (part !== undefined) {
      if (found.length >= range.limit || readsMade >= READS_MAX)
        return page(descending ? part.to : part.from);
      readsMade++;
      const [outcome]: ReadOutcome[] = await reads.read(partition, [part], level, caller);
      if (outcome === undefined) break;
      for (const frame of outcome.frames) if (isWithin(frame, window)) found.push(frame);
      isRepaired ||= outcome.repaired;
      const { next }: ReadOutcome = outcome;
      part = next && (descending ? { ...part, to: next } : { ...part, from: next });
    }
  }
  const isBeyond = later === undefined || later > range.to.counter;
  return page(isBeyond ? undefined : { counter: later, origin: ORIGIN_LOWEST });
}

/** Whoever begins at the end has to know where it is. */
async function allRanges(
  first: TimeRanges,
  end: number,
  ask: (from: number) => Promise<TimeRanges>,
): Promise<TimeRanges> {
  const ranges = [...first.ranges];
  let { next } = first;
  for (let asks = 1; next !== undefined && next <= end; asks++) {
    if (asks >= ASKS_MAX)
      throw new MendlogError('TOO_LARGE', 'the records of this time are too scattered: name a shorter range');
    const told = await ask(next);
    ranges.push(...told.ranges);
    next = told.next;
  }
  return { ranges, next: undefined };
}

/** What of a range lies in these counters, to be read in its order. */
function partOf(range: VersionRange, given: IndexRange): VersionRange | undefined {
  const counters = clipped(given, { from: range.from.counter, to: range.to.counter });
  if (counters === undefined) return undefined;
  return {
    from: laterVersion(range.from, { counter: counters.from, origin: ORIGIN_LOWEST }),
    to: counters.to < range.to.counter ? { counter: counters.to, origin: ORIGIN_HIGHEST } : range.to,
    limit: READ_RECORDS,
    descending: range.descending ?? false,
  };
}

/** By the clock of the coordinator that wrote the record. */
function isWithin(frame: Uint8Array, { fromMs, toMs }: TimeWindow): boolean {
  const { timeMs } = decodeFrame(frame);
  return timeMs >= fromMs && timeMs <= toMs;
}
