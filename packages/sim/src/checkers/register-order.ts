/**
 * Orders the operations of one register, or finds that no order explains them.
 *
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects", JPDC 1993), which Lowe refined with
 * just-in-time linearization and memoised states, tries one enabled operation after another and takes it back when
 * it leads nowhere. It takes exponential time in the number of concurrent operations. A register with unique values
 * needs no taking back, because at every step one choice is safe: if any order of what is left exists, one exists
 * that begins with it. A unit (see register-units.ts) is enabled while no other one that is left ended before it
 * starts. What is enabled stays so. The first of these that applies is the choice:
 *
 *   1. The register is absent, and a get that found nothing is enabled. It changes nothing, so it can move to the
 *      front of any order. When no such get is enabled, every order begins with a write.
 *   2. A put is enabled together with all the gets of its value. In any order they stand together, and a write or
 *      nothing follows them; so they can be lifted out, and put before the write with which the order begins.
 *      A put whose gets are not all enabled cannot come first: what ended before the last of them started would
 *      have to stand between.
 *   3. A delete is enabled. Every order now begins with a delete. Whichever it is, it can change places with the
 *      enabled one that ends first. One of unknown outcome ends last of all and needs no place.
 *
 * When none applies there is no order. All takes O(n log n) for n operations of bounded concurrency, whatever the
 * verdict, so there is no budget that could run out. The tests compare it with every permutation of small
 * histories and with Lowe's search on longer ones.
 */
import { type Interval, type Unit, unitsOf } from './register-units.js';
import { Deletes, UnitsByEnd, UnitsByStart } from './unit-queues.js';

export interface RegisterOrder {
  readonly linearizable: boolean;
  /** A linearization of all operations, or of as many as the rules could place. */
  readonly order: readonly Interval[];
}

/** The register is absent before its first write. */
export function orderRegister(intervals: readonly Interval[]): RegisterOrder {
  const { puts, deletes, absences, impossible } = unitsOf(intervals);
  if (impossible.length > 0) return { linearizable: false, order: [] };
  const taken = new Set<Unit>();
  const endless = ({ end }: Unit) => end === Number.POSITIVE_INFINITY;
  const left = new UnitsByEnd(
    [...puts, ...deletes, ...absences].filter((unit) => !endless(unit)),
    taken,
  );
  const putQueue = new UnitsByStart(puts, taken);
  const absenceQueue = new UnitsByStart(absences, taken);
  const deleteQueue = new Deletes(deletes);
  const order: Interval[] = [];
  let absent = true;
  for (;;) {
    const first = left.first();
    if (first === undefined) return { linearizable: true, order };
    const unit: Unit | undefined =
      (absent ? absenceQueue.enabled(first.end) : undefined) ??
      putQueue.enabled(first.end) ??
      // What the unit that ends first has to wait for are the others.
      (first.kind === 'put' && first.start <= left.secondEnd() ? first : undefined) ??
      deleteQueue.takeEnabled(first.end);
    if (unit === undefined) return { linearizable: false, order };
    taken.add(unit);
    order.push(...unit.members);
    absent = unit.kind !== 'put';
  }
}
