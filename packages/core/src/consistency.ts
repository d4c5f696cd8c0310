/**
 * Consistency levels: how many replicas must answer before a call does.
 * A level that the replication factor cannot meet is refused at once.
 */
import { MendlogError } from './errors.js';

export const CONSISTENCY_LEVELS = ['ONE', 'TWO', 'THREE', 'QUORUM', 'ALL'] as const;
export type ConsistencyLevel = (typeof CONSISTENCY_LEVELS)[number];

export function majorityOf(replicationFactor: number): number {
  return Math.floor(replicationFactor / 2) + 1;
}

/** The number of replicas that must answer. Throws TOO_FEW_NODES where there are not that many. */
export function answersNeeded(level: ConsistencyLevel, replicationFactor: number): number {
  const needed = {
    ONE: 1,
    TWO: 2,
    THREE: 3,
    QUORUM: majorityOf(replicationFactor),
    ALL: replicationFactor,
  }[level];
  if (needed <= replicationFactor) return needed;
  throw new MendlogError(
    'TOO_FEW_NODES',
    `${level} needs ${needed} replicas and a partition has ${replicationFactor}`,
  );
}
