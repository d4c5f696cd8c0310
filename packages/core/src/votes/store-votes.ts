/**
 * Whether this node's store votes: in reads, and in the counter rounds of writes. A vote says "I hold all that I have ever
 * acknowledged", which a store that is wiped, lost in part, restored or replaced cannot say.
 *
 *   note of this store is there ------------------------------------------------------> votes
 *   a majority of the nodes is here, all empty, and none remembers another store ------> votes: the cluster is new
 *   else, partition by partition: every other primary
 *     has been told of this store --> is compared, and a session brings what it holds --> votes there
 *   all nodes are told and done ------------------------------------------------------> votes, and notes it
 *
 * An empty disk does not remember that it was another one, so a store is new until it holds a note that it votes. All are
 * told before any is compared: from then on no coordinator counts what the store before has acknowledged, so what was
 * acknowledged with its help is on the others when they are compared. docs/consistency.md has the argument.
 *
 * A synchronous state machine. Its time is a count of the peers that were told.
 */
import { majorityOf } from '../consistency.js';
import { CatchUp, type ComparedPage } from './catch-up.js';
import type { Greeting, VoteNote, Welcome } from './vote-note.js';

export interface StoreVotesPorts {
  readonly self: string;
  readonly storeId: string;
  /** The other nodes of the cluster. */
  readonly others: readonly string[];
  /** The store held no record when this process opened it. */
  readonly wasEmpty: boolean;
  primaries(partition: string): readonly string[];
  isAlive(node: string): boolean;
  /** Keeps a note: `kept` follows when it is flushed, `notKept` where it could not be; neither before this returns. */
  keep(note: VoteNote): void;
  /** Compares the partitions of a peer behind a name: `compared` or `notCompared` follows, with the same tick. */
  compare(node: string, work: CompareWork): void;
  /** A node has another store than before: what the one before has acknowledged is gone. Called before anything is answered. */
  storeReplaced(node: string): void;
}

export interface CompareWork {
  readonly tick: number;
  readonly after: string;
}

/** A session that is needed: with these peers, about this partition. */
export interface OpenSession {
  readonly partition: string;
  readonly nodes: readonly string[];
}

/** So many beats a new cluster waits for all of its nodes; then a majority will do. */
const BEATS_FOR_ALL = 4;

export class StoreVotes {
  readonly #ports: StoreVotesPorts;
  #note: VoteNote | undefined;
  #hasVote: boolean;
  /** The stores that other nodes have now, as far as they have said so. */
  readonly #stores: Map<string, string>;
  readonly #voting = new Map<string, string>();
  /** When each node was told of this store. */
  readonly #told = new Map<string, number>();
  readonly #catchUps = new Map<string, CatchUp>();
  #isKeeping = false;
  #tick = 0;
  #beats = 0;
  /** Somebody has said that there is a cluster, in which this store is new. */
  #isNewcomer = false;

  constructor(ports: StoreVotesPorts, note: VoteNote | undefined) {
    this.#ports = ports;
    this.#hasVote = note?.storeId === ports.storeId;
    this.#note = this.#hasVote ? note : undefined;
    this.#stores = new Map(Object.entries(this.#note?.known ?? {}));
    for (const node of ports.others) this.#catchUps.set(node, new CatchUp());
  }

  /** On all partitions. */
  get hasVote(): boolean {
    return this.#hasVote;
  }

  votes(partition: string): boolean {
    return this.#hasVote || this.waitsFor(partition).length === 0;
  }

