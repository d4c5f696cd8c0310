/** A deliberate bug: one exact text of the built code in the place of another one. */

export interface Mutation {
  readonly name: string;
  /** What it breaks, in a sentence. */
  readonly breaks: string;
  /** Under packages/. */
  readonly file: string;
  /** Occurs there once. */
  readonly find: string;
  readonly replace: string;
  /** Violations of one of these tell of it. */
  readonly invariants: readonly string[];
  /** Seeds from 1 on, within which it is found. */
  readonly seeds: number;
}
