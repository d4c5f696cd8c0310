/** What a step of the index sees of a partition, and what it makes of it. */
import type { Version } from '@mendlog/core';
import type { IndexedClaim } from './keys.js';
import type { LocatedRecord, Run } from './located-record.js';

export interface PartitionChange {
  /** What comes in, ascending by version. */
  readonly added: readonly Run[];
  /** What goes of the index, ascending by version. */
  readonly removed: readonly LocatedRecord[];
  /** What arrived and gave way at once. */
  readonly dead: readonly LocatedRecord[];
  /** Keys with who holds them now; undefined where nobody does. */
  readonly keys: ReadonlyMap<string, IndexedClaim | undefined>;
  /** All that comes in has an append key of its own, ascending from above the highest; these are not among `keys`. */
  readonly hasNewAppends: boolean;
  /**
   * Entries with a record that gave way to one of a lower version, as an early attempt does that was late. A
   * trim may take the lower one alone, and nothing would tell that the other is dead: it must leave the log.
   */
  readonly outworn: ReadonlySet<number>;
}

/** What the index holds of the partition. */
export interface PartitionView {
  /** Its highest counter. */
  readonly head: number;
  /** Its highest append key. */
  readonly appendHead: string;
  /** The trim watermark: a record at or below it holds no key. */
  readonly trimmedTo: number;
  /**
   * The disk has changed frames of records with keys, some of which may come in: their keys are not what their bytes say.
   */
  readonly hasDamaged: boolean;
  /** The purge watermark: above it nothing is gone that lies in the log. */
  readonly purgedTo: number;
  /** Whether a purge has taken a record, which may lie in the log still. */
  isPurged(record: Pick<LocatedRecord, 'version' | 'arrival' | 'isTombstone'>): boolean;
  find(version: Version): LocatedRecord | undefined;
  holder(key: string): IndexedClaim | undefined;
  /** The key of a record that has one, and its attempt, where the disk has kept them. */
  keyOf(record: LocatedRecord): { key: string; attempt: number } | undefined;
}
