/**
 * What the router serves. A node answers from its own coordinator and replica; a gateway, which stores
 * nothing, answers the same calls by asking the nodes.
 */
import type {
  AnsweredFrames,
  AnsweredItems,
  ApplyResult,
  ArrivalCursor,
  CatalogEntry,
  Greeting,
  IndexRange,
  JobReason,
  KeyOutcome,
  KeyQuestion,
  Level,
  Listing,
  PackedGroup,
  PartitionOptions,
  PurgeDigest,
  RangeDigest,
  RangePage,
  RecordId,
  RecordItem,
  RecordSource,
  SideSummary,
  SymbolsAnswer,
  SymbolsQuestion,
  TailPage,
  TimeRanges,
  TimeWindow,
  Version,
  VersionRange,
  Welcome,
  WriteOptions,
  WriteOutcome,
} from '@mendlog/core';
import type { z } from 'zod';
import type { PackedKeyAnswers } from '../coordinator/key-lookup.js';
import type { TailEnd } from '../tail/tail-end.js';
import type { RequestCaller } from './request-caller.js';
import type * as schemas from './schemas.js';

/** The records of one range, in its order. */
export interface ReadOutcome {
  readonly frames: readonly Uint8Array[];
  /** Where the rest of the range begins; absent where this is all of it. */
  readonly next?: Version | undefined;
  /** Some asked replica holds records of the partition, or it has options. */
  readonly isKnown: boolean;
  /** A replica lacked a record of the answer and has been given it. */
  readonly repaired: boolean;
}

export type Health = z.infer<typeof schemas.HealthOutput>;
export type Layout = z.infer<typeof schemas.LayoutOutput>;
export type Summary = z.infer<typeof schemas.SummaryOutput>;
export type HintStats = z.infer<typeof schemas.HintStatsOutput>;
export type Jobs = z.infer<typeof schemas.JobsOutput>;
export type JobsQuery = z.infer<typeof schemas.JobsInput>;
export type Trigger = z.infer<typeof schemas.TriggerInput>;
export type Preview = z.infer<typeof schemas.PreviewOutput>;
export type HintsPage = z.infer<typeof schemas.HintsPendingOutput>;
export type PageQuery = z.infer<typeof schemas.PageInput>;
export type Partitions = z.infer<typeof schemas.PartitionsOutput>;
export type PartitionDetails = z.infer<typeof schemas.PartitionDetailsOutput>;
export type MerkleBuild = z.infer<typeof schemas.MerkleBuildOutput>;
export type MerkleComparison = z.infer<typeof schemas.MerkleCompareOutput>;
export type MerkleHealth = z.infer<typeof schemas.MerkleHealthOutput>;

export interface JobOptions {
  /** Only these replicas, beside the executing one. */
  readonly nodes?: string[] | undefined;
  readonly priority?: number | undefined;
}

/** The root of a replica's Merkle tree; a partition that is not there is an empty one. */
export interface TreeView {
  readonly rootHash: string;
  readonly head: number;
  readonly known: boolean;
}

/** What a change of a partition is: see PartitionChanges. */
export type PartitionChange =
  | {
      readonly change: 'create' | 'configure';
      readonly partition: string;
      readonly options: PartitionOptions;
    }
  | { readonly change: 'trim'; readonly partition: string; readonly to: number }
  | { readonly change: 'drop'; readonly partition: string };

/** Records by the wall clock of their coordinators, both ends included. */
interface TimeRange {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** A call without a level takes that of its partition, else that of the node that coordinates. */
export type AskedLevel = Level | undefined;

interface TailQuery {
  readonly partition: string;
  /** From the first arrival on where it is left out. */
  readonly after?: ArrivalCursor | undefined;
  /** Without the records of lower versions. */
  readonly fromVersion?: Version | undefined;
}

export interface Service {
  /** Groups of drafts; one outcome for each, in order. */
  write(
    groups: readonly PackedGroup[],
    options: WriteOptions,
    caller?: RequestCaller,
  ): Promise<WriteOutcome[]>;
  /** One outcome for each key, in order. */
  readKeys(
    questions: readonly KeyQuestion[],
    level: AskedLevel,
    caller?: RequestCaller,
  ): Promise<KeyOutcome[]>;
  /** One outcome for each id, in order; no frame where there is no such record. */
  read(
    partition: string,
    ids: readonly RecordId[],
    level: AskedLevel,
    caller?: RequestCaller,
  ): Promise<ReadOutcome[]>;
  /** Rejects with NOT_FOUND for a partition that nobody knows. */
  scan(
    partition: string,
    range: VersionRange & { time?: TimeRange | undefined },
    level: AskedLevel,
    caller?: RequestCaller,
  ): Promise<ReadOutcome>;

  /**
   * Records in the order in which they arrive at this node, a page whenever there are some. Ends with the signal.
   * Throws NOT_REPLICA, OVERLOADED, and BAD_REQUEST for a cursor of another store.
   */
  tail(query: TailQuery, signal: AbortSignal | undefined): AsyncGenerator<TailPage, void, undefined>;
  /** Rejects with NOT_REPLICA. */
  tailEnd(partition: string, after: ArrivalCursor | undefined): Promise<TailEnd>;

