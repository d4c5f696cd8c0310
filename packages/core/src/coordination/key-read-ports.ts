/** What the coordination of reads of keys needs of the node around it, and asks of it. Calls return at once. */
import type { KeyState } from '../protocol/key-claims.js';
import type { PackedGroup } from '../protocol/packed.js';
import type { RecordKey } from '../record-key.js';

export interface KeyQuestion {
  readonly partition: string;
  readonly key: RecordKey;
}

/** What one replica says of each question, in order. */
export interface KeyAnswers {
  readonly states: readonly KeyState[];
  /** The trim watermark of each question's partition. */
  readonly trimmedTo: readonly number[];
  /** Its purge watermark: what it does not hold at or below is gone everywhere. */
  readonly purgedTo: readonly number[];
  /** Where records were asked for: the frame of the holder, as far as there is one. */
  readonly frames: readonly (Uint8Array | undefined)[];
}

export interface KeyReadPorts {
  readonly self: string;
  primaries(partition: string): readonly string[];
  isAlive(node: string): boolean;
  /** Exact of this node. Of a peer: whether it votes on all partitions, as far as is known; it says so itself of one. */
  votes(partition: string, node: string): boolean;
  /** Milliseconds of a clock that never goes back. */
  elapsedMs(): number;
  /** Calls `pump` when this turn of the event loop ends. */
  schedule(): void;
  /**
   * Calls `isSlow` when an answer is late, and then now and then, and `timeUp` after the read time-out, or at the deadline
   * where that is earlier, unless `stopTimers` comes first.
   */
  startTimers(round: number, times: RoundTimes): void;
  stopTimers(round: number): void;
  /** Asks a node, perhaps this one: `answered` or `failed` follows, in any case and not before this returns. */
  ask(ask: number, node: string, what: KeyAsk): void;
  /** Has a node, perhaps this one, store records: `given` or `failed` follows, as above. */
  give(ask: number, node: string, groups: readonly PackedGroup[]): void;
}

export interface RoundTimes {
  /** From now on, in milliseconds; half of the read time-out is late in any case. */
  readonly lateAfterMs: number;
  readonly deadlineMs: number;
}

export interface KeyAsk {
  readonly questions: readonly KeyQuestion[];
  readonly withRecords: boolean;
  /** Nobody waits for the answer after that. */
  readonly deadlineMs: number;
}
