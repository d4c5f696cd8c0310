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
  const counts = new Counts<CountedWrites>((result, level) => ({
    result,
    level,
    groups: 0,
    records: 0,
    bytes: 0,
  }));
  for (const [i, { partition, ends, bytes }] of groups.entries()) {
    const outcome = outcomes[i];
    const level = outcome?.ok === true ? outcome.level : levelOf(partition);
    const result =
      outcome?.ok === true ? 'acknowledged' : outcome?.error.code === 'WRITE_TIMEOUT' ? 'unknown' : 'refused';
    const count = counts.of(result, level);
    count.groups++;
    count.records += ends.length;
    count.bytes += bytes.length;
  }
  return counts.all();
}

/** Keys beyond the bytes that an answer may have are not counted: they are asked for again. */
export function countReads(
  questions: readonly KeyQuestion[],
  outcomes: readonly KeyOutcome[],
  levelOf: (partition: string) => Level,
): CountedReads[] {
  const counts = new Counts<CountedReads>((result, level) => ({ result, level, reads: 0 }));
  for (const [i, { partition }] of questions.entries()) {
    const outcome = outcomes[i];
    if (outcome?.ok === false && outcome.error.code === 'TOO_LARGE') continue;
    counts.of(outcome?.ok === true ? 'answered' : 'failed', levelOf(partition)).reads++;
  }
  return counts.all();
}

/** One count for each result and level: as a rule that of the part before, which no text is made for. */
class Counts<Count extends { readonly result: string }> {
  readonly #begin: (result: Count['result'], level: string) => Count;
  readonly #counts = new Map<string, Count>();
  #last: { readonly level: WriteLevel; readonly count: Count } | undefined;

  constructor(begin: (result: Count['result'], level: string) => Count) {
    this.#begin = begin;
  }

  of(result: Count['result'], level: WriteLevel): Count {
    if (this.#last?.level === level && this.#last.count.result === result) return this.#last.count;
    const text = levelText(level);
    const count = this.#counts.get(`${result} ${text}`) ?? this.#begin(result, text);
    this.#counts.set(`${result} ${text}`, count);
    this.#last = { level, count };
    return count;
  }

  all(): Count[] {
    return [...this.#counts.values()];
  }
}
