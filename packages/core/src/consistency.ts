/**
 * Consistency levels: how many replicas must answer before a call does.
 * A level that the replication factor cannot meet is refused at once.
 *
 * ANY is a level of writes alone: one replica, or, while none can be reached, whoever takes the write in their place and
 * keeps it for them.
 */
import { MendlogError } from './errors.js';

export const CONSISTENCY_LEVELS = ['ONE', 'TWO', 'THREE', 'QUORUM', 'ALL'] as const;
export type ConsistencyLevel = (typeof CONSISTENCY_LEVELS)[number];
/** A level by name, or how many replicas a read and a write need. */
export type Level = ConsistencyLevel | { readonly r: number; readonly w: number };

export const WRITE_LEVELS = ['ANY', ...CONSISTENCY_LEVELS] as const;
export type WriteLevel = 'ANY' | Level;

export function majorityOf(replicationFactor: number): number {
  return Math.floor(replicationFactor / 2) + 1;
}

/** The number of replicas that must answer a read. Throws TOO_FEW_NODES where there are not that many, BAD_REQUEST for ANY. */
export function answersNeeded(level: WriteLevel, replicationFactor: number): number {
  if (level === 'ANY')
    throw new MendlogError('BAD_REQUEST', 'ANY is a level of writes: a read asks one replica at least');
  return needed(level, 'r', replicationFactor);
}

/** The number of replicas that must have flushed a write. Throws TOO_FEW_NODES where there are not that many. */
export function acknowledgementsNeeded(level: WriteLevel, replicationFactor: number): number {
  return level === 'ANY' ? 1 : needed(level, 'w', replicationFactor);
}

/** A level as one word: `QUORUM`, `r2w3`. */
export function levelText(level: WriteLevel): string {
  return typeof level === 'string' ? level : `r${level.r}w${level.w}`;
}

function needed(level: Level, side: 'r' | 'w', replicationFactor: number): number {
  const count = typeof level === 'string' ? byName(level, replicationFactor) : level[side];
  if (count <= replicationFactor) return count;
  throw new MendlogError(
    'TOO_FEW_NODES',
    `${levelText(level)} needs ${count} replicas and a partition has ${replicationFactor}`,
  );
}

function byName(level: ConsistencyLevel, replicationFactor: number): number {
  return {
    ONE: 1,
    TWO: 2,
    THREE: 3,
    QUORUM: majorityOf(replicationFactor),
    ALL: replicationFactor,
  }[level];
}
