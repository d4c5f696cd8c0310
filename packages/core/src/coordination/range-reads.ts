/**
 * Coordinates reads of ranges: asks R replicas what they hold, gives asked replicas what they lack, and answers. With
 * blocking repair what an answer holds is on every asked replica, hence on a read quorum, before the caller sees it.
 *
 *   page of the nearest --> digests of the others --equal--------------------------------------> answer
 *                                                 \-> listings --> records --> keys --> repair --/
 *
 * Where the digests of all asked replicas are equal over what the page proves, it is the page of all. Only where they
 * differ do replicas list what they hold (listed-ranges.ts). "Absent" is an answer; a replica that fails or is slow is
 * replaced by another one as long as there are any. A record with a key that some replica lacks may be replaced by
 * another one: such keys are looked up. A synchronous state machine: events are its methods, what it wants done are calls
 * of its ports.
 */
import { answersNeeded, type Level } from '../consistency.js';
import { type ErrorShape, MendlogError, toMendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { VersionRange } from '../protocol/listing.js';
import { laterVersion, ORIGIN_LOWEST } from '../version.js';
import { provenRange } from './answer-range-question.js';
import { type Caller, callerGone, PATIENT } from './caller.js';
import { checkRangeAnswer } from './check-range-answer.js';
import type { KeyOutcome, KeyReads, ReadRepairMode } from './key-reads.js';
import { type Lacking, ListedRanges } from './listed-ranges.js';
import type { RangeAnswer, RangePage, RangeQuestion } from './range-questions.js';
import type { RangeReadPorts } from './range-read-ports.js';
import { type RangeOutcome, RangeTask } from './range-task.js';
import { recordGifts } from './record-gifts.js';

export interface RangeReadRequest {
  readonly partition: string;
  readonly ranges: readonly VersionRange[];
  readonly level: Level;
  readonly repair: ReadRepairMode;
  /** Who waits for the outcomes; a patient one unless told. */
  readonly caller?: Caller | undefined;
}

export type RangeReadResult =
  | { readonly ok: true; readonly outcomes: readonly RangeOutcome[] }
  | { readonly ok: false; readonly error: ErrorShape };

type Phase = 'page' | 'digests' | 'listings' | 'frames' | 'keys' | 'repair';

/** It failed, or cannot give what it holds; or its store is new. */
type Exclusion = 'failed' | 'no vote';

interface Read {
  readonly id: number;
  readonly partition: string;
  readonly replicas: readonly string[];
  readonly needed: number;
  readonly repair: ReadRepairMode;
  readonly caller: Caller;
  readonly tasks: readonly RangeTask[];
  /** Replicas that do not count, and why. */
  readonly excluded: Map<string, Exclusion>;
  /** Others are asked before these. */
  readonly slow: Set<string>;
  phase: Phase;
  /** Of the ranges without an outcome, what this phase is about. */
  open: readonly RangeTask[];
  readonly waiting: Map<number, Ask>;
  /** Of this phase, in the order in which they came. */
  readonly answers: Map<string, RangeAnswer>;
  page: { readonly node: string; readonly pages: readonly RangePage[] } | undefined;
  /** Who takes part in the rounds of listings. */
  chosen: readonly string[];
  round: ListedRanges | undefined;
  isOver: boolean;
  readonly end: (result: RangeReadResult) => void;
}

interface Ask {
  readonly read: Read;
  readonly node: string;
  /** Undefined where it gives records. */
  readonly question: RangeQuestion | undefined;
}

export class RangeReads {
  readonly #ports: RangeReadPorts;
  readonly #keys: Pick<KeyReads, 'submit'>;
  readonly #reads = new Map<number, Read>();
  readonly #asks = new Map<number, Ask>();
  #nextRead = 1;
  #nextAsk = 1;

  constructor(ports: RangeReadPorts, keys: Pick<KeyReads, 'submit'>) {
    this.#ports = ports;
    this.#keys = keys;
  }

  get isIdle(): boolean {
    return this.#reads.size === 0;
  }

  isUnderWay(id: number): boolean {
    return this.#reads.has(id);
  }

  /** Calls back once, with an outcome for each range in order. Returns the read's number. */
  submit(request: RangeReadRequest, answer: (result: RangeReadResult) => void): number {
    const id = this.#nextRead++;
    const { partition, level } = request;
    try {
      const replicas = this.#ports.primaries(partition);
      this.#begin(id, { ...request, replicas, needed: answersNeeded(level, replicas.length) }, (result) => {
        answer(result);
        if (result.ok && this.#ports.comparesAll()) this.#compareAll({ ...request, caller: PATIENT });
      });
    } catch (thrown) {
      answer({ ok: false, error: toMendlogError(thrown).toShape() });
    }
    return id;
  }

  /** Its caller has gone: it ends as REQUEST_TIMEOUT, and nothing more is asked or repaired for it. */
  cancel(id: number): void {
    const read = this.#reads.get(id);
    if (read !== undefined) this.#fail(read, callerGone());
  }

  answered(id: number, answer: RangeAnswer): void {
    const ask = this.#take(id);
    if (ask?.question === undefined) return;
    const { read, node, question } = ask;
    this.#within(read, () => {
      try {
        checkRangeAnswer(question, answer);
      } catch {
        this.#leave(ask);
        return;
      }
      if (question.ask === 'frames' && answer.ask === 'frames') {
        read.round?.fetched(node, question.versions, answer);
        this.#fetch(read);
        return;
      }
      read.answers.set(node, answer);
      if (answer.ask === 'pages') this.#paged(read, node, answer.pages);
      else if (answer.ask === 'digests' && read.answers.size + 1 >= read.needed) this.#compare(read);
      else if (answer.ask === 'listings' && read.answers.size >= read.needed) this.#merge(read);
    });
  }

  /** A node did not answer, or did not store what it was given; or its answer is that it has no vote. */
  failed(id: number, why: Exclusion = 'failed'): void {
    const ask = this.#take(id);
    if (ask !== undefined) this.#within(ask.read, () => this.#leave(ask, why));
  }

  /** A node has another store than before: nobody holds what the one before has told of. Such reads are made anew. */
  storeReplaced(node: string): void {
    for (const read of [...this.#reads.values()]) {
      const { waiting, answers, page, chosen } = read;
      const isAsked = [...waiting.values()].some((ask) => ask.node === node);
      if (!isAsked && !answers.has(node) && page?.node !== node && !chosen.includes(node)) continue;
      this.#within(read, () => this.#again(read, node));
    }
  }

  given(id: number): void {
    const ask = this.#take(id);
    if (ask !== undefined && ask.read.waiting.size === 0)
      this.#within(ask.read, () => this.#settle(ask.read, true));
  }

  /** Those asked take long: one more is asked, if there is one. */
  isSlow(id: number): void {
    const read = this.#reads.get(id);
    if (read === undefined) return;
    if (read.caller.isGone) {
      this.#fail(read, callerGone());
      return;
    }
    const asked = [...read.waiting.values()];
    for (const { node } of asked) read.slow.add(node);
    const [question] = asked.map((ask) => ask.question);
    const [node] = this.#usable(read);
    if (node === undefined || question === undefined || question.ask === 'frames') return;
    this.#ask(read, node, question);
  }

  timeUp(id: number): void {
    const read = this.#reads.get(id);
    if (read === undefined) return;
    const waiting = [...read.waiting.values()].map(({ node }) => node).join(', ');
    this.#fail(read, new MendlogError('READ_TIMEOUT', `${waiting || 'the replicas'} did not answer in time`));
  }

  #begin(
    id: number,
    request: RangeReadRequest & Pick<Read, 'replicas' | 'needed'>,
    end: (result: RangeReadResult) => void,
  ): void {
    if (this.#reads.size >= LIMITS.rangeReadsMax)
      throw new MendlogError('OVERLOADED', 'too many reads of ranges are under way; try again later');
    const { partition, ranges, repair, caller = PATIENT, replicas, needed } = request;
    if (caller.isGone) throw callerGone();
    const tasks = ranges.map((range) => new RangeTask(range));
    const read: Read = {
      id,
      partition,
      replicas,
      needed,
      repair,
      caller,
      tasks,
      excluded: new Map(),
      slow: new Set(),
      phase: 'page',
      open: tasks,
      waiting: new Map(),
      answers: new Map(),
      page: undefined,
      chosen: [],
      round: undefined,
      isOver: false,
      end,
    };
    this.#reads.set(id, read);
    this.#ports.startTimers(id, caller.deadlineMs);
    this.#within(read, () => {
      if (tasks.length === 0) this.#answer(read);
      else if (this.#usable(read).length < needed) throw this.#tooFew(read);
      else this.#askPage(read);
    });
  }

  /** Compares all live replicas behind the answer; what goes wrong there is anti-entropy's to mend. */
  #compareAll(request: RangeReadRequest): void {
    const replicas = this.#ports.primaries(request.partition);
    const live = replicas.filter(
      (node) => this.#ports.isAlive(node) && this.#ports.votes(request.partition, node),
    );
    if (live.length < 2 || this.#reads.size >= LIMITS.rangeReadsMax) return;
    const all = { ...request, repair: 'blocking' as const, replicas, needed: live.length };
    this.#begin(this.#nextRead++, all, () => {});
  }

  /** A peer that may have no vote says so itself. */
  #isUsable(partition: string, node: string): boolean {
    return this.#ports.isAlive(node) && (node !== this.#ports.self || this.#ports.votes(partition, node));
  }

  /**
   * Who may still be asked in this phase: this node first, its records being at hand, then slow ones, and those last that
   * may have no vote.
   */
  #usable(read: Read): string[] {
    const { self } = this.#ports;
    const asked = new Set([...read.waiting.values()].map(({ node }) => node));
    const isVoter = (node: string) => this.#ports.votes(read.partition, node);
    const order = (node: string) => (!isVoter(node) ? 3 : read.slow.has(node) ? 2 : node === self ? 0 : 1);
    return read.replicas
      .filter((node) => this.#isUsable(read.partition, node) && !read.excluded.has(node))
      .filter((node) => !asked.has(node) && !read.answers.has(node))
      .filter((node) => read.phase !== 'digests' || read.page?.node !== node)
      .sort((a, b) => order(a) - order(b));
  }

  /** What goes wrong in one step ends the read; none is made that nobody waits for. */
  #within(read: Read, step: () => void): void {
    try {
      if (read.caller.isGone) throw callerGone();
      step();
    } catch (thrown) {
      // Of one that is over, the caller has thrown.
      if (read.isOver) throw thrown;
      this.#fail(read, toMendlogError(thrown));
    }
  }

  #askPage(read: Read): void {
    this.#enter(read, 'page');
    const ranges = read.open.map(({ range }) => range);
    this.#askMore(read, 1, { ask: 'pages', partition: read.partition, ranges });
  }

  #paged(read: Read, node: string, pages: readonly RangePage[]): void {
    read.page = { node, pages };
    this.#enter(read, 'digests');
    if (read.needed === 1) this.#compare(read);
    else this.#askMore(read, read.needed - 1, this.#digestsQuestion(read, pages));
  }

  /** About what the pages prove, above the watermark of who gave them: below it the others have nothing to say. */
  #digestsQuestion({ partition, open }: Read, pages: readonly RangePage[]): RangeQuestion {
    const ranges = pages.map((page, i) => {
      const proven = provenRange((open[i] as RangeTask).range, page);
      const trimmedTo = Math.min(page.digest.trimmedTo + 1, Number.MAX_SAFE_INTEGER);
      return { ...proven, from: laterVersion(proven.from, { counter: trimmedTo, origin: ORIGIN_LOWEST }) };
    });
    return { ask: 'digests', partition, ranges };
  }

  #compare(read: Read): void {
    const { node, pages } = read.page as NonNullable<Read['page']>;
    const others = [...read.answers.values()].flatMap((one) => (one.ask === 'digests' ? [one.digests] : []));
    for (const [i, page] of pages.entries()) {
      const digests = others.flatMap(({ [i]: digest }) => digest ?? []);
      read.open[i]?.settle(page, digests);
    }
    read.chosen = [node, ...read.answers.keys()];
    this.#goOn(read);
  }

  /** The ranges that have no outcome yet are listed by the same replicas, as far as those are left. */
  #goOn(read: Read): void {
    read.open = read.tasks.filter(({ outcome }) => outcome === undefined);
    if (read.open.length === 0) {
      this.#answer(read);
      return;
    }
    checkBytes(read.tasks);
    this.#enter(read, 'listings');
    const usable = this.#usable(read);
    const chosen = usable.filter((node) => read.chosen.includes(node));
    const others = usable.filter((node) => !read.chosen.includes(node));
    if (usable.length < read.needed) throw this.#tooFew(read);
    const ranges = read.open.map(({ range }) => range);
    for (const node of [...chosen, ...others].slice(0, read.needed))
      this.#ask(read, node, { ask: 'listings', partition: read.partition, ranges });
  }

  #merge(read: Read): void {
    this.#forget(read);
    const listings = new Map(
      [...read.answers].flatMap(([node, one]) => (one.ask === 'listings' ? [[node, one.listings]] : [])),
    );
    read.chosen = [...listings.keys()];
    try {
      read.round = new ListedRanges(read.open, listings);
    } catch (thrown) {
      const { replica } = toMendlogError(thrown).details;
      if (typeof replica !== 'string') throw thrown;
      read.excluded.set(replica, 'failed');
      this.#goOn(read);
      return;
    }
    this.#enter(read, 'frames');
    this.#fetch(read);
  }

  /** Fetches what is wanted, turn by turn: what one holder cannot give is asked of the next. */
  #fetch(read: Read): void {
    const round = read.round as ListedRanges;
    if (read.waiting.size > 0) return;
    const wanted = round.wanted();
    for (const [node, versions] of wanted) {
      for (let at = 0; at < versions.length; at += LIMITS.batchRecordsMax) {
        const part = versions.slice(at, at + LIMITS.batchRecordsMax);
        this.#ask(read, node, { ask: 'frames', partition: read.partition, versions: part });
      }
    }
    if (wanted.size > 0) return;
    for (const node of round.makePages()) read.excluded.set(node, 'failed');
    // What the disk of a replica has changed it gets again, whatever the mode.
    this.#give(read, round.unreadable(), false);
    this.#lookUpKeys(read, round);
  }

  #lookUpKeys(read: Read, round: ListedRanges): void {
    const keys = round.keysInDoubt();
    if (keys.length === 0) {
      this.#repair(read, round);
      return;
    }
    this.#enter(read, 'keys');
    const questions = keys.map((key) => ({ partition: read.partition, key }));
    const level = { r: read.needed, w: 1 };
    const { repair, caller } = read;
    this.#keys.submit({ questions, levelOf: () => level, repair, caller }, (outcomes) => {
      if (read.isOver || read.round !== round) return;
      this.#within(read, () => {
        round.replace(keys.map((key, i) => ({ key, frame: frameOf(outcomes[i]) })));
        this.#repair(read, round);
      });
    });
  }

  #repair(read: Read, round: ListedRanges): void {
    this.#enter(read, 'repair');
    const lacked = read.repair === 'off' ? NOTHING : round.lacked();
    if (lacked.size > 0) this.#ports.repairs();
    const isAwaited = read.repair === 'blocking';
    this.#give(read, lacked, isAwaited);
    if (read.waiting.size === 0) this.#settle(read, false);
  }

  /** Events may come in between where it is awaited, and not before this returns. */
  #give(read: Read, lacking: Lacking, isAwaited: boolean): void {
    for (const { node, groups } of recordGifts(read.partition, lacking)) {
      const id = this.#nextAsk++;
      if (isAwaited) {
        const ask = { read, node, question: undefined };
        read.waiting.set(id, ask);
        this.#asks.set(id, ask);
      }
      this.#ports.give(id, node, groups);
    }
  }

  #settle(read: Read, isRepaired: boolean): void {
    read.round?.settle(isRepaired);
    read.round = undefined;
    this.#goOn(read);
  }

  #answer(read: Read): void {
    const outcomes = read.tasks.map(({ outcome }) => outcome as RangeOutcome);
    this.#close(read);
    read.end({ ok: true, outcomes });
  }

  /** Somebody else is asked in its place; what it was to give, or to be given, is listed anew without it. */
  #leave({ read, node, question }: Ask, why: Exclusion = 'failed'): void {
    read.excluded.set(node, why);
    switch (question?.ask) {
      case 'pages':
        if (read.waiting.size === 0) this.#askMore(read, 1, question);
        break;
      case 'digests':
        if (read.answers.size + read.waiting.size + 1 < read.needed) this.#askMore(read, 1, question);
        break;
      case 'listings':
        if (read.answers.size + read.waiting.size < read.needed) this.#askMore(read, 1, question);
        break;
      default:
        read.round = undefined;
        this.#goOn(read);
    }
  }

  /** From the beginning, without this node. */
  #again(read: Read, node: string): void {
    read.excluded.set(node, 'failed');
    for (const task of read.tasks) task.outcome = undefined;
    Object.assign(read, { open: read.tasks, page: undefined, chosen: [], round: undefined });
    this.#askPage(read);
  }

  #askMore(read: Read, count: number, question: RangeQuestion): void {
    const usable = this.#usable(read);
    if (usable.length < count) throw this.#tooFew(read);
    for (const node of usable.slice(0, count)) this.#ask(read, node, question);
  }

  #ask(read: Read, node: string, question: RangeQuestion): void {
    const id = this.#nextAsk++;
    const ask = { read, node, question };
    read.waiting.set(id, ask);
    this.#asks.set(id, ask);
    this.#ports.ask(id, node, { question, deadlineMs: read.caller.deadlineMs });
  }

  /** The ask with this number, once; undefined where nobody waits for it any more. */
  #take(id: number): Ask | undefined {
    const ask = this.#asks.get(id);
    if (ask === undefined) return undefined;
    this.#asks.delete(id);
    ask.read.waiting.delete(id);
    return ask;
  }

  #enter(read: Read, phase: Phase): void {
    this.#forget(read);
    read.answers.clear();
    read.phase = phase;
  }

  #forget(read: Read): void {
    for (const id of read.waiting.keys()) {
      this.#asks.delete(id);
      this.#ports.drop(id);
    }
    read.waiting.clear();
  }

  #tooFew(read: Read): MendlogError {
    const { partition, replicas, excluded, needed } = read;
    const missing = replicas.filter((node) => excluded.has(node) || !this.#isUsable(partition, node));
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

  #fail(read: Read, error: MendlogError): void {
    this.#close(read);
    read.end({ ok: false, error: error.toShape() });
  }

  #close(read: Read): void {
    read.isOver = true;
    this.#forget(read);
    this.#ports.stopTimers(read.id);
    this.#reads.delete(read.id);
  }
}

const NOTHING: Lacking = new Map();

/** An answer has to fit a message. Throws TOO_LARGE where it does not, and more is to come. */
function checkBytes(tasks: readonly RangeTask[]): void {
  let bytes = 0;
  for (const { outcome } of tasks) for (const { length } of outcome?.frames ?? []) bytes += length;
  if (bytes > LIMITS.messageBytesMax)
    throw new MendlogError('TOO_LARGE', 'the records of one read are over its limit: read fewer at once');
}

/** Throws what the look-up of a key failed with. */
function frameOf(outcome: KeyOutcome | undefined): Uint8Array | undefined {
  if (outcome?.ok === false) throw MendlogError.fromShape(outcome.error);
  return outcome?.frame;
}
