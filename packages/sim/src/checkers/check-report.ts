/**
 * What every check returns: which invariant it is of, how much it judged, and what it found. Violations are counted
 * all and kept up to a bound, since a broken cluster breaks the same promise thousands of times.
 */
import { formatVersion } from '@mendlog/core';
import type { Operation } from '../history/history-line.js';

/** Of docs/SPEC.md. */
export type Invariant = 'I3' | 'I4' | 'I6' | 'I9' | 'I10';

export interface Violation {
  readonly partition: string;
  /** Null where it is not about one key. */
  readonly key: string | null;
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** The operations that cannot all be as they are. */
  readonly operations: readonly Operation[];
}

export interface CheckReport<Found extends Violation = Violation> {
  readonly invariant: Invariant;
  readonly check: string;
  /** Operations, or records of final lines, that were judged. */
  readonly checked: number;
  /** Operations that could not be judged, since what they are judged by is not in the history. */
  readonly unchecked: number;
  readonly violationCount: number;
  /** The first ones. */
  readonly violations: readonly Found[];
}

export const VIOLATIONS_KEPT_MAX = 10;

/** Gathers the violations of one check. */
export class ReportBuilder<Found extends Violation = Violation> {
  readonly #invariant: Invariant;
  readonly #check: string;
  readonly #kept: Found[] = [];
  #count = 0;
  checked = 0;
  unchecked = 0;

  constructor(invariant: Invariant, check: string) {
    this.#invariant = invariant;
    this.#check = check;
  }

  /** `violation` makes it where it is kept: an explanation may be dear. */
  found(violation: () => Found): void {
    this.#count += 1;
    if (this.#kept.length < VIOLATIONS_KEPT_MAX) this.#kept.push(violation());
  }

  report(): CheckReport<Found> {
    return {
      invariant: this.#invariant,
      check: this.#check,
      checked: this.checked,
      unchecked: this.unchecked,
      violationCount: this.#count,
      violations: [...this.#kept],
    };
  }
}

const VALUE_SHOWN_MAX = 40;

export function describeValue(value: string | null): string {
  if (value === null) return 'absent';
  return JSON.stringify(value.length > VALUE_SHOWN_MAX ? `${value.slice(0, VALUE_SHOWN_MAX)}…` : value);
}

/** An operation in one line. */
export function describeOperation(operation: Operation): string {
  const { client, op, key, value, version, start, end, outcome } = operation;
  const what = op === 'get' && outcome === 'ok' ? ` -> ${describeValue(value)}` : '';
  const written = op === 'put' || op === 'append' ? ` ${describeValue(value)}` : '';
  const keyed = key === null ? '' : ` ${describeValue(key)}`;
  const versioned = version === null ? '' : ` at ${formatVersion(version)}`;
  return `client ${client}: ${op}${keyed}${written}${what}${versioned}, ${outcome}, from ${start} to ${end ?? 'never'}`;
}
