/** One read of ranges: what it is at, whom it may ask, and what it asks next. */
import { type ErrorShape, MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Listing, VersionRange } from '../protocol/listing.js';
import { laterVersion, ORIGIN_LOWEST } from '../version.js';
import { provenRange } from './answer-range-question.js';
import type { Caller } from './caller.js';
import type { ReadRepairMode } from './key-reads.js';
import type { ListedRanges } from './listed-ranges.js';
import type { RangeAnswer, RangePage, RangeQuestion } from './range-questions.js';
import type { RangeReadPorts } from './range-read-ports.js';
import { type RangeOutcome, RangeTask } from './range-task.js';

export type Phase = 'page' | 'digests' | 'listings' | 'frames' | 'keys' | 'repair';

/** It failed, or cannot give what it holds; or its store is new. */
export type Exclusion = 'failed' | 'no vote';

export type RangeReadResult =
  | { readonly ok: true; readonly outcomes: readonly RangeOutcome[] }
  | { readonly ok: false; readonly error: ErrorShape };

export interface AdmittedRead {
  readonly id: number;
  readonly partition: string;
  readonly ranges: readonly VersionRange[];
  readonly replicas: readonly string[];
  readonly needed: number;
  readonly repair: ReadRepairMode;
  readonly caller: Caller;
  readonly end: (result: RangeReadResult) => void;
}

export class RangeRead {
  readonly id: number;
  readonly partition: string;
  readonly needed: number;
  readonly repair: ReadRepairMode;
  readonly caller: Caller;
  readonly end: (result: RangeReadResult) => void;
  /** Replicas that do not count, and why. */
  readonly excluded = new Map<string, Exclusion>();
  /** Others are asked before these. */
  readonly slow = new Set<string>();
  /** By the number of each ask that is not answered: whom it is of, and what; undefined where it gives records. */
  readonly waiting = new Map<
    number,
    { readonly node: string; readonly question: RangeQuestion | undefined }
  >();
  /** Of this phase, in the order in which they came. */
  readonly answers = new Map<string, RangeAnswer>();
  phase: Phase = 'page';
  round: ListedRanges | undefined;
  isOver = false;
  readonly #ports: Pick<RangeReadPorts, 'self' | 'isAlive' | 'votes'>;
  readonly #replicas: readonly string[];
  readonly #tasks: readonly RangeTask[];
  #page: { readonly node: string; readonly pages: readonly RangePage[] } | undefined;
  /** Who takes part in the rounds of listings. */
  #chosen: readonly string[] = [];

  constructor(ports: Pick<RangeReadPorts, 'self' | 'isAlive' | 'votes'>, admitted: AdmittedRead) {
    const { id, partition, ranges, replicas, needed, repair, caller, end } = admitted;
    this.id = id;
    this.partition = partition;
    this.needed = needed;
    this.repair = repair;
    this.caller = caller;
    this.end = end;
    this.#ports = ports;
    this.#replicas = replicas;
    this.#tasks = ranges.map((range) => new RangeTask(range));
  }

  /** Ranges that have no outcome yet. */
  get open(): RangeTask[] {
    return this.#tasks.filter(({ outcome }) => outcome === undefined);
  }

  get outcomes(): RangeOutcome[] {
    return this.#tasks.flatMap(({ outcome }) => outcome ?? []);
  }

  /** Whether anything of it is from this node, or may come from there. */
  concerns(node: string): boolean {
    const isAsked = [...this.waiting.values()].some((ask) => ask.node === node);
    return isAsked || this.answers.has(node) || this.#page?.node === node || this.#chosen.includes(node);
  }

