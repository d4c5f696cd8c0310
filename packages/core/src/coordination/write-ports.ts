/** What the coordination of writes needs of the node around it, and asks of it. Calls return at once. */
import type { ApplyResult, HintBatch } from '../ports/store.js';
import type { PackedGroup } from '../protocol/packed.js';
import type { HeadsQuestion } from './counter-round.js';

export interface WritePorts {
  /** This node. */
  readonly self: string;
  /** The origin of the versions that it gives: random, and fresh at each start. */
  readonly incarnation: string;
  /** The same array for the same partition, as long as its primaries are the same. */
  primaries(partition: string): readonly string[];
  isAlive(node: string): boolean;
  /** Exact of this node. Of a peer: whether it votes on all partitions, as far as is known; it says so itself of one. */
  votes(partition: string, node: string): boolean;
  /** The highest counter of the partition that is stored here. */
  storedHead(partition: string): number;
  /** Wall clock, milliseconds since 1970: it is written into records, and orders nothing. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back. */
  elapsedMs(): number;

  /** Calls `pump` when this turn of the event loop ends. */
  schedule(): void;
  /** Calls `isSlow` a moment later, or `timeUp` after the write time-out, unless `stopTimers` comes first. */
  startTimer(commit: number, what: 'slow' | 'time-up'): void;
  stopTimers(commit: number): void;
  /**
   * Asks a peer for its highest counters, those that `tellHeads` gives: `headsTold` or `headsFailed` follows, in any
   * case. After the deadline nobody waits for the commit.
   */
  askHeads(commit: number, question: HeadsQuestion, deadlineMs: number): void;
  /** Stores here, in one transaction, and flushes: `stored` or `notStored` follows, in any case. */
  storeHere(commit: number, groups: readonly PackedGroup[], hints: readonly HintBatch[]): void;
  /**
   * Has a peer store: `stored` or `notStored` follows, in any case. It has the whole write time-out for that, whoever
   * waits: what has a version belongs on every replica, and a call that is cut short makes a hint of it.
   */
  storeAt(commit: number, node: string, groups: readonly PackedGroup[]): void;
  /** As `storeAt`, where the peer's own coordinator `accepts` it; where it does not, `proposalRefused` follows. */
  proposeAt(commit: number, node: string, groups: readonly PackedGroup[]): void;
  /** Keeps a hint whose records are not written with it. */
  keepHint(hint: HintBatch): void;
  /** A write is on some replicas perhaps, and neither here nor in a hint: the partitions are to be compared. */
  mayDiffer(partitions: readonly string[]): void;
  /** Takes over the trim watermark of another replica: counters at or below it are not given out twice. */
  takeOverTrim(trimmed: ApplyResult['trimmed'][number]): void;
}
