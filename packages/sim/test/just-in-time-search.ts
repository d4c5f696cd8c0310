/**
 * The search of Wing and Gong with Lowe's just-in-time linearization and his cache of states, as in porcupine and
 * knossos: it knows nothing of what makes registers easy, and so can judge a checker that does.
 */
import type { Operation } from '../src/history/history-line.js';

interface Step {
  readonly index: number;
  readonly valueBefore: string | null;
  readonly next: number;
}

export type SearchVerdict = 'linearizable' | 'not linearizable' | 'undecided';

/** For operations of one key. Undecided after so many steps. */
export function searchOrder(operations: readonly Operation[], stepsMax: number): SearchVerdict {
  const wanted = operations
    .filter(({ op, outcome }) => outcome === 'ok' || (outcome === 'unknown' && op !== 'get'))
    .sort((a, b) => a.start - b.start);
  const ends = wanted.map(({ outcome, end }) =>
    outcome === 'ok' && end !== null ? end : Number.POSITIVE_INFINITY,
  );
  const left = new Set(wanted.keys());
  const seen = new Set<string>();
  const stack: Step[] = [];
  let value: string | null = null;
  let from = 0;
  for (let steps = 0; steps < stepsMax; steps++) {
    let bound = Number.POSITIVE_INFINITY;
    for (const index of left) bound = Math.min(bound, ends[index] ?? 0);
    if (bound === Number.POSITIVE_INFINITY) return 'linearizable';
    const found = nextEnabled({ wanted, left, bound, from, value });
    if (found === undefined) {
      const back = stack.pop();
      if (back === undefined) return 'not linearizable';
      left.add(back.index);
      value = back.valueBefore;
      from = back.next;
      continue;
    }
    const { index, operation } = found;
    left.delete(index);
    const valueAfter: string | null = operation.op === 'get' ? value : operation.value;
    const state = JSON.stringify([[...left].sort((a, b) => a - b), valueAfter]);
    if (seen.has(state)) {
      left.add(index);
      from = index + 1;
      continue;
    }
    seen.add(state);
    stack.push({ index, valueBefore: value, next: index + 1 });
    value = valueAfter;
    from = 0;
  }
  return 'undecided';
}

interface Frontier {
  readonly wanted: readonly Operation[];
  readonly left: ReadonlySet<number>;
  readonly bound: number;
  readonly from: number;
  readonly value: string | null;
}

/** The first operation from there on that no other has to precede, and that the register allows. */
function nextEnabled({ wanted, left, bound, from, value }: Frontier) {
  for (let index = from; index < wanted.length; index++) {
    const operation = wanted[index];
    if (operation === undefined || operation.start > bound) return undefined;
    if (left.has(index) && (operation.op !== 'get' || operation.value === value)) return { index, operation };
  }
  return undefined;
}
