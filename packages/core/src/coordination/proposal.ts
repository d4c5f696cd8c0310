/**
 * A proposal: a group commit that goes without a counter round. Its coordinator gives it versions at once, and a peer
 * accepts it only where it has a vote and knows no counter as high. With three replicas the first peer that accepts is
 * a majority together with the coordinator, and has told by that what a counter round asks: no write that was
 * acknowledged before has as high a version. Until then the coordinator stores nothing itself, so a version that
 * nobody has confirmed lies nowhere.
 *
 *   open --a peer has accepted---------------------------> proven: it is stored here too, and whoever has refused
 *    |                                                     it is given it as usual, whoever failed gets a hint
 *    +--all have answered, and none can have stored it---> refuted: versions are given anew, after a counter round
 *    +--all have answered, and one may have stored it----> unknown
 *
 * It saves a lone commit its round trip, and costs one that has others behind it more than that: their versions wait
 * until it is decided. So a coordinator proposes while it has one commit at a time.
 */
import type { MendlogError } from '../errors.js';
import type { Cohort } from './group-commit.js';

/** So many commits in a row, this one included, have found no other waiting for its outcome. */
export const ALONE_BEFORE_PROPOSAL = 4;
/** So many more after a refusal: another node may be coordinating too, and will be for a while. */
export const ALONE_AFTER_REFUSAL = 16;

export type ProposalVerdict = 'open' | 'proven' | 'refuted' | 'unknown';

export class Proposal {
  readonly #silent: Set<string>;
  readonly #mayBeStored: (failure: MendlogError) => boolean;
  readonly #refusers = new Set<string>();
  readonly #failures = new Map<string, MendlogError>();
  #isProven = false;

  /** `mayBeStored` tells whether a peer that fails so may have stored it after all. */
  constructor(peers: readonly string[], mayBeStored: (failure: MendlogError) => boolean) {
    this.#silent = new Set(peers);
    this.#mayBeStored = mayBeStored;
  }

  get verdict(): ProposalVerdict {
    if (this.#isProven) return 'proven';
    if (this.#silent.size > 0) return 'open';
    return [...this.#failures.values()].some(this.#mayBeStored) ? 'unknown' : 'refuted';
  }

  /** Peers that know of a counter as high, or have no vote: they have stored nothing. */
  get refusers(): ReadonlySet<string> {
    return this.#refusers;
  }

  get failures(): ReadonlyMap<string, MendlogError> {
    return this.#failures;
  }

  /** Also by a store that was replaced since: what it has told holds, and that it has the commit no more is a failure. */
  accepted(node: string): void {
    this.#silent.delete(node);
    this.#isProven = true;
  }

  /** Also of a peer that was taken for failed: this is what it says itself. */
  refused(node: string): void {
    this.#silent.delete(node);
    this.#failures.delete(node);
    this.#refusers.add(node);
  }

  failed(node: string, failure: MendlogError): void {
    if (this.#silent.delete(node)) this.#failures.set(node, failure);
  }
}

/** Whether one peer and the coordinator are what a counter round of this cohort would ask, and enough to acknowledge. */
export function canBeProposed(
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
