/**
 * The storage port: what replication needs of a replica's disk.
 *
 * Reads are synchronous and see only what is flushed. Writes return when they are flushed: what a
 * promise of this port acknowledges survives a power cut. `@mendlog/core/conformance` has the cases that every
 * engine passes.
 */

import type { Job } from '../anti-entropy/job.js';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import type { IndexRange } from '../digest/layout.js';
import type { HintState } from '../hints/hint-policy.js';
import type { KeyState } from '../protocol/key-claims.js';
import type { Listing, VersionRange } from '../protocol/listing.js';
import type { PackedGroup } from '../protocol/packed.js';
import type { RecordKey } from '../record-key.js';
import type { RecordId, Version } from '../version.js';
import type { VoteNote } from '../votes/vote-note.js';

export interface PartitionSummary {
  readonly partition: string;
  /** Records, those included that are trimmed and not removed yet; none where all are. */
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  /** The highest counter that this replica has stored or was trimmed to; 0 before the first. It never falls. */
  readonly head: number;
  /** The trim watermark: no record with a counter at or below it is held, or taken. */
  readonly trimmedTo: number;
  /** Trimmed records are removed up to here: below the watermark, `records` and `bytes` count some still. */
  readonly cleanedTo: number;
  /** The fence: no write and no hint with a counter at or below it is taken. It never falls while the store lives. */
  readonly fencedTo: number;
  /** The purge watermark: no tombstone with a counter at or below it is held, or taken. It is not above the fence. */
  readonly purgedTo: number;
  /** The sum of all rows, 24 bytes. */
  readonly root: Uint8Array;
}

/** Records that one target has not acknowledged: versions back to back, 16 bytes each, per partition. */
export interface HintBatch extends HintState {
  readonly target: string;
  readonly groups: readonly { readonly partition: string; readonly versions: Uint8Array }[];
  /** The records, as encodePacked() makes them, where they are in no log of this store: it is no replica of theirs. */
  readonly payload?: Uint8Array | undefined;
}

export interface StoredHintBatch extends HintBatch {
  /** Ascending in the order of writing; unique per store. */
  readonly sequence: number;
}

/** Who holds keys, in their order. */
export interface KeyHoldings {
  /** As packKeyStates() makes them. One whose bytes the disk has changed is unknown. */
  readonly states: Uint8Array;
  /** Of each key the frame of its record, as far as there is one and room for it; none at all where none was asked for. */
  readonly frames: readonly (Uint8Array | undefined)[];
}

export interface ApplyResult {
  /** Records that came in and were not there before, those included that another one of the same batch superseded. */
  readonly added: number;
  /** Partitions of which some records lay at or below the trim watermark, and were not stored. */
  readonly trimmed: readonly { readonly partition: string; readonly trimmedTo: number }[];
  /** Partitions of which some writes lay at or below the fence and are not there: they were not stored (FENCED). */
  readonly fenced: readonly { readonly partition: string; readonly fencedTo: number }[];
  /**
   * Partitions of which some records lay at or below the purge watermark and are not there: they were not stored,
   * since a tombstone that is gone may have deleted them.
   */
  readonly purged: readonly { readonly partition: string; readonly purgedTo: number }[];
}

/**
 * Where records come from: a client's write or a hint, a read that brings a replica what it lacks, or a session
 * with a replica whose purge watermark was this one when it read them.
 */
export type RecordSource = 'write' | 'repair' | { readonly purgedTo: number };

export interface Page {
  readonly frames: readonly Uint8Array[];
  readonly truncated: boolean;
}

/** Wall clock of the coordinators, milliseconds since 1970, both ends included. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface TimeRanges {
  /** Counters, ascending; no two ranges touch. */
  readonly ranges: readonly IndexRange[];
  /** Where to go on, in place of those that were left out; undefined where these are all. */
  readonly next: number | undefined;
}

/** Where a reader of arrivals stands: this record of this store was the last one. */
export interface ArrivalCursor {
  readonly storeId: string;
  readonly arrival: number;
  readonly ordinal: number;
}

export interface TailRange {
  /** From the first arrival on where it is left out. */
  readonly after?: ArrivalCursor;
  /** Of these partitions alone. */
  readonly partitions?: ReadonlySet<string>;
  readonly recordsMax: number;
  /** One record may go beyond. */
  readonly bytesMax: number;
}

/** A record, and where it arrived: with the store's id a cursor that stands right after it. */
export interface TailRecord {
  readonly partition: string;
  readonly frame: Uint8Array;
  readonly arrival: number;
  readonly ordinal: number;
}

/** What one commit brought. */
export interface Arrived {
  /** Of which partitions there are records in it. */
  readonly partitions: ReadonlySet<string>;
  /** Where it ends: a reader who stood at its begin and wants none of these partitions may go on from here. */
  readonly end: ArrivalCursor;
}

export interface TailPage {
  /** In the order of arrival; frames are copies. */
  readonly records: readonly TailRecord[];
  /** To go on with. It moves on over what is not asked for. */
  readonly cursor: ArrivalCursor;
  /** Nothing that is flushed follows. */
  readonly atEnd: boolean;
}

export interface Store {
  /** Random, made with the data folder, kept for its life. */
  readonly storeId: string;