  /**
   * Who may still be asked in this phase: this node first, its records being at hand, then slow ones, and those last that
   * may have no vote.
   */
  usable(): string[] {
    const { self } = this.#ports;
    const asked = new Set([...this.waiting.values()].map(({ node }) => node));
    const isVoter = (node: string) => this.#ports.votes(this.partition, node);
    const order = (node: string) => (!isVoter(node) ? 3 : this.slow.has(node) ? 2 : node === self ? 0 : 1);
    return this.#replicas
      .filter((node) => this.#canBeAsked(node) && !this.excluded.has(node))
      .filter((node) => !asked.has(node) && !this.answers.has(node))
      .filter((node) => this.phase !== 'digests' || this.#page?.node !== node)
      .sort((a, b) => order(a) - order(b));
  }

  pagesQuestion(): RangeQuestion {
    return { ask: 'pages', partition: this.partition, ranges: this.open.map(({ range }) => range) };
  }

  /** About what the pages prove, above the watermark of who gave them: below it the others have nothing to say. */
  digestsQuestion(node: string, pages: readonly RangePage[]): RangeQuestion {
    this.#page = { node, pages };
    const { open } = this;
    const ranges = pages.map((page, i) => {
      const proven = provenRange((open[i] as RangeTask).range, page);
      const trimmedTo = Math.min(page.digest.trimmedTo + 1, Number.MAX_SAFE_INTEGER);
      return { ...proven, from: laterVersion(proven.from, { counter: trimmedTo, origin: ORIGIN_LOWEST }) };
    });
    return { ask: 'digests', partition: this.partition, ranges };
  }

  /** Ranges of which the replicas hold the same have their outcomes. */
  compareDigests(): void {
    const { node = '', pages = [] } = this.#page ?? {};
    const { open } = this;
    const others = [...this.answers.values()].flatMap((one) => (one.ask === 'digests' ? [one.digests] : []));
    for (const [i, page] of pages.entries()) {
      const digests = others.flatMap(({ [i]: digest }) => digest ?? []);
      open[i]?.settle(page, digests);
    }
    this.#chosen = [node, ...this.answers.keys()];
  }

  /** Who is to list the open ranges: the same as before, as far as those are left. Throws where there are too few. */
  listers(): string[] {
    const usable = this.usable();
    if (usable.length < this.needed) throw this.tooFew();
    const isChosen = (node: string) => this.#chosen.includes(node);
    return [...usable.filter(isChosen), ...usable.filter((node) => !isChosen(node))].slice(0, this.needed);
  }

  listingsQuestion(): RangeQuestion {
    return { ask: 'listings', partition: this.partition, ranges: this.open.map(({ range }) => range) };
  }

  /** Listings of the open ranges, by replica. */
  takeListings(): Map<string, readonly Listing[]> {
    const listings = new Map<string, readonly Listing[]>();
    for (const [node, one] of this.answers) if (one.ask === 'listings') listings.set(node, one.listings);
    this.#chosen = [...listings.keys()];
    return listings;
  }

  /** An answer has to fit a message. Throws TOO_LARGE where it does not, and more is to come. */
  checkBytes(): void {
    let bytes = 0;
    for (const { frames } of this.outcomes) for (const { length } of frames) bytes += length;
    if (bytes > LIMITS.messageBytesMax)
      throw new MendlogError('TOO_LARGE', 'the records of one read are over its limit: read fewer at once');
  }

  /** It begins anew, without this node. */
  restart(without: string): void {
    this.excluded.set(without, 'failed');
    for (const task of this.#tasks) task.outcome = undefined;
    this.#page = undefined;
    this.#chosen = [];
    this.round = undefined;
  }

  tooFew(): MendlogError {
    const { excluded, needed } = this;
    const missing = this.#replicas.filter((node) => excluded.has(node) || !this.#canBeAsked(node));
    const withoutVote = missing.filter(
      (node) => excluded.get(node) === 'no vote' || (this.#ports.isAlive(node) && !excluded.has(node)),
    );
    const [code, why] = [...excluded.values()].includes('failed')
      ? (['READ_TIMEOUT', 'did not answer, or cannot read what they hold'] as const)
      : withoutVote.length > 0
        ? (['UNAVAILABLE', 'cannot be reached, or have a new store that has no vote yet'] as const)
        : (['UNAVAILABLE', 'cannot be reached'] as const);
    const message = `${needed} replicas are needed and ${missing.join(', ')} ${why}`;
    return new MendlogError(code, message, { details: { needed, missing, withoutVote } });
  }

  /** A peer that may have no vote says so itself. */
  #canBeAsked(node: string): boolean {
    return (
      this.#ports.isAlive(node) && (node !== this.#ports.self || this.#ports.votes(this.partition, node))
    );
  }
}
