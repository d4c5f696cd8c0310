/** What the coordination of reads of ranges needs of the node around it, and asks of it. Calls return at once. */
import type { PackedGroup } from '../protocol/packed.js';
import type { RangeQuestion } from './range-questions.js';

export interface RangeAsk {
  readonly question: RangeQuestion;
  /** Nobody waits for the answer after that. */
  readonly deadlineMs: number;
}

export interface RangeReadPorts {
  readonly self: string;
  primaries(partition: string): readonly string[];
  isAlive(node: string): boolean;
  /** Exact of this node. Of a peer: whether it votes on all partitions, as far as is known; it says so itself of one. */
  votes(partition: string, node: string): boolean;
  /**
   * Calls `isSlow` again and again, and `timeUp` after the read time-out, or at the deadline where that is earlier,
   * unless `stopTimers` comes first.
   */
  startTimers(read: number, deadlineMs: number): void;
  stopTimers(read: number): void;
  /**
   * Asks a node, perhaps this one: `answered` or `failed` follows, in any case and not before this returns. One that has no
   * vote on the partition answers pages, digests and listings with NO_VOTE.
   */
  ask(ask: number, node: string, what: RangeAsk): void;
  /** Has a node, perhaps this one, store records: `given` or `failed` follows, as above. */
  give(ask: number, node: string, groups: readonly PackedGroup[]): void;
  /** Nobody waits for the answer to an ask any more. */
  drop(ask: number): void;
  /** A read gives replicas what they lack. */
  repairs(): void;
  /** Draws whether a read that was answered also compares the replicas that it did not ask. */
  comparesAll(): boolean;
}