  /** Whether a peer has said that it votes on all partitions; where not, it may still do so on some. */
  isVoter(node: string): boolean {
    if (node === this.#ports.self) return this.#hasVote;
    const store = this.#voting.get(node);
    return store !== undefined && store === this.#stores.get(node);
  }

  /** The primaries without which this store does not vote on the partition yet; none where it votes. */
  waitsFor(partition: string): readonly string[] {
    if (this.#hasVote) return [];
    const others = this.#ports.primaries(partition).filter((node) => node !== this.#ports.self);
    const untold = others.filter((node) => !this.#told.has(node));
    if (untold.length > 0) return untold;
    const since = Math.max(0, ...others.map((node) => this.#told.get(node) ?? 0));
    return others.filter((node) => this.#catchUps.get(node)?.hasBrought(partition, since) !== true);
  }

  /** The nodes without which this store does not vote on all partitions yet; none where it does. */
  get missing(): readonly string[] {
    return this.#hasVote ? [] : this.#ports.others.filter((node) => !this.#isDone(node));
  }

  /** A peer tells which store it has and whether that votes, and is told whether it is known. */
  greeted(node: string, { storeId, votes }: Greeting): Welcome {
    this.#sees(node, storeId, votes);
    const knows =
      this.#note?.known[node] === storeId
        ? 'you'
        : this.#note === undefined && this.#ports.wasEmpty && !this.#isNewcomer
          ? 'nothing'
          : 'another';
    return { storeId: this.#ports.storeId, votes: this.#hasVote, knows };
  }

  /** A peer has been told of this store, and this is what it says. */
  welcomed(node: string, { storeId, votes, knows }: Welcome): void {
    this.#sees(node, storeId, votes);
    if (this.#hasVote || !this.#ports.others.includes(node)) return;
    if (knows === 'another') this.#isNewcomer = true;
    if (!this.#told.has(node)) this.#tell(node);
    this.#found();
    this.#goOn();
  }

  /** Called with each round of heartbeats. */
  beat(): void {
    this.#beats++;
    if (this.#hasVote) this.#remember();
    else {
      this.#found();
      this.#goOn();
    }
  }

  compared(node: string, tick: number, page: ComparedPage): void {
    const catchUp = this.#catchUps.get(node);
    if (catchUp?.beganAt !== tick) return;
    catchUp.compared(page);
    this.#goOn();
  }

  notCompared(node: string, tick: number): void {
    const catchUp = this.#catchUps.get(node);
    if (catchUp?.beganAt === tick) catchUp.notCompared();
  }

  /** Sessions that are needed now, so many at most. */
  openSessions(countMax: number): OpenSession[] {
    const open = new Map<string, string[]>();
    if (this.#hasVote) return [];
    for (const [node, catchUp] of this.#catchUps) {
      for (const partition of catchUp.open) {
        const nodes = open.get(partition);
        if (nodes !== undefined) nodes.push(node);
        else if (open.size < countMax) open.set(partition, [node]);
      }
    }
    return [...open].map(([partition, nodes]) => ({ partition, nodes }));
  }

  /** To be taken when a session begins, and handed in with what it has brought. */
  get tick(): number {
    return this.#tick;
  }

  /** A session that began at this tick has brought all that the peer held of the partition. */
  brought(partition: string, node: string, tick: number): void {
    const catchUp = this.#catchUps.get(node);
    if (this.#hasVote || catchUp === undefined || tick < catchUp.beganAt) return;
    catchUp.brought(partition);
    this.#goOn();
  }

  /** A note that was to be kept is flushed. */
  kept(note: VoteNote): void {
    this.#isKeeping = false;
    this.#note = note;
    this.#hasVote = true;
  }

  /** It could not be: the next beat tries again. */
  notKept(): void {
    this.#isKeeping = false;
  }

  #sees(node: string, storeId: string, votes: boolean): void {
    if (!this.#ports.others.includes(node)) return;
    const before = this.#stores.get(node);
    this.#stores.set(node, storeId);
    if (votes) this.#voting.set(node, storeId);
    if (before !== undefined && before !== storeId) this.#ports.storeReplaced(node);
  }

  #tell(node: string): void {
    this.#tick++;
    this.#told.set(node, this.#tick);
    for (const told of this.#told.keys()) this.#catchUps.get(told)?.begin(this.#tick);
  }

  /** Whether this is a new cluster; then those that are here vote. */
  #found(): void {
    const { others, wasEmpty } = this.#ports;
    if (this.#hasVote || this.#isNewcomer || (!wasEmpty && others.length > 0)) return;
    const here = others.filter((node) => this.#ports.isAlive(node) && this.#told.has(node));
    const isEnough =
      here.length === others.length ||
      (this.#beats >= BEATS_FOR_ALL && here.length + 1 >= majorityOf(others.length + 1));
    if (isEnough) this.#keep(Object.fromEntries(here.map((node) => [node, this.#stores.get(node) ?? ''])));
  }

  #goOn(): void {
    if (this.#hasVote) return;
    for (const node of this.#told.keys()) {
      const catchUp = this.#catchUps.get(node);
      const after = this.#ports.isAlive(node) ? catchUp?.next() : undefined;
      if (after !== undefined) this.#ports.compare(node, { tick: this.#tick, after });
    }
    if (this.#ports.others.every((node) => this.#isDone(node))) this.#keep(Object.fromEntries(this.#voting));
  }

  #isDone(node: string): boolean {
    return this.#told.has(node) && (this.#catchUps.get(node)?.doneAt ?? 0) >= this.#tick;
  }

  /** Of a node whose store votes, any other store is a new one from now on. */
  #remember(): void {
    const known = { ...this.#note?.known, ...Object.fromEntries(this.#voting) };
    const isNews = [...this.#voting].some(([node, storeId]) => this.#note?.known[node] !== storeId);
    if (isNews) this.#keep(known);
  }

  #keep(known: VoteNote['known']): void {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    this.#ports.keep({ storeId: this.#ports.storeId, known });
  }
}
