/**
 * Coordinates writes: gathers what waits into a group commit, gives it versions, has it stored here and on
 * the other primaries, and answers each request when enough replicas have flushed it.
 *
 *   submit --> queue --> [ counter round --> versions --> store here | at peers | hints ] --> answer
 *                         \____________ one group commit, several under way ____________/
 *
 * A synchronous state machine: events are its methods, what it wants done are calls of its ports. A write
 * joins only a round that begins after the write arrived: the group is closed before its round begins. Rounds
 * overlap and may end in any order; versions are given in the order of the groups, so that what a client sends
 * one after another is ordered as it was sent. A commit that comes while nothing else is under way goes without a
 * round: see proposal.ts.
 */
import { acknowledgementsNeeded, majorityOf, type WriteLevel } from '../consistency.js';
import { type ErrorCode, MendlogError, toMendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { ApplyResult, HintBatch } from '../ports/store.js';
import { BufferViews } from '../protocol/buffer-views.js';
import { itemStart, type PackedGroup } from '../protocol/packed.js';
import type { ReplicaAnswer, WriteQuorum } from '../quorum/write-quorum.js';
import { checkFrame, draftFloor, isStamped, stampDraft, unstampDraft } from '../record.js';
import { tooMany, WaitingLine } from '../waiting-line.js';
import { AssignedHeads } from './assigned-heads.js';
import { type Caller, callerGone, lastDeadlineMs, PATIENT } from './caller.js';
import { hintsFor } from './commit-hints.js';
import { CounterRound, type HeadsQuestion, type Hopeless, NO_VOTE } from './counter-round.js';
import {
  type Cohort,
  cohortsOf,
  lastCounterOf,
  type PendingWrite,
  partitionsOf,
  splitCohort,
} from './group-commit.js';
import { ALONE_AFTER_REFUSAL, ALONE_BEFORE_PROPOSAL, canBeProposed, Proposal } from './proposal.js';
import { refusedWrite, type WriteOptions, type WriteOutcome } from './write.js';
import type { WritePorts } from './write-ports.js';

export interface WriteRequest extends Omit<WriteOptions, 'level'> {
  /** Drafts that are checked; they get their versions where they lie, and in a copy if these have to be given anew. */
  readonly groups: readonly PackedGroup[];
  /** The level of a group's partition, where the call has none of its own. */
  readonly levelOf: (partition: string) => WriteLevel;
  /** Who waits for the outcomes; a patient one unless told. */
  readonly caller?: Caller | undefined;
}

interface Commit {
  readonly id: number;
  /** In the order in which they came, which is that of their versions. */
  readonly writes: readonly PendingWrite[];
  cohorts: Cohort[];
  round: CounterRound;
  /** Where it went without a counter round. */
  proposal: Proposal | undefined;
  /** Versions are given. */
  isVersioned: boolean;
  /** Replicas that have not answered yet, this node included. */
  readonly unanswered: Set<string>;
  /** For replicas that were down, stored here with the records. */
  hints: readonly HintBatch[];
  /** It is stored here, or will not be. */
  isDoneHere: boolean;
  /** It counts no more among those under way. */
  isReleased: boolean;
  /** Its writes are answered, and this node is done with them; peers may still answer. */
  isOver: boolean;
}

/** A group of a request, and what is looked up once for all of them. */
interface AskedGroup {
  readonly group: PackedGroup;
  /** Of the whole buffer in which it lies. */
  readonly view: DataView;
  /** How many of these nodes are alive. */
  readonly aliveOf: (nodes: readonly string[]) => number;
}

/** At or below `upTo` a replica takes no write of the partition, and says so with the code. */
interface Watermark {
  readonly code: 'TRIMMED' | 'FENCED';
  readonly partition: string;
  readonly upTo: number;
}

/** With these a replica says that it has stored nothing. UNREACHABLE: nothing was sent. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'DISK_FULL',
  'CLOCK_JUMP',
  'TRIMMED',
  'FENCED',
  'UNREACHABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
]);

export class WriteCoordinator {
  readonly #ports: WritePorts;
  readonly #heads: AssignedHeads;
  readonly #queue = new WaitingLine<PendingWrite>({
    itemsMax: LIMITS.writeQueueGroupsMax,
    bytesMax: LIMITS.writeQueueBytesMax,
    waitMsMax: LIMITS.queueWaitMsMax,
    refusal: tooMany('writes'),
  });
  readonly #commits = new Map<number, Commit>();
  /** In the order of their groups, those without versions. */
  readonly #unversioned: Commit[] = [];
  /** Of the proposal that is not decided yet: the commits behind it get their versions after it. */
  #proposed: Commit | undefined;
  /** Commits in a row that began while no other waited for its outcome; less than none after a refusal. */
  #alone = 0;
  /** The commit that was given versions last. */
  #lastVersioned = 0;
  #underWay = 0;
  #nextCommit = 1;
  #isScheduled = false;
  #isClosed = false;

  constructor(ports: WritePorts) {
    this.#ports = ports;
    this.#heads = new AssignedHeads((partition) => ports.storedHead(partition));
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** More comes than goes: what is less important than writes is to wait. */
  get isOverloaded(): boolean {
    return this.#queue.stands;
  }

  /** Nothing is queued and every replica has answered. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#commits.size === 0;
  }

  /** The highest counter this node knows of: stored, or given to a write that is under way. */
  head(partition: string): number {
    return this.#heads.head(partition);
  }

  /** What this node tells a counter round: its highest counters, or NO_VOTE. */
  tellHeads(partitions: readonly string[]): number[] {
    const { self } = this.#ports;
    return partitions.map((partition) =>
      this.#ports.votes(partition, self) ? this.head(partition) : NO_VOTE,
    );
  }

  /** Calls back once, with an outcome for each group in order. */
  submit(request: WriteRequest, answer: (outcomes: WriteOutcome[]) => void): void {
    const { groups } = request;
    const outcomes = new Array<WriteOutcome>(groups.length);
    let open = groups.length;
    const end = (index: number, outcome: WriteOutcome) => {
      outcomes[index] = outcome;
      if (--open === 0) answer(outcomes);
    };
    if (open === 0) answer(outcomes);
    const nowMs = this.#ports.elapsedMs();
    const views = new BufferViews();
    const aliveOf = this.#aliveCounter();
    for (let index = 0; index < groups.length; index++) {
      const group = groups[index] as PackedGroup;
      try {
        const asked = { group, view: views.of(group), aliveOf };
        const pending = this.#admit(asked, request, (outcome) => end(index, outcome));
        this.#queue.add(pending, group.bytes.length, nowMs);
      } catch (thrown) {
        end(index, refusedWrite(toMendlogError(thrown)));
      }
    }
    if (this.#queue.length > 0 && !this.#isScheduled) {
      this.#isScheduled = true;
      // Everything that arrives in this turn of the event loop joins one commit.
      this.#ports.schedule();
    }
  }

  /** Begins as many group commits as may be under way. */
  pump(): void {
    this.#isScheduled = false;
    while (
      this.#queue.length > 0 &&
      this.#underWay < LIMITS.groupCommitsMax &&
      this.#commits.size < LIMITS.unansweredCommitsMax
    ) {
      const writes = this.#takeGroup();
      if (writes.length > 0) this.#begin(writes);
    }
    this.#queue.turned(this.#ports.elapsedMs());
  }

  headsTold(id: number, question: HeadsQuestion, heads: readonly number[]): void {
    const commit = this.#commits.get(id);
    if (commit === undefined || commit.isVersioned) return;
    if (!this.#learn(question.partitions, heads)) {
      // Counters that cannot be true: as if it had told nothing.
      this.headsFailed(id, question);
      return;
    }
    commit.round.told(question, heads);
    this.#askHeads(commit);
  }

  headsFailed(id: number, question: HeadsQuestion): void {
    const commit = this.#commits.get(id);
    if (commit === undefined || commit.isVersioned) return;
    commit.round.failed(question);
    this.#askHeads(commit);
  }

  /** A replica takes long: everybody is asked for heads, and the next commit does not wait for this one. */
  isSlow(id: number): void {
    const commit = this.#commits.get(id);
    if (commit === undefined) return;
    this.#release(commit);
    if (!commit.isVersioned) this.#askHeads(commit, true);
    if (this.#proposed === commit) this.#goOnBehindProposal();
    this.pump();
  }

  /** What a peer says to a proposal: whether it has a vote on all these partitions, and knows no counter as high. */
  accepts(groups: readonly PackedGroup[]): boolean {
    const { self } = this.#ports;
    const views = new BufferViews();
    return groups.every(
      (group) =>
        this.#ports.votes(group.partition, self) &&
        firstCounterIn(group, views.of(group)) > this.head(group.partition),
    );
  }

  /** A peer has refused a proposal, and stored nothing. */
  proposalRefused(id: number, node: string): void {
    this.#alone = -ALONE_AFTER_REFUSAL;
    const commit = this.#commits.get(id);
    if (commit?.proposal === undefined) return;
    if (commit.proposal.verdict === 'proven') this.#ports.storeAt(commit.id, node, groupsOf(commit, node));
    else {
      commit.proposal.refused(node);
      this.#judge(commit, commit.proposal);
    }
  }

  stored(id: number, node: string, { trimmed, fenced }: Pick<ApplyResult, 'trimmed' | 'fenced'>): void {
    const commit = this.#commits.get(id);
    if (commit === undefined) return;
    if (commit.proposal?.verdict === 'open') this.#prove(commit, commit.proposal, node);
    for (const { partition, fencedTo } of fenced)
      this.#tooLate(commit, node, { code: 'FENCED', partition, upTo: fencedTo });
    for (const { partition, trimmedTo } of trimmed) {
      this.#tooLate(commit, node, { code: 'TRIMMED', partition, upTo: trimmedTo });
      this.#ports.takeOverTrim({ partition, trimmedTo });
    }
    for (const cohort of commit.cohorts) this.#count(cohort, node);
    this.#answered(commit, node);
  }

  /**
   * A trim or a fence came in between: what lies at or below it is not stored there, and no hint may bring it. What is
   * written from now on lies above it.
   */
  #tooLate(commit: Commit, node: string, { code, partition, upTo }: Watermark): void {
    this.#learn([partition], [upTo]);
    const why = `the write came too late: at or below counter ${upTo} nothing new is taken any more`;
    const countApart = (apart: Cohort | undefined, said: ErrorCode) => {
      if (apart === undefined) return;
      commit.cohorts.push(apart);
      this.#count(apart, node, new MendlogError(said, why));
    };
    for (const cohort of commit.cohorts.filter(({ replicas }) => replicas.includes(node))) {
      const isLow = ({ group, firstCounter }: PendingWrite) =>
        group.partition === partition && firstCounter <= upTo;
      countApart(
        splitCohort(cohort, (write) => isLow(write) && lastCounterOf(write) <= upTo),
        code,
      );
      // Of a group that lies on both sides the upper part is there.
      countApart(splitCohort(cohort, isLow), 'WRITE_TIMEOUT');
    }
  }

  notStored(id: number, node: string, failure: MendlogError): void {
    const commit = this.#commits.get(id);
    if (commit === undefined) return;
    if (commit.proposal?.verdict === 'open') {
      commit.proposal.failed(node, failure);
      this.#judge(commit, commit.proposal);
      return;
    }
    for (const cohort of commit.cohorts) this.#count(cohort, node, failure);
    // What was to be carried for others and could not be kept is not tried again: the writer has been told so.
    const hints =
      node === this.#ports.self
        ? commit.hints.filter(({ payload }) => payload === undefined)
        : hintsFor(commit.cohorts, node, this.#ports);
    for (const hint of hints) this.#ports.keepHint(hint);
    this.#answered(commit, node);
  }

  /**
   * A node has another store than before. What the one before has acknowledged is lost with it, and counts no more: writes
   * whose outcome is not known yet do without it, and hints are kept for the new one.
   */
  storeReplaced(node: string): void {
    const failure = new MendlogError(
      'CONNECTION_LOST',
      `${node} has another store than it had when it was asked`,
    );
    for (const commit of [...this.#commits.values()]) {
      if (!commit.isVersioned) continue;
      if (commit.unanswered.has(node)) this.notStored(commit.id, node, failure);
      else if (this.#lose(commit, node, failure)) {
        for (const hint of hintsFor(commit.cohorts, node, this.#ports)) this.#ports.keepHint(hint);
        this.#checkOver(commit);
      }
    }
  }

  timeUp(id: number): void {
    const commit = this.#commits.get(id);
    if (commit === undefined) return;
    for (const cohort of commit.cohorts) {
      cohort.quorum.timeUp();
      this.#settle(cohort);
    }
    this.#checkOver(commit);
  }

  /** Refuses what waits and what comes; what is under way goes on to its end. */
  close(): void {
    this.#isClosed = true;
    const refusal = new MendlogError('CLOSED', 'the node is closing: nothing was written');
    for (const write of this.#queue.takeAll()) write.end(refusal, 0);
  }

  /** To be used at once. Lists of primaries are few, and as a rule the same array each: then each is looked at once. */
  #aliveCounter(): (nodes: readonly string[]) => number {
    const counted = new Map<readonly string[], number>();
    return (nodes) => {
      let alive = counted.get(nodes);
      if (alive === undefined) {
        alive = nodes.filter((node) => this.#ports.isAlive(node)).length;
        counted.set(nodes, alive);
      }
      return alive;
    };
  }

  /** Refuses before anything is queued what could not be written anyway. */
  #admit(
    { group, view, aliveOf }: AskedGroup,
    { levelOf, order = 'real-time', caller = PATIENT }: WriteRequest,
    answer: (outcome: WriteOutcome) => void,
  ): PendingWrite {
    if (this.#isClosed) throw new MendlogError('CLOSED', 'the node is closing');
    if (!this.#queue.hasRoom(group.bytes.length)) throw this.#queue.refusal(this.#ports.elapsedMs());
    const level = levelOf(group.partition);
    const primaries = this.#ports.primaries(group.partition);
    const needed = acknowledgementsNeeded(level, primaries.length);
    const isCarried = level === 'ANY' && !primaries.includes(this.#ports.self);
    if (aliveOf(primaries) + (isCarried ? 1 : 0) < needed) throw this.#unavailable(primaries, needed);
    this.#raiseTo(group, view);
    // Below a majority of acknowledgements there is no real-time order to keep.
    const inRealTime = order === 'real-time' && level !== 'ANY' && needed >= majorityOf(primaries.length);
    const pending: PendingWrite = {
      group,
      caller,
      primaries,
      level,
      needed,
      isCarried,
      inRealTime,
      firstCounter: 0,
      isRefused: false,
      end: (result, acks) => {
        if (result !== 'acknowledged') answer(refusedWrite(result));
        else {
          const { firstCounter } = pending;
          answer({ ok: true, firstCounter, origin: this.#ports.incarnation, acks, level });
        }
      },
    };
    return pending;
  }

  /** Whoever writes has seen a counter, where the draft says so: what it caused is above. */
  #raiseTo({ partition, bytes }: PackedGroup, view: DataView): void {
    const floor = draftFloor(view, bytes.byteOffset);
    if (floor === 0) return;
    // Anybody may say so, and counters are not given back.
    if (floor > this.head(partition) + LIMITS.floorJumpMax) {
      const why = `counter ${floor} is too far ahead of ${this.head(partition)}: nothing was written`;
      throw new MendlogError('CLOCK_JUMP', why);
    }
    this.#heads.raise(partition, floor);
  }

  #unavailable(primaries: readonly string[], needed: number): MendlogError {
    const missing = primaries.filter((node) => !this.#ports.isAlive(node));
    return new MendlogError(
      'UNAVAILABLE',
      `${needed} replicas are needed and ${missing.join(', ')} cannot be reached: nothing was written`,
      { details: { needed, missing } },
    );
  }

  #withoutMajority({ cohort: { replicas }, withoutVote }: Hopeless): MendlogError {
    const missing = replicas.filter((node) => !this.#ports.isAlive(node));
    const why =
      withoutVote.length === 0 ? '' : `: ${withoutVote.join(', ')} lost its store and has no vote yet`;
    return new MendlogError('UNAVAILABLE', `no majority told its counters${why}: nothing was written`, {
      details: { needed: majorityOf(replicas.length), missing, withoutVote },
    });
  }

  /** The oldest writes that fit one commit. Those whose caller has gone are refused on the way. */
  #takeGroup(): PendingWrite[] {
    const taken: PendingWrite[] = [];
    const gone: PendingWrite[] = [];
    let bytes = 0;
    let records = 0;
    for (let write = this.#queue.oldest; write !== undefined; write = this.#queue.oldest) {
      const { group, caller } = write;
      const isGone = caller.isGone;
      const fits =
        bytes + group.bytes.length <= LIMITS.batchBytesTarget &&
        records + group.ends.length <= LIMITS.batchRecordsMax;
      if (!isGone && taken.length > 0 && !fits) break;
      this.#queue.takeOldest();
      if (isGone) gone.push(write);
      else {
        bytes += group.bytes.length;
        records += group.ends.length;
        taken.push(write);
      }
    }
    for (const { end } of gone) end(callerGone(), 0);
    return taken;
  }

  #begin(writes: readonly PendingWrite[]): void {
    const cohorts = cohortsOf(writes, this.#ports);
    const proposal = this.#proposalFor(cohorts);
    const commit: Commit = {
      id: this.#nextCommit++,
      writes,
      cohorts,
      round: new CounterRound(proposal === undefined ? cohorts : [], this.#ports),
      proposal,
      isVersioned: false,
      unanswered: new Set(),
      hints: [],
      isDoneHere: false,
      isReleased: false,
      isOver: false,
    };
    this.#commits.set(commit.id, commit);
    this.#unversioned.push(commit);
    this.#underWay++;
    this.#ports.startTimer(commit.id, 'slow');
    this.#askHeads(commit);
  }

  #askHeads(commit: Commit, everybody = false): void {
    const questions = commit.round.ask((node) => this.#ports.isAlive(node), everybody);
    this.#refuse(
      commit,
      new Map(
        commit.round.takeHopeless().map((hopeless) => [hopeless.cohort, this.#withoutMajority(hopeless)]),
      ),
    );
    const deadlineMs = lastDeadlineMs(commit.writes);
    for (const question of questions) this.#ports.askHeads(commit.id, question, deadlineMs);
    this.#goOn(commit);
  }

  #proposalFor(cohorts: readonly Cohort[]): Proposal | undefined {
    const { self } = this.#ports;
    const isAlone =
      this.#proposed === undefined &&
      this.#unversioned.length === 0 &&
      [...this.#commits.values()].every(isAnswered);
    this.#alone = isAlone ? this.#alone + 1 : Math.min(0, this.#alone);
    const [cohort, ...others] = cohorts;
    if (this.#alone < ALONE_BEFORE_PROPOSAL || cohort === undefined || others.length > 0) return undefined;
    if (!canBeProposed(cohort, this.#ports)) return undefined;
    const peers = cohort.replicas.filter((node) => node !== self);
    return new Proposal(peers, (failure) => answerOf(failure) !== 'refused');
  }

  /** A peer has accepted it: from now on it is a commit as any other. */
  #prove(commit: Commit, proposal: Proposal, node: string): void {
    proposal.accepted(node);
    this.#ports.storeHere(commit.id, groupsOf(commit, this.#ports.self), commit.hints);
    for (const peer of proposal.refusers) this.#ports.storeAt(commit.id, peer, groupsOf(commit, peer));
    for (const [peer, failure] of proposal.failures) this.notStored(commit.id, peer, failure);
    if (this.#proposed === commit) this.#goOnBehindProposal();
  }

  #judge(commit: Commit, proposal: Proposal): void {
    const { verdict } = proposal;
    if (verdict === 'open') return;
    if (verdict === 'unknown') this.#leaveInDoubt(commit, proposal);
    else if (isAnswered(commit) || this.#lastVersioned > commit.id) this.#refuseProposed(commit);
    else this.#beginAnew(commit);
    if (this.#proposed === commit) this.#goOnBehindProposal();
  }

  /** It lies nowhere: its versions are given again, after a counter round, before those of the commits behind it. */
  #beginAnew(commit: Commit): void {
    commit.proposal = undefined;
    commit.isVersioned = false;
    commit.unanswered.clear();
    commit.round = new CounterRound(commit.cohorts, this.#ports);
    for (const write of commit.writes) write.group = unstamped(write.group);
    this.#unversioned.unshift(commit);
    this.#proposed = undefined;
    this.#ports.stopTimers(commit.id);
    this.#ports.startTimer(commit.id, 'slow');
    this.#askHeads(commit);
  }

  /** It lies nowhere, and those behind it have gone ahead while it was slow, or its writers are answered. */
  #refuseProposed(commit: Commit): void {
    const why = 'replicas know of higher counters, and later writes have gone ahead: nothing was written';
    this.#endProposed(commit, 'refused', new MendlogError('UNAVAILABLE', why));
  }

  /** A peer may have it: it is not stored here, and no hint can be kept. */
  #leaveInDoubt(commit: Commit, { failures }: Proposal): void {
    this.#endProposed(
      commit,
      'failed',
      [...failures.values()].find((failure) => answerOf(failure) === 'failed'),
    );
    this.#ports.mayDiffer(partitionsOf(commit.writes));
  }

  #endProposed(commit: Commit, answer: 'refused' | 'failed', failure: MendlogError | undefined): void {
    for (const cohort of commit.cohorts) {
      for (const node of cohort.replicas) cohort.quorum.answer(node, answer);
      this.#settle(cohort, failure);
    }
    commit.unanswered.clear();
    commit.isDoneHere = true;
    this.#checkOver(commit);
  }

  #goOnBehindProposal(): void {
    this.#proposed = undefined;
    this.#giveVersionsInTurn();
  }

  /** Versions are given as soon as the round is over, to this commit and to those that wait behind it. */
  #goOn(commit: Commit): void {
    if (commit.round.isOver) this.#giveVersionsInTurn();
  }

  #giveVersionsInTurn(): void {
    for (
      let first = this.#unversioned[0];
      first?.round.isOver && this.#proposed === undefined;
      first = this.#unversioned[0]
    ) {
      this.#unversioned.shift();
      first.isVersioned = true;
      this.#lastVersioned = first.id;
      this.#refuseGone(first);
      this.#refuseUnreachable(first);
      this.#giveVersions(first);
      if (first.proposal !== undefined && first.cohorts.length > 0) this.#proposed = first;
      this.#replicate(first);
    }
  }

  /** Whether these counters can be those of a peer; then they are known here too. */
  #learn(partitions: readonly string[], heads: readonly number[]): boolean {
    if (heads.length !== partitions.length || !heads.every(Number.isSafeInteger)) return false;
    try {
      for (const [i, partition] of partitions.entries()) this.#heads.raise(partition, heads[i] as number);
      return true;
    } catch {
      return false;
    }
  }

  /** Callers may have gone while the counters were asked for: nothing is written yet. */
  #refuseGone(commit: Commit): void {
    const gone = commit.writes.filter(({ isRefused, caller }) => !isRefused && caller.isGone);
    if (gone.length > 0) this.#refuseSome(commit, new Set(gone), callerGone());
  }

  /** Replicas may have gone since the writes were admitted: nothing is written yet. */
  #refuseUnreachable(commit: Commit): void {
    const refusals = new Map<Cohort, MendlogError>();
    for (const cohort of commit.cohorts) {
      const { replicas, quorum, isCarried } = cohort;
      const alive = replicas.filter((node) => this.#ports.isAlive(node)).length + (isCarried ? 1 : 0);
      if (alive < quorum.needed) refusals.set(cohort, this.#unavailable(replicas, quorum.needed));
    }
    this.#refuse(commit, refusals);
  }

  /** Takes cohorts out of their commit, before versions are given. */
  #refuse(commit: Commit, refusals: ReadonlyMap<Cohort, MendlogError>): void {
    if (refusals.size === 0) return;
    commit.cohorts = commit.cohorts.filter((cohort) => !refusals.has(cohort));
    for (const [{ writes }, refusal] of refusals) for (const write of writes) refuseWrite(write, refusal);
  }

  /** The caller has submitted the same bytes twice: as long as they had no version, nobody could tell. */
  #refuseStamped(commit: Commit, write: PendingWrite): void {
    const why = 'these drafts are those of another write: nothing was written';
    this.#refuseSome(commit, new Set([write]), new MendlogError('MALFORMED', why));
  }

  /** Takes writes out of their commit, before versions are given to them. */
  #refuseSome(commit: Commit, refused: ReadonlySet<PendingWrite>, refusal: MendlogError): void {
    for (const cohort of commit.cohorts) cohort.writes = cohort.writes.filter((write) => !refused.has(write));
    commit.cohorts = commit.cohorts.filter(({ writes }) => writes.length > 0);
    for (const write of refused) refuseWrite(write, refusal);
  }

  #giveVersions(commit: Commit): void {
    const timeMs = this.#ports.nowMs();
    const origin = this.#ports.incarnation;
    const views = new BufferViews();
    for (const write of commit.writes) {
      if (write.isRefused) continue;
      const { partition, bytes, ends } = write.group;
      const view = views.of(write.group);
      let at = bytes.byteOffset;
      if (isStamped(view, at)) {
        this.#refuseStamped(commit, write);
        continue;
      }
      write.firstCounter = this.#heads.take(partition, ends.length);
      for (let i = 0; i < ends.length; i++) {
        stampDraft(view, at, { counter: write.firstCounter + i, origin }, timeMs);
        at = bytes.byteOffset + (ends[i] as number);
      }
    }
  }

  #replicate(commit: Commit): void {
    const { self } = this.#ports;
    const replicas = new Set(commit.cohorts.flatMap(({ replicas }) => replicas));
    if (replicas.size > 0) this.#ports.startTimer(commit.id, 'time-up');
    const down = [...replicas].filter((node) => !this.#ports.isAlive(node));
    for (const node of replicas) if (!down.includes(node)) commit.unanswered.add(node);
    // Known to be down: its hint is written with the records themselves.
    commit.hints = down.flatMap((node) => hintsFor(commit.cohorts, node, this.#ports));
    if (commit.hints.some(({ payload }) => payload !== undefined)) commit.unanswered.add(self);
    for (const { isCarried, quorum, replicas: all } of commit.cohorts)
      if (isCarried && !all.some((node) => down.includes(node))) quorum.answer(self, 'refused');
    commit.isDoneHere = !commit.unanswered.has(self);
    // As a rule all replicas are given the same: then it is the same array.
    const [first, ...others] = commit.cohorts;
    const same = first && others.length === 0 ? groupsOf(commit, first.replicas[0] ?? '') : undefined;
    const groupsFor = (node: string) =>
      same !== undefined && first?.replicas.includes(node) ? same : groupsOf(commit, node);
    const isProposed = commit.proposal !== undefined;
    for (const node of [...commit.unanswered]) {
      if (node === self) continue;
      if (isProposed) this.#ports.proposeAt(commit.id, node, groupsFor(node));
      else this.#ports.storeAt(commit.id, node, groupsFor(node));
    }
    if (!commit.isDoneHere && !isProposed) this.#ports.storeHere(commit.id, groupsFor(self), commit.hints);
    for (const node of down) {
      const failure = new MendlogError('UNREACHABLE', `node ${node} is not alive`);
      for (const cohort of commit.cohorts) this.#count(cohort, node, failure, false);
    }
    this.#checkOver(commit);
  }

  #count(cohort: Cohort, node: string, failure?: MendlogError, isAsked = true): void {
    const { self } = this.#ports;
    const isKept = cohort.isCarried && node === self && failure === undefined;
    if (isKept && cohort.quorum.verdict === 'waiting') cohort.isKept = true;
    const answer = answerOf(failure);
    // Where this node carries a write, what a replica has refused is kept for it in a hint, and may still surface.
    const mayComeStill = isAsked && node !== self && !cohort.replicas.includes(self);
    cohort.quorum.answer(node, answer === 'refused' && mayComeStill ? 'failed' : answer);
    this.#settle(cohort, failure);
  }

  /** Whether the acknowledgement of a node counted toward an outcome that is not known yet; it does so no more. */
  #lose(commit: Commit, node: string, failure: MendlogError): boolean {
    let isLost = false;
    for (const cohort of commit.cohorts) {
      if (!cohort.quorum.lose(node)) continue;
      isLost = true;
      this.#settle(cohort, failure);
    }
    return isLost;
  }

  /** Answers the writes of a cohort once its outcome is known. */
  #settle(cohort: Cohort, failure?: MendlogError): void {
    const { quorum, writes } = cohort;
    if (quorum.verdict === 'waiting' || cohort.isSettled) return;
    cohort.isSettled = true;
    const result =
      quorum.verdict === 'acknowledged'
        ? 'acknowledged'
        : quorum.verdict === 'refused' && failure !== undefined
          ? failure
          : unknownOutcome(quorum, failure);
    const acks = quorum.acks - (cohort.isKept ? 1 : 0);
    for (const write of writes) write.end(result, acks);
  }

  #answered(commit: Commit, node: string): void {
    commit.unanswered.delete(node);
    if (node === this.#ports.self) commit.isDoneHere = true;
    this.#checkOver(commit);
  }

  /** The next commit may begin when all is answered and stored here; slow peers go on by themselves. */
  #checkOver(commit: Commit): void {
    if (isAnswered(commit) && commit.isDoneHere && !commit.isOver) {
      commit.isOver = true;
      this.#ports.stopTimers(commit.id);
      this.#release(commit);
    }
    if (commit.isOver && commit.unanswered.size === 0) this.#commits.delete(commit.id);
    this.pump();
  }

  #release(commit: Commit): void {
    if (commit.isReleased) return;
    commit.isReleased = true;
    this.#underWay--;
  }
}

