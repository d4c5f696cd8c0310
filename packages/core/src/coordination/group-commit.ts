/**
 * The writes of one group commit, by cohort: those that have the same replicas and need as many of them. A
 * replica's answer is counted once a cohort, however many records it has.
 */
import type { WriteLevel } from '../consistency.js';
import type { MendlogError } from '../errors.js';
import type { PackedGroup } from '../protocol/packed.js';
import { WriteQuorum } from '../quorum/write-quorum.js';
import type { Caller } from './caller.js';

/** One group of a request, from its admission to its outcome. */
export interface PendingWrite {
  group: PackedGroup;
  readonly caller: Caller;
  readonly primaries: readonly string[];
  readonly level: WriteLevel;
  readonly needed: number;
  /** This node is no primary, and may keep the write for them: its flushed hints are an acknowledgement. */
  readonly isCarried: boolean;
  /** Its version is to be above that of every write that was acknowledged before it came. */
  readonly inRealTime: boolean;
  firstCounter: number;
  isRefused: boolean;
  readonly end: (result: 'acknowledged' | MendlogError, acks: number) => void;
}

export interface Cohort {
  readonly replicas: readonly string[];
  readonly quorum: WriteQuorum;
  readonly inRealTime: boolean;
  readonly isCarried: boolean;
  /** Of one partition, on which a replica may have no vote. */
  readonly isApart: boolean;
  /** This node keeps it for the primaries, and is counted for that. */
  isKept: boolean;
  writes: PendingWrite[];
  /** Its writes are answered: once, whatever replicas say later. */
  isSettled: boolean;
}

interface CohortPorts {
  readonly self: string;
  votes(partition: string, node: string): boolean;
}

/**
 * The cohorts of writes; their primaries may be the same in another order. Partitions on which a replica may have no
 * vote have cohorts of their own: others do not wait for a majority that they cannot have.
 */
export function cohortsOf(writes: readonly PendingWrite[], ports: CohortPorts): Cohort[] {
  const shared: Cohort[] = [];
  const apart = new Map<string, Cohort[]>();
  for (const write of writes) {
    const { primaries } = write;
    const { partition } = write.group;
    const isApart = !primaries.every((node) => ports.votes(partition, node));
    let cohorts = isApart ? apart.get(partition) : shared;
    if (cohorts === undefined) {
      cohorts = [];
      apart.set(partition, cohorts);
    }
    // There are few: one for each level and set of replicas.
    const cohort = cohorts.find((known) => isCohortOf(known, write));
    if (cohort !== undefined) cohort.writes.push(write);
    else cohorts.push(cohortOf(write, isApart, ports.self));
  }
  return [...shared, ...[...apart.values()].flat()];
}

function isCohortOf(cohort: Cohort, write: PendingWrite): boolean {
  return (
    cohort.quorum.needed === write.needed &&
    cohort.inRealTime === write.inRealTime &&
    cohort.isCarried === write.isCarried &&
    replicaSetOf(cohort.replicas) === replicaSetOf(write.primaries)
  );
}

function cohortOf(write: PendingWrite, isApart: boolean, self: string): Cohort {
  const { primaries: replicas, needed, inRealTime, isCarried } = write;
  const quorum = new WriteQuorum(isCarried ? [...replicas, self] : replicas, needed);
  return {
    replicas,
    quorum,
    inRealTime,
    isCarried,
    isApart,
    isKept: false,
    writes: [write],
    isSettled: false,
  };
}

/** The partitions of writes, each once. */
export function partitionsOf(writes: readonly PendingWrite[]): string[] {
  return [...new Set(writes.map(({ group }) => group.partition))];
}

/** Of a write that has its versions. */
export function lastCounterOf({ firstCounter, group }: PendingWrite): number {
  return firstCounter + group.ends.length - 1;
}

/** Takes some of the writes out of a cohort, into one of their own that knows the same answers. */
export function splitCohort(cohort: Cohort, isApart: (write: PendingWrite) => boolean): Cohort | undefined {
  const writes = cohort.writes.filter(isApart);
  if (writes.length === 0) return undefined;
  cohort.writes = cohort.writes.filter((write) => !isApart(write));
  return { ...cohort, quorum: cohort.quorum.copy(), writes };
}

const replicaSets = new WeakMap<readonly string[], string>();

/** Names the set, whatever its order. */
export function replicaSetOf(replicas: readonly string[]): string {
  let name = replicaSets.get(replicas);
  if (name === undefined) {
    name = [...replicas].sort().join('\n');
    replicaSets.set(replicas, name);
  }
  return name;
}
