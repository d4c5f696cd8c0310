/**
 * A claim: a group commit that goes without a counter round. Its coordinator gives it versions at once, and a peer
 * takes it only where it has a vote and knows no counter as high. With three replicas the first peer that takes it is
 * a majority together with the coordinator, and has told by that what a counter round asks: no write that was
 * acknowledged before has as high a version. Until then the coordinator stores nothing itself, so a version that
 * nobody has confirmed lies nowhere.
 *
 *   open --a peer has taken it----------------------------> proven: it is stored here too, and whoever was
 *    |                                                      behind or failed is given it as usual
 *    +--all have answered, and none has it for certain----> refuted: versions are given anew, after a counter round
 *    +--all have answered, and one may have it------------> unknown
 *
 * It saves a lone commit its round trip, and costs one that has others behind it more than that: their versions wait
 * until it is decided. So a coordinator claims while it has one commit at a time.
 */
import type { MendlogError } from '../errors.js';
import type { Cohort } from './group-commit.js';

export type ClaimVerdict = 'open' | 'proven' | 'refuted' | 'unknown';

export class Claim {
  readonly #silent: Set<string>;
  readonly #mayBeStored: (failure: MendlogError) => boolean;
  /** Peers that know of a counter as high, or have no vote. */
  readonly behind: string[] = [];
  readonly failed = new Map<string, MendlogError>();
  #isProven = false;

  /** `mayBeStored` tells whether a peer that fails so may have stored it after all. */
  constructor(peers: readonly string[], mayBeStored: (failure: MendlogError) => boolean) {
    this.#silent = new Set(peers);
    this.#mayBeStored = mayBeStored;
  }

  get verdict(): ClaimVerdict {
    if (this.#isProven) return 'proven';
    if (this.#silent.size > 0) return 'open';
    return [...this.failed.values()].some(this.#mayBeStored) ? 'unknown' : 'refuted';
  }

  takenBy(node: string): void {
    this.#silent.delete(node);
    this.#isProven = true;
  }

  refusedBy(node: string): void {
    if (this.#silent.delete(node)) this.behind.push(node);
  }

  failedAt(node: string, failure: MendlogError): void {
    if (this.#silent.delete(node)) this.failed.set(node, failure);
  }
}

/** Whether one peer and the coordinator are what a counter round of this cohort would ask, and enough to acknowledge. */
export function canBeClaimed(
  { replicas, quorum, inRealTime, isApart }: Cohort,
  ports: { readonly self: string; isAlive(node: string): boolean },
): boolean {
  return (
    inRealTime &&
    !isApart &&
    replicas.length === 3 &&
    quorum.needed === 2 &&
    replicas.includes(ports.self) &&
    replicas.every((node) => ports.isAlive(node))
  );
}
