/** What became of the parts of a request, added up: it has many, and most of them alike. */
import {
  type KeyOutcome,
  type KeyQuestion,
  type Level,
  levelText,
  type PackedGroup,
  type WriteLevel,
  type WriteOutcome,
} from '@mendlog/core';
import type { CountedReads, CountedWrites } from '../metrics/metrics.js';

export function countWrites(
  groups: readonly PackedGroup[],
  outcomes: readonly WriteOutcome[],
  levelOf: (partition: string) => WriteLevel,
): CountedWrites[] {
  const counts = new Map<string, CountedWrites>();
  let last: { readonly of: WriteLevel; readonly count: CountedWrites } | undefined;
  for (const [i, { partition, ends, bytes }] of groups.entries()) {
    const outcome = outcomes[i];
    const of = outcome?.ok === true ? outcome.level : levelOf(partition);
    const result =
      outcome?.ok === true ? 'acknowledged' : outcome?.error.code === 'WRITE_TIMEOUT' ? 'unknown' : 'refused';
    if (last?.of !== of || last.count.result !== result) {
      const level = levelText(of);
      const count = counts.get(`${result} ${level}`) ?? { result, level, groups: 0, records: 0, bytes: 0 };
      counts.set(`${result} ${level}`, count);
      last = { of, count };
    }
    const { count } = last;
    count.groups++;
    count.records += ends.length;
    count.bytes += bytes.length;
  }
  return [...counts.values()];
}

/** Keys beyond the bytes that an answer may have are not counted: they are asked for again. */
export function countReads(
  questions: readonly KeyQuestion[],
  outcomes: readonly KeyOutcome[],
  levelOf: (partition: string) => Level,
): CountedReads[] {
  const counts = new Map<string, CountedReads>();
  let last: { readonly of: Level; readonly count: CountedReads } | undefined;
  for (const [i, { partition }] of questions.entries()) {
    const outcome = outcomes[i];
    if (outcome?.ok === false && outcome.error.code === 'TOO_LARGE') continue;
    const result = outcome?.ok === true ? 'answered' : 'failed';
    const of = levelOf(partition);
    if (last?.of !== of || last.count.result !== result) {
      const level = levelText(of);
      const count = counts.get(`${result} ${level}`) ?? { result, level, reads: 0 };
      counts.set(`${result} ${level}`, count);
      last = { of, count };
    }
    last.count.reads++;
  }
  return [...counts.values()];
}
