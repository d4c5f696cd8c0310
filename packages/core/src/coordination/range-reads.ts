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
import { MendlogError, toMendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { VersionRange } from '../protocol/listing.js';
import { type Caller, callerGone, PATIENT } from './caller.js';
import { checkRangeAnswer } from './check-range-answer.js';
import type { KeyOutcome, KeyReads, ReadRepairMode } from './key-reads.js';
import { type Lacking, ListedRanges } from './listed-ranges.js';
import type { RangeAnswer, RangePage, RangeQuestion } from './range-questions.js';
import {
  type AdmittedRead,
  type Exclusion,
  type Phase,
  RangeRead,
  type RangeReadResult,
} from './range-read.js';
import type { RangeReadPorts } from './range-read-ports.js';
import { recordGifts } from './record-gifts.js';

export interface RangeReadRequest {
  readonly partition: string;
  readonly ranges: readonly VersionRange[];
  readonly level: Level;
  readonly repair: ReadRepairMode;
  /** Who waits for the outcomes; a patient one unless told. */
  readonly caller?: Caller | undefined;
}

interface Ask {
  readonly read: RangeRead;
  readonly node: string;
  /** Undefined where it gives records. */
  readonly question: RangeQuestion | undefined;
}

export class RangeReads {
  readonly #ports: RangeReadPorts;
  readonly #keys: Pick<KeyReads, 'submit'>;
  readonly #reads = new Map<number, RangeRead>();
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
    const end = (result: RangeReadResult) => {
      answer(result);
      if (result.ok && this.#ports.comparesAll()) this.#compareAll(request);
    };
    try {
      const replicas = this.#ports.primaries(partition);
      const needed = answersNeeded(level, replicas.length);
      this.#begin({ ...request, caller: request.caller ?? PATIENT, id, replicas, needed, end });
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
    for (const read of [...this.#reads.values()].filter((one) => one.concerns(node)))
      this.#within(read, () => {
        read.restart(node);
        this.#askPage(read);
      });
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
    const [node] = read.usable();
    if (node === undefined || question === undefined || question.ask === 'frames') return;
    this.#ask(read, node, question);
  }

  timeUp(id: number): void {
    const read = this.#reads.get(id);
    if (read === undefined) return;
    const waiting = [...read.waiting.values()].map(({ node }) => node).join(', ');
    this.#fail(read, new MendlogError('READ_TIMEOUT', `${waiting || 'the replicas'} did not answer in time`));
  }

  #begin(admitted: AdmittedRead): void {
    if (this.#reads.size >= LIMITS.rangeReadsMax)
      throw new MendlogError('OVERLOADED', 'too many reads of ranges are under way; try again later');
    const { id, caller, needed } = admitted;
    if (caller.isGone) throw callerGone();
    const read = new RangeRead(this.#ports, admitted);
    this.#reads.set(id, read);
    this.#ports.startTimers(id, caller.deadlineMs);
    this.#within(read, () => {
      if (read.open.length === 0) this.#answer(read);
      else if (read.usable().length < needed) throw read.tooFew();
      else this.#askPage(read);
    });
  }

  /** Compares all live replicas behind the answer; what goes wrong there is anti-entropy's to mend. */
  #compareAll({ partition, ranges }: RangeReadRequest): void {
    const replicas = this.#ports.primaries(partition);
    const live = replicas.filter((node) => this.#ports.isAlive(node) && this.#ports.votes(partition, node));
    const needed = live.length;
    if (needed < 2 || this.#reads.size >= LIMITS.rangeReadsMax) return;
    const how = { repair: 'blocking', caller: PATIENT, end: () => {} } as const;
    this.#begin({ id: this.#nextRead++, partition, ranges, replicas, needed, ...how });
  }

  /** What goes wrong in one step ends the read; none is made that nobody waits for. */
  #within(read: RangeRead, step: () => void): void {
    try {
      if (read.caller.isGone) throw callerGone();
      step();
    } catch (thrown) {
      // Of one that is over, the caller has thrown.
      if (read.isOver) throw thrown;
      this.#fail(read, toMendlogError(thrown));
    }
  }

  #askPage(read: RangeRead): void {
    this.#enter(read, 'page');
    this.#askMore(read, 1, read.pagesQuestion());
  }

  #paged(read: RangeRead, node: string, pages: readonly RangePage[]): void {
    const question = read.digestsQuestion(node, pages);
    this.#enter(read, 'digests');
    if (read.needed === 1) this.#compare(read);
    else this.#askMore(read, read.needed - 1, question);
  }

  #compare(read: RangeRead): void {
    read.compareDigests();
    this.#goOn(read);
  }

  /** Ranges without an outcome are listed; where there are none, the read is answered. */
  #goOn(read: RangeRead): void {
    if (read.open.length === 0) {
      this.#answer(read);
      return;
    }
    read.checkBytes();
    this.#enter(read, 'listings');
    for (const node of read.listers()) this.#ask(read, node, read.listingsQuestion());
  }

  #merge(read: RangeRead): void {
    const listings = read.takeListings();
    this.#enter(read, 'frames');
    try {
      read.round = new ListedRanges(read.open, listings);
    } catch (thrown) {
      const { replica } = toMendlogError(thrown).details;
      if (typeof replica !== 'string') throw thrown;
      read.excluded.set(replica, 'failed');
      this.#goOn(read);
      return;
    }
    this.#fetch(read);
  }

  /** Fetches what is wanted, turn by turn: what one holder cannot give is asked of the next. */
  #fetch(read: RangeRead): void {
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

  #lookUpKeys(read: RangeRead, round: ListedRanges): void {
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

  #repair(read: RangeRead, round: ListedRanges): void {
    this.#enter(read, 'repair');
    const lacked = read.repair === 'off' ? NOTHING : round.lacked();
    if (lacked.size > 0) this.#ports.repairs();
    const isAwaited = read.repair === 'blocking';
    this.#give(read, lacked, isAwaited);
    if (read.waiting.size === 0) this.#settle(read, false);
  }

  /** Events may come in between where it is awaited, and not before this returns. */
  #give(read: RangeRead, lacking: Lacking, isAwaited: boolean): void {
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

  #settle(read: RangeRead, isRepaired: boolean): void {
    read.round?.settle(isRepaired);
    read.round = undefined;
    this.#goOn(read);
  }

  #answer(read: RangeRead): void {
    this.#close(read);
    read.end({ ok: true, outcomes: read.outcomes });
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

  #askMore(read: RangeRead, count: number, question: RangeQuestion): void {
    const usable = read.usable();
    if (usable.length < count) throw read.tooFew();
    for (const node of usable.slice(0, count)) this.#ask(read, node, question);
  }

  #ask(read: RangeRead, node: string, question: RangeQuestion): void {
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

  #enter(read: RangeRead, phase: Phase): void {
    this.#forget(read);
    read.answers.clear();
    read.phase = phase;
  }

  #forget(read: RangeRead): void {
    for (const id of read.waiting.keys()) {
      this.#asks.delete(id);
      this.#ports.drop(id);
    }
    read.waiting.clear();
  }

  #fail(read: RangeRead, error: MendlogError): void {
    this.#close(read);
    read.end({ ok: false, error: error.toShape() });
  }

  #close(read: RangeRead): void {
    read.isOver = true;
    this.#forget(read);
    this.#ports.stopTimers(read.id);
    this.#reads.delete(read.id);
  }
}

const NOTHING: Lacking = new Map();

/** Throws what the look-up of a key failed with. */
function frameOf(outcome: KeyOutcome | undefined): Uint8Array | undefined {
  if (outcome?.ok === false) throw MendlogError.fromShape(outcome.error);
  return outcome?.frame;
}
