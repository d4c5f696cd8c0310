/**
 * The operations of one register, gathered into units that a linearization keeps together.
 *
 * Values of writes are unique, so a put and the gets that returned its value stand next to each other in every
 * linearization: after the next write nobody reads the value any more. They are one unit, a cluster as Gibbons and
 * Korach have it ("Testing Shared Memories", SIAM J. Comput. 1997). Deletes all write the same, absence, so a delete
 * and a get that found nothing are units of their own: any delete may explain any such get.
 */
import type { Operation } from '../history/history-line.js';
import { groupsOf } from './groups.js';

/** An operation that may have taken effect, and until when it must have. */
export interface Interval {
  readonly operation: Operation;
  readonly start: number;
  /** Infinity where the outcome is unknown: it takes effect at any time after its start, or never. */
  readonly end: number;
}

export interface Unit {
  readonly kind: 'put' | 'delete' | 'absence';
  /** In an order that suits them: the write, then reads. */
  readonly members: readonly Interval[];
  /** The first of its members to end has ended then: the unit stands before whatever starts after that. */
  readonly end: number;
  /** The last of its members to start starts then: the unit stands after whatever ended before that. */
  readonly start: number;
}

export interface RegisterUnits {
  readonly puts: readonly Unit[];
  readonly deletes: readonly Unit[];
  /** Gets that found nothing. */
  readonly absences: readonly Unit[];
  /** Gets that no linearization can hold, with the put of their value if there is one. */
  readonly impossible: readonly Interval[];
}

/** What of these operations can have had an effect or was seen. */
export function intervalsOf(operations: readonly Operation[]): Interval[] {
  return operations
    .filter(({ op, outcome }) => (op === 'get' ? outcome === 'ok' : outcome !== 'fail'))
    .map((operation) => ({
      operation,
      start: operation.start,
      end: operation.outcome === 'ok' && operation.end !== null ? operation.end : Number.POSITIVE_INFINITY,
    }));
}

export function unitsOf(intervals: readonly Interval[]): RegisterUnits {
  const ofKind = (op: Operation['op']) => intervals.filter(({ operation }) => operation.op === op);
  const deletes = ofKind('delete').map((interval) => unitOf('delete', [interval]));
  const gets = ofKind('get');
  const absences = gets
    .filter(({ operation }) => operation.value === null)
    .map((interval) => unitOf('absence', [interval]));
  const readsOf = new Map<string | null, Interval[]>();
  const found = gets.filter(({ operation }) => operation.value !== null);
  for (const reads of groupsOf(found, ({ operation }) => operation.value ?? '')) {
    readsOf.set(reads[0]?.operation.value ?? '', reads);
  }
  const puts: Unit[] = [];
  const impossible: Interval[] = [];
  for (const put of ofKind('put')) {
    const reads = readsOf.get(put.operation.value) ?? [];
    readsOf.delete(put.operation.value);
    const tooEarly = reads.find(({ end }) => end < put.start);
    if (tooEarly !== undefined) impossible.push(put, tooEarly);
    // One of unknown outcome that nobody saw constrains nothing: it may never have happened.
    else if (reads.length > 0 || put.end !== Number.POSITIVE_INFINITY) {
      puts.push(unitOf('put', [put, ...reads]));
    }
  }
  for (const reads of readsOf.values()) impossible.push(...reads.slice(0, 1));
  return { puts, deletes, absences, impossible };
}

/** Reads of one unit are ordered by start, so that one that ended before another started stands before it. */
function unitOf(kind: Unit['kind'], members: readonly Interval[]): Unit {
  const [write, ...reads] = members;
  let end = Number.POSITIVE_INFINITY;
  let start = 0;
  for (const member of members) {
    end = Math.min(end, member.end);
    start = Math.max(start, member.start);
  }
  const ordered = write === undefined ? [] : [write, ...reads.sort((a, b) => a.start - b.start)];
  return { kind, members: ordered, end, start };
}
