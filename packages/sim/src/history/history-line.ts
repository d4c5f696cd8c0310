/**
 * What a history consists of: what each client asked for and was told, and what the cluster held at the end.
 *
 * docs/history.md has the format in which these are written, and what every field means.
 */
import type { Version } from '@mendlog/core';

export const OPERATION_KINDS = ['put', 'get', 'delete', 'append'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export const OUTCOMES = ['ok', 'fail', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Operation {
  readonly client: number;
  readonly op: OperationKind;
  readonly partition: string;
  /** Null for an append, and only for it. */
  readonly key: string | null;
  /** Written by a put or an append; returned by a get that is ok, null being absent. */
  readonly value: string | null;
  /** Told only where the outcome is ok, and always by such an append. */
  readonly version: Version | null;
  /** Nanoseconds, of one monotonic clock for all clients. */
  readonly start: number;
  /** Null where no outcome ever came; it is unknown then. */
  readonly end: number | null;
  readonly outcome: Outcome;
}

/** The appended records of a partition, as read at ALL after healing. */
export interface FinalRead {
  readonly op: 'final';
  readonly partition: string;
  readonly records: readonly FinalRecord[];
}

export interface FinalRecord {
  readonly version: Version;
  readonly value: string;
}

export type HistoryLine = Operation | FinalRead;

/** Bounds of a history; what is over one is TOO_LARGE. */
export const HISTORY_LIMITS = {
  /** Operations and final reads. */
  linesMax: 2_000_000,
  /** Bytes of one line; a final read has all records of its partition in one. */
  lineBytesMax: 64 * 1024 * 1024,
} as const;
