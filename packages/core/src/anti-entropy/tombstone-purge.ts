/**
 * Purges the tombstones of one partition, on proof only: a replica that had missed a deletion would bring the deleted
 * record back once nobody remembers it. Pure: the shell asks all primaries for what a step needs, and hands it in.
 *
 *   states --> [ purge, on those that lag ] --> fence, on all --> digests, of all
 *                                                                | ^  \--equal--> purge, on all --> nothing (done)
 *                                                                v |
 *                                             sessions, with those that differ
 *
 * The proof: once all have the fence, nothing comes in at or below it but what replicas give each other, and they hold
 * the same there. Whoever then takes a tombstone out knows that nobody holds what it had deleted; and from then on takes
 * nothing in at or below that it does not hold, so what is still under way from one to another cannot bring it back.
 * docs/consistency.md says what that costs.
 *
 * All primaries take part or nothing is purged. A primary that has purged less than another drops what it held there
 * unless it had the fence, then has no other digest than the rest after sessions.
 */
import { MendlogError } from '../errors.js';

/** What a replica tells of itself. */
export interface PurgeState {
  readonly fencedTo: number;
  readonly purgedTo: number;
}

/** The digest of all that a replica holds at or below the fence; undefined where it cannot tell. */
export interface PurgeDigest extends PurgeState {
  readonly digest: Uint8Array | undefined;
}

/** What is needed next, of these nodes. */
export type PurgeStep =
  | { readonly need: 'states' }
  | { readonly need: 'fence'; readonly counter: number; readonly purgedTo: number }
  | { readonly need: 'digests'; readonly upTo: number }
  /** Sessions between this node and these. */
  | { readonly need: 'sessions'; readonly nodes: readonly string[] }
  | { readonly need: 'purge'; readonly counter: number; readonly nodes: readonly string[] }
  | { readonly need: 'nothing'; readonly outcome: PurgeOutcome };

export type PurgeOutcome =
  /** All replicas were told to purge. */
  | 'purged'
  /** Nothing is old enough that is not purged. */
  | 'idle'
  /** The replicas went on differing, or one changed meanwhile: it is tried again another time. */
  | 'unproven';

/** How often those that differ are compared by sessions. */
const SESSIONS_MAX = 3;
/** How often those that lag are told to catch up. */
const CATCH_UPS_MAX = 2;

export class TombstonePurge {
  readonly #self: string;
  readonly #primaries: readonly string[];
  readonly #settledHead: number;
  #counter = 0;
  #purgedTo = 0;
  #catchUps = 0;
  #sessions = 0;
  #isProven = false;

  /** `settledHead`: a head that this node saw at least twice the write time-out ago: no write at or below is under way. */
  constructor(options: { self: string; primaries: readonly string[]; settledHead: number }) {
    this.#self = options.self;
    this.#primaries = options.primaries;
    this.#settledHead = options.settledHead;
  }

  start(): PurgeStep {
    return { need: 'states' };
  }

  states(states: ReadonlyMap<string, PurgeState>): PurgeStep {
    const all = this.#ofAll(states);
    this.#purgedTo = Math.max(...all.map(({ purgedTo }) => purgedTo));
    const lagging = this.#primaries.filter((node) => states.get(node)?.purgedTo !== this.#purgedTo);
    if (lagging.length > 0) {
      if (this.#catchUps++ >= CATCH_UPS_MAX) return end('unproven');
      return { need: 'purge', counter: this.#purgedTo, nodes: lagging };
    }
    this.#counter = Math.max(this.#settledHead, ...all.map(({ fencedTo }) => fencedTo));
    if (this.#counter <= this.#purgedTo) return end('idle');
    return { need: 'fence', counter: this.#counter, purgedTo: this.#purgedTo };
  }

  /** Whether each has the fence. */
  fenced(raised: ReadonlyMap<string, boolean>): PurgeStep {
    if (this.#ofAll(raised).includes(false)) return end('unproven');
    return { need: 'digests', upTo: this.#counter };
  }

  digests(digests: ReadonlyMap<string, PurgeDigest>): PurgeStep {
    // A store that was replaced meanwhile does not have the fence.
    const isSame = ({ fencedTo, purgedTo }: PurgeState) =>
      fencedTo >= this.#counter && purgedTo === this.#purgedTo;
    if (!this.#ofAll(digests).every(isSame)) return end('unproven');
    const own = digests.get(this.#self)?.digest;
    const differing = this.#primaries.filter((node) => !isEqual(own, digests.get(node)?.digest));
    if (differing.length === 0) {
      this.#isProven = true;
      return { need: 'purge', counter: this.#counter, nodes: this.#primaries };
    }
    const peers = differing.filter((node) => node !== this.#self);
    if (peers.length === 0 || this.#sessions++ >= SESSIONS_MAX) return end('unproven');
    return { need: 'sessions', nodes: peers };
  }

  /** Sessions are over. */
  compared(): PurgeStep {
    return { need: 'digests', upTo: this.#counter };
  }

  /** Those that were told have purged, or will when they are told again. */
  purged(): PurgeStep {
    return this.#isProven ? end('purged') : { need: 'states' };
  }

  /** Throws where an answer is missing: without one there is no proof. */
  #ofAll<Answer>(answers: ReadonlyMap<string, Answer>): Answer[] {
    return this.#primaries.map((node) => {
      const answer = answers.get(node);
      if (answer === undefined) throw new MendlogError('UNREACHABLE', `${node} did not take part in a purge`);
      return answer;
    });
  }
}

function end(outcome: PurgeOutcome): PurgeStep {
  return { need: 'nothing', outcome };
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