/** Each of its writes has its outcome. */
function isAnswered({ isVersioned, cohorts }: Commit): boolean {
  return isVersioned && cohorts.every(({ quorum }) => quorum.verdict !== 'waiting');
}

function refuseWrite(write: PendingWrite, refusal: MendlogError): void {
  write.isRefused = true;
  write.end(refusal, 0);
}

/** Of a group as a peer is sent it; the view is of the whole buffer in which it lies. Throws MALFORMED. */
function firstCounterIn({ bytes, ends }: PackedGroup, view: DataView): number {
  return checkFrame(view, bytes.byteOffset, bytes.byteOffset + (ends[0] ?? 0));
}

/** Drafts again, in bytes of their own. */
function unstamped(group: PackedGroup): PackedGroup {
  const bytes = group.bytes.slice();
  for (let i = 0; i < group.ends.length; i++) unstampDraft(bytes, itemStart(group, i));
  return { ...group, bytes };
}

function groupsOf({ cohorts }: Commit, node: string): PackedGroup[] {
  const groups: PackedGroup[] = [];
  for (const { replicas, writes } of cohorts)
    if (replicas.includes(node)) for (const { group } of writes) groups.push(group);
  return groups;
}

function answerOf(failure: MendlogError | undefined): Exclude<ReplicaAnswer, 'pending'> {
  if (failure === undefined) return 'acknowledged';
  return REFUSALS.has(failure.code) ? 'refused' : 'failed';
}

function unknownOutcome(quorum: WriteQuorum, failure: MendlogError | undefined): MendlogError {
  const why = failure === undefined ? 'time is up' : failure.message;
  return new MendlogError(
    'WRITE_TIMEOUT',
    `outcome unknown: ${quorum.acks} of ${quorum.needed} replicas acknowledged (${why})`,
    { details: { acks: quorum.acks, needed: quorum.needed } },
  );
}
