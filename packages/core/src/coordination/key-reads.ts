/**
 * Coordinates reads of keys: asks R replicas who holds each, gives those that lack it the record, and answers when R
 * replicas hold it, so that no later quorum read can miss what this one answers (Attiya, Bar-Noy and Dolev).
 *
 *   submit --> [ ask R replicas: one for records too --> missing records --> repair ] --> answer
 *
 * A replica that is given a record has to flush it. One more is asked meanwhile: where it holds the record already, R
 * replicas do, and nobody waits for the flush.
 *
 * What is asked in one turn of the event loop goes out together, a round for each set of replicas. While many rounds are
 * under way what comes waits, and so gathers. "Absent"
 * is an answer; a replica that does not know, fails or is slow is replaced by another one as long as
 * there are any. A synchronous state machine: events are its methods, what it wants done are calls of its
 * ports.
 */
import { answersNeeded, type Level } from '../consistency.js';
import { type ErrorShape, MendlogError, toMendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { compareHoldings } from '../protocol/key-claims.js';
import { checkRecordKey } from '../record-key.js';
import { tooMany, WaitingLine } from '../waiting-line.js';
import { type Caller, callerGone, lastDeadlineMs, PATIENT } from './caller.js';
import { replicaSetOf } from './group-commit.js';
import { type Gift, giftsOf } from './key-gifts.js';
import type { KeyAnswers, KeyQuestion, KeyReadPorts } from './key-read-ports.js';
import { isHeldBy, type Winner, winnerOf } from './key-winner.js';
import { Speculation } from './speculation.js';

/** blocking: before the answer; async: after it; off: not at all. */
export type ReadRepairMode = 'blocking' | 'async' | 'off';

export type KeyOutcome =
  | {
      readonly ok: true;
      /** The record that holds the key, a tombstone where it was deleted; undefined where nothing does. */
      readonly frame: Uint8Array | undefined;
      /** An asked replica lacked it. It has been given it, or was sent it while as many others hold it. */
      readonly repaired: boolean;
    }
  | { readonly ok: false; readonly error: ErrorShape };

export interface KeyReadRequest {
  readonly questions: readonly KeyQuestion[];
  readonly levelOf: (partition: string) => Level;
  readonly repair: ReadRepairMode;
  /** Bytes of records after which the other keys are refused as TOO_LARGE, to be read again; no limit unless told. */
  readonly bytesMax?: number | undefined;
  /** Who waits for the outcomes; a patient one unless told. */
  readonly caller?: Caller | undefined;
}

/** It failed to answer, or did not know; or its store is new. */
type Exclusion = 'failed' | 'no vote';

interface PendingRead {
  readonly question: KeyQuestion;
  readonly caller: Caller;
  readonly primaries: readonly string[];
  readonly needed: number;
  readonly repair: ReadRepairMode;
  /** Replicas that do not count, and why. */
  readonly excluded: ReadonlyMap<string, Exclusion>;
  /** Its request has been answered with as many bytes as it may be. */
  readonly isOverfull: () => boolean;
  readonly end: (outcome: KeyOutcome) => void;
}

interface Round {
  readonly id: number;
  reads: PendingRead[];
  readonly replicas: readonly string[];
  readonly needed: number;
  readonly repair: ReadRepairMode;
  /** The last one of its reads. */
  readonly deadlineMs: number;
  readonly excluded: Map<string, Exclusion>;
  /** Asks that are not answered, by number, in this phase. */
  readonly waiting: Map<number, Ask>;
  readonly answers: Map<string, KeyAnswers>;
  phase: 'asking' | 'fetching' | 'repairing';
  /** Of each read, in order. */
  winners: (Winner | undefined)[];
  /** It counts no more among those under way. */
  isReleased: boolean;
}

interface Ask {
  readonly round: Round;
  readonly node: string;
  readonly sinceMs: number;
  /** What it is about. */
  readonly reads: readonly PendingRead[];
  /** Of one replica more, while others are given what they lack. */
  readonly isExtra?: true;
}

export class KeyReads {
  readonly #ports: KeyReadPorts;
  readonly #queue = new WaitingLine<PendingRead>({
    itemsMax: LIMITS.readQueueMax,
    bytesMax: LIMITS.readQueueBytesMax,
    waitMsMax: LIMITS.queueWaitMsMax,
    refusal: tooMany('reads'),
  });
  readonly #speculation = new Speculation();
  readonly #rounds = new Map<number, Round>();
  readonly #asks = new Map<number, Ask>();
  /** Gifts that are under way still, of reads that did not have to wait for them. */
  readonly #unawaited = new Set<number>();
  /** Reads that are not answered: queued, or in a round. */
  #open = 0;
  /** Rounds that are not slow. */
  #underWay = 0;
  #nextRound = 1;
  #nextAsk = 1;
  #isScheduled = false;

  constructor(ports: KeyReadPorts) {
    this.#ports = ports;
  }

  /** Rounds that have asked one replica more than they needed, since one was late. */
  get speculative(): number {
    return this.#speculation.made;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** More comes than goes: what is less important than reads is to wait. */
  get isOverloaded(): boolean {
    return this.#queue.stands;
  }

  /** Calls back once, with an outcome for each question in order. */
  submit(request: KeyReadRequest, answer: (outcomes: KeyOutcome[]) => void): void {
    const { questions, levelOf, repair, bytesMax = Number.POSITIVE_INFINITY, caller = PATIENT } = request;
    const outcomes = new Array<KeyOutcome>(questions.length);
    let open = questions.length;
    let bytes = 0;
    const isOverfull = () => bytes >= bytesMax;
    if (open === 0) answer(outcomes);
    for (const [index, question] of questions.entries()) {
      const finish = (outcome: KeyOutcome) => {
        const length = outcome.ok ? (outcome.frame?.length ?? 0) : 0;
        outcomes[index] = length > 0 && isOverfull() ? TOO_MUCH : outcome;
        bytes += length;
        if (--open === 0) answer(outcomes);
      };
      const end = (outcome: KeyOutcome) => {
        this.#open--;
        finish(outcome);
      };
      try {
        const nowMs = this.#ports.elapsedMs();
        const underWay = this.#open - this.#queue.length;
        if (!this.#queue.hasRoom(bytesOf(question), underWay)) throw this.#queue.refusal(nowMs);
        // One that no store can look up would spoil the round that it is asked in.
        checkRecordKey(question.key);
        const primaries = this.#ports.primaries(question.partition);
        const needed = answersNeeded(levelOf(question.partition), primaries.length);
        const read = { question, caller, primaries, needed, repair, excluded: NOBODY, isOverfull, end };
        this.#queue.add(read, bytesOf(question), nowMs);
        this.#open++;
      } catch (thrown) {
        finish(failureOf(thrown));
      }
    }
    this.#schedule();
  }

  pump(): void {
    this.#isScheduled = false;
    while (
      this.#queue.length > 0 &&
      this.#underWay < LIMITS.readRoundsMax &&
      this.#rounds.size < LIMITS.unansweredReadRoundsMax
    )
      for (const reads of this.#takeAlike()) this.#begin(reads);
    this.#queue.turned(this.#ports.elapsedMs());
  }

  /** The oldest reads that fit one ask, by the round that each belongs to. */
  #takeAlike(): Iterable<PendingRead[]> {
    const rounds = new Map<string, PendingRead[]>();
    for (let count = 0; count < LIMITS.rangesMax; ) {
      const read = this.#queue.takeOldest();
      if (read === undefined) break;
      if (read.isOverfull() || read.caller.isGone) {
        read.end(read.caller.isGone ? GONE : TOO_MUCH);
        continue;
      }
      count++;
      const excluded = [...read.excluded.keys()].join('\n');
      const id = `${read.needed} ${read.repair} ${excluded} ${replicaSetOf(read.primaries)}`;
      const together = rounds.get(id);
      if (together === undefined) rounds.set(id, [read]);
      else together.push(read);
    }
    return rounds.values();
  }

  answered(id: number, answers: KeyAnswers): void {
    const ask = this.#take(id);
    if (ask === undefined) return;
    const { round, node, reads } = ask;
    // Of those beyond what is needed only the quick ones are waited for: they would say that all are quick.
    if (node !== this.#ports.self && !ask.isExtra) this.#speculation.answered(ask, this.#ports.elapsedMs());
    if (this.#isGivenUp(round)) return;
    if (ask.isExtra) this.#extraAnswered(ask, answers);
    else if (answers.states.length !== reads.length) this.#leave(ask);
    else if (round.phase === 'fetching') this.#fetched(ask, answers);
    else {
      round.answers.set(node, answers);
      if (round.answers.size >= round.needed) this.#merge(round);
    }
  }

  /** A node did not answer, or did not store what it was given. */
  failed(id: number): void {
    this.#unawaited.delete(id);
    const ask = this.#take(id);
    if (ask === undefined || ask.isExtra || this.#isGivenUp(ask.round)) return;
    this.#leave(ask);
  }

  given(id: number): void {
    this.#unawaited.delete(id);
    const ask = this.#take(id);
    if (ask === undefined) return;
    const { round, reads } = ask;
    for (const [i, read] of round.reads.entries()) {
      const winner = round.winners[i];
      if (winner !== undefined && reads.includes(read)) winner.repaired = true;
    }
    this.#goOn(round);
  }

  /** Those asked take long: one more may be asked, if there is one, and other rounds do not wait for this one. */
  isSlow(id: number): void {
    const round = this.#rounds.get(id);
    if (round === undefined || this.#isGivenUp(round)) return;
    this.#release(round);
    if (round.phase !== 'asking') return;
    const [node] = this.#usable(round);
    if (node === undefined || !this.#speculation.isDue(round.waiting.values(), this.#ports.elapsedMs()))
      return;
    this.#ask({ round, node, reads: round.reads }, true);
  }

  /** A node has another store than before: nobody holds what the one before has told of. Such reads are made anew. */
  storeReplaced(node: string): void {
    for (const round of [...this.#rounds.values()]) {
      const isAsked = [...round.waiting.values()].some((ask) => ask.node === node);
      if (!isAsked && !round.answers.has(node)) continue;
      this.#again(round, round.reads, { node, why: 'failed' });
      this.#end(round);
    }
  }

  timeUp(id: number): void {
    const round = this.#rounds.get(id);
    if (round === undefined) return;
    const needed = [...round.waiting.values()].filter(({ isExtra }) => !isExtra);
    const waiting = needed.map(({ node }) => node).join(', ');
    const error = new MendlogError('READ_TIMEOUT', `${waiting} did not answer in time`).toShape();
    for (const { end } of round.reads) end({ ok: false, error });
    this.#end(round);
  }

  /** Nobody waits for any read of the round: it ends, and nothing more is asked or repaired for it. */
  #isGivenUp(round: Round): boolean {
    if (!round.reads.every(({ caller }) => caller.isGone)) return false;
    for (const { end } of round.reads) end(GONE);
    this.#end(round);
    return true;
  }

  #schedule(): void {
    if (this.#queue.length === 0 || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#ports.schedule();
  }

  #begin(reads: PendingRead[]): void {
    const [{ primaries, needed, repair, excluded }] = reads as [PendingRead];
    const round: Round = {
      id: this.#nextRound++,
      reads,
      replicas: primaries,
      needed,
      repair,
      deadlineMs: lastDeadlineMs(reads),
      excluded: new Map(excluded),
      waiting: new Map(),
      answers: new Map(),
      phase: 'asking',
      winners: [],
      isReleased: false,
    };
    this.#underWay++;
    this.#rounds.set(round.id, round);
    this.#speculation.begun();
    const { lateAfterMs } = this.#speculation;
    this.#ports.startTimers(round.id, { lateAfterMs, deadlineMs: round.deadlineMs });
    this.#askMore(round, needed);
  }

  #usable(round: Round): string[] {
    const { self } = this.#ports;
    const asked = new Set([...round.waiting.values()].map(({ node }) => node));
    const isVoter = (node: string) =>
      round.reads.every(({ question }) => this.#ports.votes(question.partition, node));
    // Those that may have no vote last, and else this node first: its records are at hand.
    const rankOf = (node: string) => (isVoter(node) ? (node === self ? 0 : 1) : 2);
    return round.replicas
      .filter((node) => this.#ports.isAlive(node) && !round.excluded.has(node))
      .filter((node) => !asked.has(node) && !round.answers.has(node))
      .map((node) => ({ node, rank: rankOf(node) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ node }) => node);
  }

  /** Asks so many more; where there are not enough, the reads fail. */
  #askMore(round: Round, count: number): void {
    const usable = this.#usable(round);
    if (usable.length < count) {
      this.#fail(round);
      return;
    }
    const isFirst = round.answers.size === 0 && round.waiting.size === 0;
    for (const [i, node] of usable.slice(0, count).entries())
      this.#ask({ round, node, reads: round.reads }, isFirst && i === 0);
  }

  #ask(what: Omit<Ask, 'sinceMs'>, withRecords: boolean): void {
    const { round, node, reads } = what;
    const id = this.#wait(what);
    const questions = reads.map(({ question }) => question);
    this.#ports.ask(id, node, { questions, withRecords, deadlineMs: round.deadlineMs });
  }

  /** The number of an ask that its round waits for. */
  #wait(what: Omit<Ask, 'sinceMs'>): number {
    const id = this.#nextAsk++;
    const ask = { ...what, sinceMs: this.#ports.elapsedMs() };
    what.round.waiting.set(id, ask);
    this.#asks.set(id, ask);
    return id;
  }

  /** The ask with this number, once; undefined where nobody waits for it any more. */
  #take(id: number): Ask | undefined {
    const ask = this.#asks.get(id);
    if (ask === undefined) return undefined;
    this.#asks.delete(id);
    ask.round.waiting.delete(id);
    return ask;
  }

  #forget(round: Round): void {
    const nowMs = this.#ports.elapsedMs();
    if (round.phase === 'asking')
      for (const ask of round.waiting.values())
        if (ask.node !== this.#ports.self) this.#speculation.givenUp(ask, nowMs);
    for (const id of round.waiting.keys()) this.#asks.delete(id);
    round.waiting.clear();
  }

  /** Somebody else is asked in its place; what it held, or was to be given, is read anew without it. */
  #leave({ round, node, reads }: Ask): void {
    if (round.phase === 'asking') {
      round.excluded.set(node, 'failed');
      if (round.answers.size + round.waiting.size < round.needed) this.#askMore(round, 1);
      return;
    }
    this.#again(round, reads, { node, why: 'failed' });
    this.#goOn(round);
  }

  /** Takes reads out of a round, and reads them anew: without a node, where one is named. */
  #again(round: Round, reads: readonly PendingRead[], without?: { node: string; why: Exclusion }): void {
    const gone = new Set(reads);
    const left = round.reads.flatMap((read, i) => (gone.has(read) ? [] : [i]));
    for (const read of round.reads) {
      if (!gone.has(read)) continue;
      const excluded = new Map([...round.excluded, ...read.excluded]);
      if (without !== undefined) excluded.set(without.node, without.why);
      this.#queue.add({ ...read, excluded }, bytesOf(read.question), this.#ports.elapsedMs());
    }
    round.winners = left.map((i) => round.winners[i]);
    round.reads = left.map((i) => round.reads[i] as PendingRead);
    this.#schedule();
  }

  #goOn(round: Round): void {
    for (const { isExtra } of round.waiting.values()) if (!isExtra) return;
    if (round.phase === 'fetching') this.#repair(round);
    else this.#answer(round);
  }

  #merge(round: Round): void {
    this.#forget(round);
    round.phase = 'fetching';
    round.winners = round.reads.map((_, i) => winnerOf(round.answers, i));
    const { reads } = round;
    // Whoever does not know the holder of a key does not count, nor who has no vote on its partition.
    for (const [node, { states }] of round.answers) {
      const unknown = reads.filter((_, i) => states[i] === 'unknown');
      if (unknown.length > 0) this.#again(round, unknown, { node, why: 'failed' });
      const voteless = reads.filter((_, i) => states[i] === 'no vote');
      if (voteless.length > 0) this.#again(round, voteless, { node, why: 'no vote' });
    }
    const unread = new Map<string, PendingRead[]>();
    for (const [i, winner] of round.winners.entries()) {
      if (winner === undefined || winner.frame !== undefined) continue;
      const read = round.reads[i] as PendingRead;
      unread.set(winner.holder, [...(unread.get(winner.holder) ?? []), read]);
    }
    for (const [node, wanted] of unread) this.#ask({ round, node, reads: wanted }, true);
    this.#goOn(round);
  }

  /**
   * The holder may hold something newer by now, which nobody else has then, or nothing. An answer has room for so
   * many records: those behind the last that it gives are read anew, together with what has come meanwhile. They
   * get nearer to the front each time, so this ends.
   */
  #fetched({ round, node, reads }: Ask, { states, frames }: KeyAnswers): void {
    const unread: PendingRead[] = [];
    const leftOut: PendingRead[] = [];
    const last = lastGiven(frames);
    for (const [i, read] of reads.entries()) {
      const at = round.reads.indexOf(read);
      const winner = round.winners[at];
      const [holding, frame] = [states[i], frames[i]];
      if (winner === undefined) continue;
      const isHeld = holding !== undefined && typeof holding !== 'string';
      const order = isHeld ? compareHoldings(holding, winner.holding) : -1;
      if (order < 0) unread.push(read);
      else if (frame === undefined) (last !== -1 && i > last ? leftOut : unread).push(read);
      else if (isHeld) {
        const others = [...round.answers.keys()].filter((other) => other !== node);
        const lacking = order === 0 ? winner.lacking : others;
        round.winners[at] = { ...winner, holding, frame, lacking };
      }
    }
    if (unread.length > 0) this.#again(round, unread, { node, why: 'failed' });
    if (leftOut.length > 0) this.#again(round, leftOut);
    this.#goOn(round);
  }

  #repair(round: Round): void {
    round.phase = 'repairing';
    const gifts = round.repair === 'off' ? NO_GIFTS : giftsOf(round);
    const isAwaited = round.repair === 'blocking';
    const numbered = gifts.map(({ node, reads, groups }) => {
      const id = isAwaited ? this.#wait({ round, node, reads }) : this.#nextAsk++;
      return { id, node, groups };
    });
    for (const { id, node, groups } of numbered) this.#ports.give(id, node, groups);
    if (round.waiting.size === 0) this.#answer(round);
    else this.#askExtra(round);
  }

  /** Where each record is lacked by one replica, one that was not asked yet may make up for it, for all or for none. */
  #askExtra(round: Round): void {
    // Nobody slows down for a replica that takes its gifts slowly: then reads wait for it again.
    if (this.#unawaited.size >= LIMITS.unansweredReadRoundsMax) return;
    const lacked = round.reads.filter((_, i) => (round.winners[i]?.lacking.length ?? 0) > 0);
    if (round.winners.some((winner) => (winner?.lacking.length ?? 0) > 1)) return;
    const [node] = this.#usable(round);
    if (node !== undefined) this.#ask({ round, node, reads: lacked, isExtra: true }, false);
  }

  #extraAnswered({ round, reads }: Ask, answers: KeyAnswers): void {
    for (const [i, read] of reads.entries()) {
      const winner = round.winners[round.reads.indexOf(read)];
      // Read anew by now, or on as many replicas as it has to be.
      if (winner === undefined || winner.repaired) continue;
      if (!isHeldBy(answers, i, winner.holding)) return;
    }
    for (const winner of round.winners) if (winner?.lacking.length === 1) winner.repaired = true;
    for (const id of round.waiting.keys()) this.#unawaited.add(id);
    this.#answer(round);
  }

  #answer(round: Round): void {
    for (const [i, { end }] of round.reads.entries()) {
      const winner = round.winners[i];
      end({ ok: true, frame: winner?.frame, repaired: winner?.repaired ?? false });
    }
    this.#end(round);
  }

  #fail(round: Round): void {
    const { excluded, needed, replicas } = round;
    const missing = replicas.filter((node) => excluded.has(node) || !this.#ports.isAlive(node));
    const withoutVote = missing.filter((node) => excluded.get(node) === 'no vote');
    const [code, why] = [...excluded.values()].includes('failed')
      ? (['READ_TIMEOUT', 'did not answer, or cannot read what they hold'] as const)
      : withoutVote.length > 0
        ? (['UNAVAILABLE', 'cannot be reached, or have a new store that has no vote yet'] as const)
        : (['UNAVAILABLE', 'cannot be reached'] as const);
    const message = `${needed} replicas are needed and ${missing.join(', ')} ${why}`;
    const error = new MendlogError(code, message, { details: { needed, missing, withoutVote } }).toShape();
    for (const { end } of round.reads) end({ ok: false, error });
    this.#end(round);
  }

  #end(round: Round): void {
    this.#forget(round);
    this.#ports.stopTimers(round.id);
    this.#rounds.delete(round.id);
    this.#release(round);
    this.#schedule();
  }

  #release(round: Round): void {
    if (round.isReleased) return;
    round.isReleased = true;
    this.#underWay--;
    this.#schedule();
  }
}

function bytesOf({ partition, key }: KeyQuestion): number {
  return partition.length + key.length;
}

const NOBODY: ReadonlyMap<string, Exclusion> = new Map();
const NO_GIFTS: readonly Gift<PendingRead>[] = [];
/** The place of the last record that there is; -1 where there is none. */
function lastGiven(frames: KeyAnswers['frames']): number {
  let last = frames.length - 1;
  while (last >= 0 && frames[last] === undefined) last--;
  return last;
}

const TOO_MUCH: KeyOutcome = failureOf(
  new MendlogError('TOO_LARGE', 'the records of one read are over its limit: read this key again'),
);

const GONE: KeyOutcome = failureOf(callerGone());

function failureOf(thrown: unknown): KeyOutcome {
  return { ok: false, error: toMendlogError(thrown).toShape() };
}
