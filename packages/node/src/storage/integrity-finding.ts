/** What a check of a store can find. */
import type { Version } from '@mendlog/core';

export type IntegrityFinding =
  /** The disk has changed a record: its bytes are not given out, and another replica's take their place. */
  | { readonly kind: 'record'; readonly partition: string; readonly version: Version }
  /** The disk has changed the table of an entry of the log. */
  | { readonly kind: 'entry'; readonly arrival: number }
  /** The index says something else than the log: it is made anew when the store opens next. */
  | { readonly kind: 'index'; readonly what: string };

export interface IntegrityStep {
  readonly records: number;
  readonly bytes: number;
  readonly findings: readonly IntegrityFinding[];
}
