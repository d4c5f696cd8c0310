/**
 * Where records of a time lie, as several replicas say: each may lack some, so all that any of them names is read.
 */
import type { IndexRange, Store, TimeRanges, TimeWindow } from '@mendlog/core';

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
  const sorted = answers.flatMap(({ ranges }) => ranges).sort((a, b) => a.from - b.from);
  const ranges: { from: number; to: number }[] = [];
  for (const { from, to } of sorted) {
    if (next !== undefined && from >= next) break;
    const last = ranges.at(-1);
    const end = next === undefined ? to : Math.min(to, next - 1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, end);
    else ranges.push({ from, to: end });
  }
  return { ranges, next, isKnown: answers.some(({ isKnown }) => isKnown) };
}

/** What of a range of counters lies in another one; undefined where nothing does. */
export function clipped(range: IndexRange, { from, to }: IndexRange): IndexRange | undefined {
  const [start, end] = [Math.max(range.from, from), Math.min(range.to, to)];
  return start <= end ? { from: start, to: end } : undefined;
}
