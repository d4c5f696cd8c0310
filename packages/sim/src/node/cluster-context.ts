/** What the parts of one simulated cluster know of each other: the cluster, its nodes, and who watches them. */
import type {
  Coordinator,
  DigestKernel,
  HintBatch,
  PackedGroup,
  RangeReads,
  SessionOutcome,
  StoreVotes,
  Version,
  WriteOutcome,
} from '@mendlog/core';
import type { Scenario } from '../scenario.js';
import type { Disk } from '../world/disk.js';
import type { Endpoint } from '../world/endpoint.js';
import type { FaultCounts } from '../world/fault-kinds.js';
import type { Network } from '../world/network.js';
import type { Random } from '../world/random.js';
import type { Scheduler } from '../world/scheduler.js';
import type { Trace } from '../world/trace.js';

/** What happened in a run that is no fault, and is to happen often enough. */
export interface RunCounts {
  /** Of a partition's tombstones, those that came to their end. */
  purges: number;
  symbolMessages: number;
  /** Group commits that went without a counter round, once for each peer that they were sent to. */
  proposals: number;
  /** Of those. */
  proposalsRefused: number;
  /** Proposals that a peer may have stored, and nobody has for certain. */
  inDoubt: number;
}

export function noCounts(): RunCounts {
  return { purges: 0, symbolMessages: 0, proposals: 0, proposalsRefused: 0, inDoubt: 0 };
}

export interface ClusterContext {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly trace: Trace;
  readonly faults: FaultCounts;
  readonly counts: RunCounts;
  readonly monitor: Watch;
  readonly kernel: DigestKernel;
  readonly tagKeyOf: (partition: string) => Uint8Array;
  /** By id, those that are down included. */
  readonly nodes: ReadonlyMap<string, NodeShell>;
  /** How many faults make heartbeats of a to b go astray, by `a>b`; nothing else does. */
  readonly deaf: Map<string, number>;
}

/** One node, as its parts and the world around it see it. */
export interface NodeShell extends Endpoint {
  readonly context: ClusterContext;
  readonly disk: Disk;
  /** Those that it had before, as they were when they were lost. */
  readonly lostDisks: readonly Disk[];
  readonly process: NodeProcess;
  readonly isPaused: boolean;
  /** Its wall clock, how far that is from true time, and how much further each second takes it. */
  readonly nowMs: number;
  clockOffsetMs: number;
  clockDriftRate: number;
  /** The same array for the same partition. */
  primaries(partition: string): readonly string[];
  isAlive(nodeId: string): boolean;
  /** Exact of this node. Of another: whether it has said that it votes on all partitions. */
  votes(partition: string, nodeId: string): boolean;
  /** As the real one: of the primaries of a partition the first live one coordinates it. */
  coordinatorOf(partition: string): string | undefined;
  start(): void;
  /** Of the batches that wait for their flush the first `kept` are on disk all the same. */
  crash(kept: number): void;
  /** While it is down, its disk is lost: it has an empty one from now on. */
  loseDisk(): void;
  /** As by SIGSTOP: what comes, and what is due, waits. A flush that has begun ends. */
  pause(): void;
  resume(): void;
  /** A timer of this process. */
  after(delayUs: number, work: () => void): { cancel(): void };
  /** When this turn of the event loop ends: others may come in before. */
  soon(work: () => void): void;
  every(periodUs: number, work: () => void): void;
}

/** What a process has in memory: it is gone with it. */
export interface NodeProcess {
  readonly coordinator: Coordinator;
  readonly ranges: RangeReads;
  readonly liveness: { isAlive(nodeId: string): boolean };
  readonly hints: { keep(hint: HintBatch): void };
  readonly votes: StoreVotes;
  readonly sessions: { run(partition: string, peer: string, ended: SessionEnded): void };
}

/** Undefined where the session broke off. */
export type SessionEnded = (outcome: SessionOutcome | undefined) => void;

/** Who watches the cluster from above. */
export interface Watch {
  violated(invariant: string, message: string, words: readonly string[]): void;
  flushedAt(nodeId: string): (groups: readonly PackedGroup[], disk: Disk) => void;
  /** A coordinator acknowledges this group at the versions from this one on. */
  acknowledged(
    group: PackedGroup,
    first: Version,
    replicas: {
      readonly replicas: readonly NodeShell[];
      readonly needed: number;
      /** Who may have it in its hints instead. */
      readonly carrier?: NodeShell | undefined;
    },
  ): void;
  /** A read answers with these records, which so many replicas must have by now. */
  shown(
    partition: string,
    frames: readonly Uint8Array[],
    replicas: { readonly replicas: readonly NodeShell[]; readonly needed: number },
  ): void;
  /** A read answers with these records, and had begun when so many replicas had trimmed the partition so far. */
  notTrimmed(partition: string, frames: readonly Uint8Array[], trimmedTo: number): void;
  /** What one coordinator made of writes that came one after another. */
  inOrder(partition: string, outcomes: readonly (WriteOutcome | undefined)[]): void;
  within(what: string, seen: number, max: number): void;
  /** Another replica with which this one holds a record that most of the others lack. */
  sharesWith(node: NodeShell, partition: string): string | undefined;
  /** A record of this replica that may be damaged; a scarce one holds a key, and not all have it. */
  spareRecord(node: NodeShell, partition: string, options: { scarce: boolean }): Version | undefined;
}

export function nodeOf({ nodes }: Pick<ClusterContext, 'nodes'>, id: string): NodeShell {
  const node = nodes.get(id);
  if (node === undefined) throw new Error(`there is no node ${id}`);
  return node;
}
