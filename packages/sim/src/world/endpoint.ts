/** Whoever sends and receives messages: a node's process, or a client. */

export interface Endpoint {
  readonly id: string;
  /** Rises with each start: what was meant for an earlier process does not reach this one. */
  readonly epoch: number;
  readonly isUp: boolean;
  /** Runs it in the process of this epoch: later where that is stopped, never where it is gone. */
  run(epoch: number, work: () => void, options?: { isTimer?: boolean }): void;
}
