/**
 * Writes as a coordinator is asked for them: drafts of one partition each, and what becomes of them.
 *
 * A group is written as a whole: its records get consecutive counters, and its outcome is theirs.
 */
import type { WriteLevel } from '../consistency.js';
import { type ErrorShape, MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { PackedGroup } from '../protocol/packed.js';
import { checkDraft } from '../record.js';

/** `causal` skips the counter round: a record is above what its coordinator has seen, and no more. */
export const WRITE_ORDERS = ['real-time', 'causal'] as const;
export type WriteOrder = (typeof WRITE_ORDERS)[number];

export interface WriteOptions {
  /** A call without a level takes that of its partition, else that of the node that coordinates. */
  readonly level?: WriteLevel | undefined;
  readonly order?: WriteOrder | undefined;
}

/** What became of one group: its records have consecutive counters from `firstCounter` on. */
export type WriteOutcome =
  | {
      readonly ok: true;
      readonly firstCounter: number;
      readonly origin: string;
      /** Replicas that had flushed the group when this was decided; at ANY perhaps none, but who keeps it for them. */
      readonly acks: number;
      /** The level that was kept. */
      readonly level: WriteLevel;
    }
  | { readonly ok: false; readonly error: ErrorShape };

/** Leaves room in a message for the lengths of all records and for the envelope. */
const GROUP_BYTES_MAX = LIMITS.messageBytesMax - 64 * 1024;

/**
 * Refuses what no replica would take: once it has reached one, its outcome would be unknown. `view` is of the whole buffer
 * in which the group lies. Throws BAD_REQUEST, TOO_LARGE or MALFORMED.
 */
export function checkDrafts({ bytes, ends }: PackedGroup, view: DataView): void {
  const records = ends.length;
  if (records === 0) throw new MendlogError('BAD_REQUEST', 'a write has at least one record');
  if (records > LIMITS.batchRecordsMax || bytes.length > GROUP_BYTES_MAX) {
    throw new MendlogError(
      'TOO_LARGE',
      `${records} records of ${bytes.length} bytes are too many for one group: at most ` +
        `${LIMITS.batchRecordsMax} and ${GROUP_BYTES_MAX} bytes`,
    );
  }
  let start = bytes.byteOffset;
  for (let i = 0; i < records; i++) {
    const end = bytes.byteOffset + (ends[i] as number);
    checkDraft(view, start, end);
    start = end;
  }
}

export function refusedWrite(error: MendlogError): WriteOutcome {
  return { ok: false, error: error.toShape() };
}
