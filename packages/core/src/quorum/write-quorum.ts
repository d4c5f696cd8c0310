/**
 * The write accumulator: one write, its replicas' answers, and what they amount to.
 *
 * Pure: events in, state out. An acknowledgement means that the replica has flushed the record.
 * Once decided the verdict stays; later answers still tell which replicas need a hint.
 *
 *   waiting --acks = needed--> acknowledged
 *           --every replica refused------------------------------------> refused
 *           --so many failed that needed is out of reach, or time is up--> unknown
 *
 * There is no "failed": a write that was sent may surface later, so short of its level its
 * outcome is unknown, unless each replica has said that it stored nothing (as on a full disk).
 * While all answers say so, the last one is waited for even when the level is out of reach.
 * A write that cannot reach its level is refused before it is sent.
 */

export type WriteVerdict = 'waiting' | 'acknowledged' | 'refused' | 'unknown';
export type ReplicaAnswer = 'pending' | 'acknowledged' | 'refused' | 'failed';

export class WriteQuorum {
  readonly needed: number;
  readonly #answers = new Map<string, ReplicaAnswer>();
  #acks = 0;
  #refusals = 0;
  #pending: number;
  #verdict: WriteVerdict = 'waiting';

  /** `replicas` are those the write was sent to. */
  constructor(replicas: readonly string[], needed: number) {
    this.needed = needed;
    this.#pending = replicas.length;
    for (const replica of replicas) this.#answers.set(replica, 'pending');
    this.#decide();
  }

  /** Goes on by itself from what is known now. */
  copy(): WriteQuorum {
    const copy = new WriteQuorum([], this.needed);
    for (const [replica, answer] of this.#answers) copy.#answers.set(replica, answer);
    copy.#acks = this.#acks;
    copy.#refusals = this.#refusals;
    copy.#pending = this.#pending;
    copy.#verdict = this.#verdict;
    return copy;
  }

  get verdict(): WriteVerdict {
    return this.#verdict;
  }

  get acks(): number {
    return this.#acks;
  }

  /** The first answer of a replica counts; a stranger's and a second one are ignored. */
  answer(replica: string, answer: Exclude<ReplicaAnswer, 'pending'>): WriteVerdict {
    if (this.#answers.get(replica) !== 'pending') return this.#verdict;
    this.#answers.set(replica, answer);
    this.#pending--;
    if (answer === 'acknowledged') this.#acks++;
    if (answer === 'refused') this.#refusals++;
    this.#decide();
    return this.#verdict;
  }

  /** What a replica has acknowledged is lost. Returns whether that changes something: a verdict that is reached stays. */
  lose(replica: string): boolean {
    if (this.#verdict !== 'waiting' || this.#answers.get(replica) !== 'acknowledged') return false;
    this.#answers.set(replica, 'failed');
    this.#acks--;
    this.#decide();
    return true;
  }

  timeUp(): WriteVerdict {
    if (this.#verdict === 'waiting') this.#verdict = 'unknown';
    return this.#verdict;
  }

  #decide(): void {
    if (this.#verdict !== 'waiting') return;
    if (this.#acks >= this.needed) this.#verdict = 'acknowledged';
    else if (this.#refusals > 0 && this.#refusals === this.#answers.size) this.#verdict = 'refused';
    else if (this.#acks + this.#pending < this.needed && !this.#mayBeRefused()) this.#verdict = 'unknown';
  }

  #mayBeRefused(): boolean {
    return this.#refusals > 0 && this.#refusals + this.#pending === this.#answers.size;
  }
}
