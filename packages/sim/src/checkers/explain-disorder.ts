/**
 * Makes of a history of one register that no order explains something a person can read: how far it could be
 * explained, and the fewest operations that contradict each other.
 *
 * A linearizable history stays so without some of its gets, without a put and all gets of its value, without a
 * delete that nobody saw, and without all deletes and all gets that found nothing. So these are left out, large
 * pieces first (delta debugging, Zeller and Hildebrandt, IEEE TSE 2002), as long as what stays has no order: it is
 * evidence by itself.
 */
import type { Operation } from '../history/history-line.js';
import { orderRegister } from './register-order.js';
import type { Interval } from './register-units.js';

export interface Disorder {
  /** The operation at whose end the history became one that no order explains. */
  readonly broken: Operation;
  /** A linearization of everything until then. */
  readonly prefix: readonly Operation[];
  /** The fewest operations found that contradict each other, by their starts. */
  readonly core: readonly Operation[];
}

/** How many shorter histories are tried, at most, before the shortest so far is taken. */
const TRIALS_MAX = 2000;

export function explainDisorder(intervals: readonly Interval[]): Disorder {
  const ended = intervals.filter(({ end }) => Number.isFinite(end)).sort((a, b) => a.end - b.end);
  // Whatever has an order had one at every moment before, so the moment can be found by halves.
  let [fine, broken] = [-1, ended.length - 1];
  while (broken - fine > 1) {
    const middle = (fine + broken) >> 1;
    const { linearizable } = orderRegister(seenUntil(intervals, ended[middle]));
    if (linearizable) fine = middle;
    else broken = middle;
  }
  const last = ended[broken];
  if (last === undefined) throw new TypeError('a history without outcomes is linearizable');
  const before = orderRegister(seenUntil(intervals, ended[fine]));
  return {
    broken: last.operation,
    prefix: before.order.map(({ operation }) => operation),
    core: fewest(seenUntil(intervals, last))
      .sort((a, b) => a.start - b.start)
      .map(({ operation }) => operation),
  };
}

/** What was known at the end of this one: what had not ended had an unknown outcome, and a get returned nothing. */
function seenUntil(intervals: readonly Interval[], last: Interval | undefined): Interval[] {
  const until = last?.end ?? -1;
  return intervals
    .filter(({ operation, start, end }) => start <= until && (operation.op !== 'get' || end <= until))
    .map((interval) => (interval.end <= until ? interval : { ...interval, end: Number.POSITIVE_INFINITY }));
}

function fewest(intervals: readonly Interval[]): Interval[] {
  const trials = { left: TRIALS_MAX };
  /** The fewest of these parts that, with the rest, still have no order. */
  const kept = (parts: readonly Interval[][], rest: readonly Interval[] = []) => {
    const disordered = (some: readonly Interval[][]) =>
      !orderRegister([...rest, ...some.flat()]).linearizable;
    return [...rest, ...fewestParts(parts, disordered, trials).flat()];
  };
  const alone = (some: readonly Interval[]) => some.map((interval) => [interval]);
  const values = kept(byValue(intervals));
  const isGet = ({ operation }: Interval) => operation.op === 'get';
  const fewerGets = kept(
    alone(values.filter(isGet)),
    values.filter((interval) => !isGet(interval)),
  );
  const isUnseen = (interval: Interval) =>
    interval.operation.op === 'delete' && !mayBeSeen(interval, fewerGets);
  const fewerDeletes = kept(
    alone(fewerGets.filter(isUnseen)),
    fewerGets.filter((interval) => !isUnseen(interval)),
  );
  // Puts whose gets are gone, too.
  return kept(byValue(fewerDeletes));
}

/** Where no get can have seen the effect of a delete, it is a write that nobody read. */
function mayBeSeen(removal: Interval, among: readonly Interval[]): boolean {
  const puts = among.filter(({ operation, start }) => operation.op === 'put' && start > removal.end);
  const overwritten = puts.reduce((least, { end }) => Math.min(least, end), Number.POSITIVE_INFINITY);
  return among.some(
    ({ operation, start, end }) =>
      operation.op === 'get' && operation.value === null && removal.start <= end && start <= overwritten,
  );
}

/** Operations that stand or fall together. */
function byValue(intervals: readonly Interval[]): Interval[][] {
  const parts = new Map<string | null, Interval[]>();
  for (const interval of intervals) {
    const { value } = interval.operation;
    const part = parts.get(value);
    if (part === undefined) parts.set(value, [interval]);
    else part.push(interval);
  }
  return [...parts.values()];
}

/** Leaves out what it can while `holds` still does of the rest: halves, quarters, down to single parts. */
function fewestParts<Part>(
  parts: readonly Part[],
  holds: (kept: readonly Part[]) => boolean,
  trials: { left: number },
): Part[] {
  let kept = [...parts];
  for (let size = Math.ceil(kept.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      if (trials.left === 0) return kept;
      trials.left -= 1;
      const fewer = kept.toSpliced(at, size);
      if (holds(fewer)) kept = fewer;
      else at += size;
    }
  }
  return kept;
}
