/**
 * What the router serves. A node answers from its own coordinator and replica; a gateway, which stores
 * nothing, answers the same calls by asking the nodes.
 */
import type {
  ConsistencyLevel,
  ErrorShape,
  IndexRange,
  JobReason,
  Listing,
  PackedGroup,
  RecordId,
  Version,
  VersionRange,
} from '@mendlog/core';
import type { z } from 'zod';
import type * as schemas from './schemas.js';

/** What became of one group of an append: its records have consecutive counters from `firstCounter`. */
export type AppendOutcome =
  | {
      readonly ok: true;
      readonly firstCounter: number;
      readonly count: number;
      readonly origin: string;
      readonly acks: number;
    }
  | { readonly ok: false; readonly error: ErrorShape };

/** The records of one range, ascending. */
export interface ReadOutcome {
  readonly frames: readonly Uint8Array[];
  readonly truncated: boolean;
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

export interface Service {
  readonly defaultConsistency: ConsistencyLevel;
  append(groups: readonly PackedGroup[], level: ConsistencyLevel): Promise<AppendOutcome[]>;
  /** One outcome for each id, in order; no frame where there is no such record. */
  read(partition: string, ids: readonly RecordId[], level: ConsistencyLevel): Promise<ReadOutcome[]>;
  scan(partition: string, range: VersionRange, level: ConsistencyLevel): Promise<ReadOutcome>;

  layout(): Promise<Layout>;
  health(): Promise<Health>;
  summary(): Promise<Summary[]>;
  partitions(): Promise<Partitions>;
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

/** What a node does for its peers: the local replica, and coordinating what they forward. */
export interface PeerService {
  heartbeat(): { node: string; storeId: string };
  totals(): { partitions: number; records: number };
  heads(partitions: readonly string[]): number[];
  coordinate(groups: readonly PackedGroup[], level: ConsistencyLevel): Promise<AppendOutcome[]>;
  apply(groups: readonly PackedGroup[]): Promise<{ added: number }>;
  list(ranges: readonly { partition: string; range: VersionRange }[]): Listing[];
  fetch(partition: string, versions: readonly Version[]): PackedGroup;
  rows(partition: string, level: number, ranges: readonly IndexRange[]): Uint8Array;
  root(partition: string): Uint8Array;
  /** The roots of all partitions that this replica holds. */
  roots(): { partition: string; root: Uint8Array }[];
  tree(partition: string, reach: number): TreeView;
  compare(partition: string, other: string): Promise<MerkleComparison>;
  /** Queues a job here: another node knows that a replica lacks records, or was asked to have it compared. */
  repair(partition: string, reason: JobReason, options: JobOptions): Promise<string>;
}
