/**
 * A scan of what was written at a time: replicas say where such records lie, and only that is read.
 *
 * A page may end early, even without a record: then `next` says where to go on.
 */
import {
  decodeFrame,
  frameVersion,
  laterVersion,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
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

interface TimedScan {
  readonly range: VersionRange;
  readonly window: TimeWindow;
  readonly level: AskedLevel;
  readonly caller?: RequestCaller | undefined;
}

export async function scanTime(
  {
    ranges: reads,
    survey,
  }: { ranges: Pick<RangeCoordinator, 'read'>; survey: Pick<PartitionSurvey, 'timeRanges'> },
  partition: string,
  { range, window, level, caller }: TimedScan,
): Promise<ReadOutcome> {
  const asked = { time: window, from: range.from.counter };
  const { ranges, next: later, isKnown } = await survey.timeRanges(partition, asked, level, caller);
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
  for (const given of ranges) {
    const counters = clipped(given, { from: range.from.counter, to: range.to.counter });
    if (counters === undefined) continue;
    let from: Version | undefined = laterVersion(range.from, {
      counter: counters.from,
      origin: ORIGIN_LOWEST,
    });
    const to = counters.to < range.to.counter ? { counter: counters.to, origin: ORIGIN_HIGHEST } : range.to;
    while (from !== undefined) {
      if (found.length >= range.limit || readsMade >= READS_MAX) return page(from);
      readsMade++;
      const [outcome]: ReadOutcome[] = await reads.read(
        partition,
        [{ from, to, limit: READ_RECORDS }],
        level,
        caller,
      );
      if (outcome === undefined) break;
      for (const frame of outcome.frames) if (isWithin(frame, window)) found.push(frame);
      isRepaired ||= outcome.repaired;
      from = outcome.next;
    }
  }
  const isBeyond = later === undefined || later > range.to.counter;
  return page(isBeyond ? undefined : { counter: later, origin: ORIGIN_LOWEST });
}

/** By the clock of the coordinator that wrote the record. */
function isWithin(frame: Uint8Array, { fromMs, toMs }: TimeWindow): boolean {
  const { timeMs } = decodeFrame(frame);
  return timeMs >= fromMs && timeMs <= toMs;
}
