/**
 * Outcomes of writes as they travel: a column each, since a request has hundreds of groups of one or a few
 * records, and nearly all were acknowledged by one coordinator.
 */
import {
  type ErrorShape,
  type KeyOutcome,
  LIMITS,
  MendlogError,
  type WriteLevel,
  type WriteOutcome,
} from '@mendlog/core';

export interface PackedOutcomes {
  /** Of each group the first counter; 0 where it was refused. */
  readonly counters: number[];
  readonly acks: number[];
  /** The distinct ones, and of each group which it is. */
  readonly origins: readonly string[];
  readonly originOf: number[];
  readonly levels: readonly WriteLevel[];
  readonly levelOf: number[];
  /** Those that were refused, by their place. */
  readonly refused: readonly (readonly [index: number, error: ErrorShape])[];
}

export function packOutcomes(outcomes: readonly WriteOutcome[]): PackedOutcomes {
  const counters = new Array<number>(outcomes.length).fill(0);
  const acks = new Array<number>(outcomes.length).fill(0);
  const originOf = new Array<number>(outcomes.length).fill(0);
  const levelOf = new Array<number>(outcomes.length).fill(0);
  const origins: string[] = [];
  const levels: WriteLevel[] = [];
  const refused: [number, ErrorShape][] = [];
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i] as WriteOutcome;
    if (!outcome.ok) refused.push([i, outcome.error]);
    else {
      counters[i] = outcome.firstCounter;
      acks[i] = outcome.acks;
      originOf[i] = indexIn(origins, outcome.origin);
      levelOf[i] = indexIn(levels, outcome.level);
    }
  }
  return { counters, acks, origins, originOf, levels, levelOf, refused };
}

function indexIn<T>(distinct: T[], value: T): number {
  const known = distinct.indexOf(value);
  if (known !== -1) return known;
  return distinct.push(value) - 1;
}

export function unpackOutcomes(packed: PackedOutcomes): WriteOutcome[] {
  const { counters, acks, origins, originOf, levels, levelOf, refused } = packed;
  const outcomes = counters.map((firstCounter, i): WriteOutcome => {
    const origin = origins[originOf[i] ?? 0] ?? '';
    return { ok: true, firstCounter, origin, acks: acks[i] ?? 0, level: levels[levelOf[i] ?? 0] ?? 'ONE' };
  });
  for (const [i, error] of refused) outcomes[i] = { ok: false, error };
  return outcomes;
}

export interface PackedKeyOutcomes {
  /** Of each key the frame of the record that holds it; an empty one where nothing does, or it failed. */
  readonly frames: readonly Uint8Array[];
  /** Keys that a replica lacked and has been given, by their place. */
  readonly repaired: readonly number[];
  readonly failed: readonly (readonly [index: number, error: ErrorShape])[];
}

const NO_FRAME = new Uint8Array(0);
/** Bytes of records that one read of keys is answered with, the last of them perhaps beyond; a message has room for them. */
export const KEYS_BYTES_MAX = LIMITS.messageBytesMax / 4;
const NO_ROOM = new MendlogError(
  'TOO_LARGE',
  'one answer has no room for this key too: read it again',
).toShape();

/** Records behind so many bytes are refused as TOO_LARGE, to be read again. */
export function packKeyOutcomes(outcomes: readonly KeyOutcome[]): PackedKeyOutcomes {
  const repaired: number[] = [];
  const failed: [number, ErrorShape][] = [];
  let bytes = 0;
  const frames = outcomes.map((outcome, i) => {
    const { frame = NO_FRAME } = outcome.ok ? outcome : {};
    if (!outcome.ok) failed.push([i, outcome.error]);
    else if (frame.length > 0 && bytes >= KEYS_BYTES_MAX) {
      failed.push([i, NO_ROOM]);
      return NO_FRAME;
    } else if (outcome.repaired) repaired.push(i);
    bytes += frame.length;
    return frame;
  });
  return { frames, repaired, failed };
}

export function unpackKeyOutcomes({ frames, repaired, failed }: PackedKeyOutcomes): KeyOutcome[] {
  const isRepaired = new Set(repaired);
  const outcomes = frames.map(
    (frame, i): KeyOutcome => ({
      ok: true,
      frame: frame.length === 0 ? undefined : frame,
      repaired: isRepaired.has(i),
    }),
  );
  for (const [i, error] of failed) outcomes[i] = { ok: false, error };
  return outcomes;
}
