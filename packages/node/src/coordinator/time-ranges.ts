/**
 * Where records of a time lie, as several replicas say: each may lack some, so all that any of them names is read.
 */
import { type IndexRange, joinedRanges, type Store, type TimeRanges, type TimeWindow } from '@mendlog/core';

/** What one replica answers. */
export interface ReplicaTimeRanges extends TimeRanges {
  /** It holds records of the partition, whatever their time. */
  readonly isKnown: boolean;
}

export function timeRangesOf(
  store: Store,
  partition: string,
  { time, from, limit }: { time: TimeWindow; from: number; limit: number },
): ReplicaTimeRanges {
  const { head = 0, trimmedTo = 0 } = store.summary(partition) ?? {};
  return { ...store.timeRanges(partition, time, { from, limit }), isKnown: head > trimmedTo };
}

/** All answers together: up to where the first of them left something out. */
export function mergeTimeRanges(answers: readonly ReplicaTimeRanges[]): ReplicaTimeRanges {
  const nexts = answers.flatMap(({ next }) => next ?? []);
  const next = nexts.length === 0 ? undefined : Math.min(...nexts);
  const proven = { from: 0, to: (next ?? Number.POSITIVE_INFINITY) - 1 };
  const named = answers.flatMap(({ ranges }) => ranges.flatMap((range) => clipped(range, proven) ?? []));
  named.sort((a, b) => a.from - b.from);
  const ranges = joinedRanges(named, (range) => range);
  return { ranges, next, isKnown: answers.some(({ isKnown }) => isKnown) };
}

/** What of a range of counters lies in another one; undefined where nothing does. */
export function clipped(range: IndexRange, { from, to }: IndexRange): IndexRange | undefined {
  const [start, end] = [Math.max(range.from, from), Math.min(range.to, to)];
  return start <= end ? { from: start, to: end } : undefined;
}
