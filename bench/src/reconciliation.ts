/** What finding the differences of two sets cost. */
export interface Reconciliation {
  /** Of all messages, both ways. */
  readonly bytes: number;
  /** Of both sides, with what is kept up to date anyway at hand. */
  readonly cpuMs: number;
  /** One side, from nothing. */
  readonly buildMs: number;
  readonly found: number;
}
