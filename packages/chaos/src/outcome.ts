/** What the code of a failed call says of its outcome, by docs/errors.md. */
import type { ErrorCode } from '@mendlog/client';
import type { OperationKind, Outcome } from '@mendlog/sim';

/** Nothing was written. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
  'UNREACHABLE',
  'TOO_LARGE',
  'DISK_FULL',
  'TRIMMED',
  'FENCED',
]);
/** The caller cannot know. CLOSED: a node that ends says it of calls that it has sent on. */
const UNKNOWN: ReadonlySet<ErrorCode> = new Set(['WRITE_TIMEOUT', 'CONNECTION_LOST', 'CLOSED']);
const OF_READS: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
  'UNREACHABLE',
  'READ_TIMEOUT',
  'CONNECTION_LOST',
  'CLOSED',
]);

export type CalledKind = OperationKind | 'scan';

/** A read that failed has told nothing; of a write whose code says nothing the outcome is unknown. */
export function outcomeOf(kind: CalledKind, code: ErrorCode): Exclude<Outcome, 'ok'> {
  if (kind === 'get' || kind === 'scan') return 'fail';
  return REFUSED.has(code) ? 'fail' : 'unknown';
}

/** Whether a call may end with this when nodes and network fail. */
export function isExpected(kind: CalledKind, code: ErrorCode): boolean {
  return kind === 'get' || kind === 'scan' ? OF_READS.has(code) : REFUSED.has(code) || UNKNOWN.has(code);
}