  layout(): Promise<Layout>;
  health(): Promise<Health>;
  summary(): Promise<Summary[]>;
  partitions(query: PageQuery): Promise<Partitions>;
  partition(partition: string): Promise<PartitionDetails>;
  createPartition(partition: string, options: PartitionOptions): Promise<PartitionDetails>;
  configurePartition(partition: string, options: PartitionOptions): Promise<PartitionDetails>;
  trimPartition(partition: string, to: number): Promise<PartitionDetails>;
  dropPartition(partition: string): Promise<PartitionDetails>;
  /** The Prometheus text format. */
  metrics(): Promise<string>;

  merkleBuild(partition: string, nodeUrl: string): Promise<MerkleBuild>;
  merkleCompare(partition: string, node1Url: string, node2Url: string): Promise<MerkleComparison>;
  merkleHealth(): Promise<MerkleHealth>;

  hintStats(): Promise<HintStats>;
  hintsPending(query: PageQuery): Promise<HintsPage>;
  dropHints(target: string | undefined, fraction: number): Promise<number>;

  jobs(query: JobsQuery): Promise<Jobs>;
  trigger(request: Trigger): Promise<string[]>;
  preview(partition: string | undefined): Promise<Preview>;
  cancel(jobId: string): Promise<void>;
  /** Jobs wait while paused; those that run go on to their end. */
  setPaused(paused: boolean): Promise<void>;
}

/** What a node answers to a heartbeat. */
export interface Heartbeat extends Welcome {
  readonly node: string;
  /** The digest of its catalog, one row of 24 bytes. */
  readonly catalog: Uint8Array;
}

/** What a node does for its peers: the local replica, and coordinating what they forward. */
export interface PeerService {
  /** `from` is a peer that listens, `store` what a peer says of its store. */
  heartbeat(from: string | undefined, store: (Greeting & { readonly node: string }) | undefined): Heartbeat;
  totals(): Pick<Health['nodes'][number], 'withoutVote'> & { partitions: number; records: number };
  /** Counters, or NO_VOTE. */
  heads(partitions: readonly string[]): number[];
  coordinate(
    groups: readonly PackedGroup[],
    options: WriteOptions,
    caller: RequestCaller,
  ): Promise<WriteOutcome[]>;
  /** Who holds the keys of these groups, and their records where they are asked for. */
  keys(groups: readonly PackedGroup[], withRecords: boolean): PackedKeyAnswers;
  apply(groups: readonly PackedGroup[], source: RecordSource | undefined): Promise<ApplyResult>;
  /** Undefined where it is refused. */
  propose(groups: readonly PackedGroup[]): Promise<ApplyResult | undefined>;
  trim(partition: string, counter: number): Promise<void>;
  /** As Store.fence(). */
  fence(partition: string, counter: number, purgedTo: number): Promise<boolean>;
  /** As Store.purge(). */
  purge(partition: string, counter: number): Promise<void>;
  /** What this replica holds at or below a counter; without one, its fence and its purge watermark alone. */
  purgeDigest(partition: string, upTo: number | undefined): PurgeDigest;
  /** Throws NO_VOTE where the listings are to count as an answer, and cannot. */
  list(ranges: readonly { partition: string; range: VersionRange }[], asVote: boolean): Listing[];
  /** As many pages as fit one answer, one at least. Throws NO_VOTE, as `digests` and `timeRanges` do. */
  pages(partition: string, ranges: readonly VersionRange[]): readonly RangePage[];
  digests(partition: string, ranges: readonly VersionRange[]): readonly RangeDigest[];
  frames(partition: string, versions: readonly Version[]): AnsweredFrames;
  /** Where this replica holds records of a time, and whether it holds any of the partition. */
  timeRanges(
    partition: string,
    time: TimeWindow,
    options: { from: number; limit: number },
  ): TimeRanges & { isKnown: boolean };
  /** The records behind items of a session, as many as fit one answer. */
  items(partition: string, items: readonly RecordItem[]): AnsweredItems;
  /** Undefined where the segments hold too much for a sketch. */
  symbols(question: SymbolsQuestion, caller: RequestCaller): Promise<SymbolsAnswer | undefined>;
  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array;
  root(partition: string): SideSummary;
  /** The roots of the partitions that this replica holds, in order of name, after one. */
  roots(after: string, limit: number): (SideSummary & { partition: string })[];
  tree(partition: string, reach: number): TreeView;
  compare(partition: string, other: string): Promise<MerkleComparison>;
  /** Queues a job here: another node knows that a replica lacks records, or was asked to have it compared. */
  repair(partition: string, reason: JobReason, options: JobOptions): Promise<string>;
  /** Catalog entries in order of name, after one. */
  catalog(after: string, limit: number): CatalogEntry[];
  /** Returns what this node has of their partitions now. */
  mergeCatalog(entries: readonly CatalogEntry[]): Promise<CatalogEntry[]>;
  /** Carries a change out here, whatever this node thinks who leads. */
  partition(partition: string): Promise<PartitionDetails>;
  changePartition(change: PartitionChange): Promise<PartitionDetails>;
}