  /**
   * Stores frames and hints in one transaction. A record that is already there is left as it is; of
   * two different records of one version the one with the higher tag stays, on every replica alike. Of
   * the records of one key the one with the highest claim stays: the others leave the log and the digests,
   * or do not come in. At or below the fence no write comes in that is not there, nor superseded. At or below
   * the purge watermark nothing comes in that is not there, but what a session brings from a replica whose own
   * watermark is at least as high, and no tombstone.
   * Rejects with MALFORMED, CLOCK_JUMP, DISK_FULL or CLOSED, and has then stored nothing; or with INTERNAL where an
   * earlier call fails that brings some of the same records, and may then have stored its others. A group
   * without records makes no partition.
   */
  apply(
    groups: readonly PackedGroup[],
    hints: readonly HintBatch[],
    source?: RecordSource,
  ): Promise<ApplyResult>;

  /**
   * Raises the trim watermark to `counter`. Resolves when that is flushed: from then on nothing at or
   * below it is read, listed or taken. The records themselves, and their share of the digests, go behind
   * it, some at a time; `cleaned` tells when. Rejects with CLOCK_JUMP far above the head.
   */
  trim(partition: string, counter: number): Promise<void>;
  /** Resolves when no trimmed record is left to be removed, or the store is closed. */
  cleaned(): Promise<void>;

  /**
   * Raises the fence to `counter`, and the head with it, for replicas that have purged up to `purgedTo`: where this one
   * has purged less or more it does nothing and resolves with false, since one of the two is to catch up first. Resolves
   * when it is flushed: what is read then has every write at or below the fence that this replica ever takes. Rejects
   * with CLOCK_JUMP far above the head. The fence of a store that was restored from a backup is its purge watermark: it
   * may lack what it had taken below.
   */
  fence(partition: string, counter: number, purgedTo: number): Promise<boolean>;
  /**
   * Raises the purge watermark to `counter`: tombstones at or below it leave the log, the digests and the keys, and none
   * of what they had deleted comes back. It is for replicas to which the proof has come that all of them hold the same at
   * or below it. A replica whose fence is lower has had no part in that proof and cannot tell what of its records was
   * deleted: all of them at or below go, and a session brings back what there is. Its fence rises with it.
   *
   * Resolves when they are gone. Rejects with CLOCK_JUMP far above the head, with OVERLOADED while a backup is made,
   * with DISK_FULL or CLOSED; then some of them may be there still, and go when it is called again.
   */
  purge(partition: string, counter: number): Promise<void>;

  head(partition: string): number;
  trimmedTo(partition: string): number;
  purgedTo(partition: string): number;
  partitions(): PartitionSummary[];
  summary(partition: string): PartitionSummary | undefined;

  /** The records with this id, LIMITS.batchRecordsMax at most: several where a bare counter is ambiguous. Frames are copies. */
  read(partition: string, id: RecordId): Uint8Array[];
  /** Frames of these versions, in their order, as far as they are there, until `bytesMax` is passed. */
  readVersions(partition: string, versions: readonly Version[], bytesMax: number): Uint8Array[];
  /**
   * Frames of the records that hold these keys, in their order, as far as there are any, until `bytesMax` is
   * passed. A deleted key has its tombstone.
   */
  readKeys(partition: string, keys: readonly RecordKey[], bytesMax: number): Uint8Array[];
  /**
   * Who holds the keys of these groups, in their order, and the frames of their records until `bytesMax` is passed. One
   * call for all that is asked in one message: the store puts what it looks up in order, whatever the partition.
   */
  keyHoldings(groups: readonly PackedGroup[], bytesMax: number): KeyHoldings;
  /** Who holds each of these keys, in their order. A deleted key is held by its tombstone. */
  keyStates(partition: string, keys: readonly RecordKey[]): KeyState[];
  /** Frames of a range, in its order, at least one where there is one, until `bytesMax` is passed. */
  readRange(partition: string, range: VersionRange, bytesMax: number): Page;
  list(partition: string, range: VersionRange): Listing;
  /**
   * Ranges of counters, at most `limit`, from the counter `from` on, in which all records of this time lie that are
   * held: few others are among them, as records of one time have counters near each other.
   */
  timeRanges(partition: string, time: TimeWindow, options: { from: number; limit: number }): TimeRanges;
  /**
   * Records of all partitions in the order in which they arrived here, each that is held at least once: one
   * that the disk had changed arrives again. What was superseded since may be among them, what was trimmed
   * is not. Throws BAD_REQUEST for a cursor of another store.
   */
  tail(range: TailRange): TailPage;
  /** A cursor behind everything that is flushed. */
  arrivalEnd(): ArrivalCursor;
  /**
   * Calls back once for each commit that brings records, in the order of arrival, when `tail` shows them. The listener
   * must not throw. Returns what ends that. Throws OVERLOADED beyond LIMITS.arrivalListenersMax.
   */
  onArrival(listener: (arrived: Arrived) => void): () => void;
  /** Indexed rows of the ranges, ascending. Throws TOO_LARGE above LIMITS.rowsMax rows. */
  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array;

  /** The oldest hint batches of a target after a sequence number; or, without a target, of all, target by target. */
  hints(options: { target?: string; after?: number; limit: number }): StoredHintBatch[];
  putHint(hint: StoredHintBatch): Promise<void>;
  deleteHints(hints: readonly StoredHintBatch[]): Promise<void>;

  /** All jobs that are kept, in no order. */
  jobs(): Job[];
  putJob(job: Job): Promise<void>;
  deleteJobs(ids: readonly string[]): Promise<void>;

  /** What was last kept of who votes, perhaps by another store that this one was restored from. */
  voteNote(): VoteNote | undefined;
  putVoteNote(note: VoteNote): Promise<void>;

  /** All entries, in no order. */
  catalog(): CatalogEntry[];
  putCatalogEntries(entries: readonly CatalogEntry[]): Promise<void>;

  close(): Promise<void>;
}
