/** The slowest linearizability checker, straight from the definition: every order of every choice of operations. */
import type { Operation } from '../src/history/history-line.js';

interface Placed {
  readonly order: readonly Operation[];
  readonly left: readonly Operation[];
}

const endOf = ({ outcome, end }: Operation) =>
  outcome === 'ok' && end !== null ? end : Number.POSITIVE_INFINITY;

/** For operations of one key, and few of them. */
export function hasSomeOrder(operations: readonly Operation[]): boolean {
  const left = operations.filter(
    ({ op, outcome }) => outcome === 'ok' || (outcome === 'unknown' && op !== 'get'),
  );
  return complete({ order: [], left });
}

function complete({ order, left }: Placed): boolean {
  if (left.every(({ outcome }) => outcome === 'unknown') && isOfRegister(order)) return true;
  return left.some((next) => {
    if (order.some((before) => endOf(next) < before.start)) return false;
    return complete({ order: [...order, next], left: left.filter((other) => other !== next) });
  });
}

function isOfRegister(order: readonly Operation[]): boolean {
  let value: string | null = null;
  for (const operation of order) {
    if (operation.op !== 'get') value = operation.value;
    else if (operation.value !== value) return false;
  }
  return true;
}
