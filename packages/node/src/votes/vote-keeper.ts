/**
 * Has core decide whether this node's store votes, and does what that takes: keeps the note, compares partitions with
 * peers, queues the sessions that are needed, and says what it waits for.
 */
import {
  COMPARED_PAGE_MAX,
  type ComparedPage,
  type CompareWork,
  type Greeting,
  MendlogError,
  type Store,
  StoreVotes,
  sidesAreEqual,
  toMendlogError,
  type VoteNote,
  type Welcome,
} from '@mendlog/core';
import { type SessionReport, sideSummary } from '../anti-entropy/run-session.js';
import type { Health, JobOptions } from '../api/service.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';

export interface VoteKeeperOptions {
  readonly store: Store;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly log: Log;
  /** Resolves when what peers have told of partitions' options is known here. */
  readonly catalogSettled: () => Promise<void>;
  /** Queues a job here that compares a partition with these peers. */
  readonly queueSession: (partition: string, options: JobOptions) => Promise<string>;
  /** A peer has another store than before. */
  readonly onStoreReplaced: (nodeId: string) => void;
}

/** What a node does not vote on, and why. */
export type WithoutVote = NonNullable<Health['nodes'][number]['withoutVote']>;

const BEAT_MS = 250;
/** Sessions that are asked for at a time. */
const SESSIONS_MAX = 256;
const NAMES_SHOWN_MAX = 10;

export class VoteKeeper {
  readonly #options: VoteKeeperOptions;
  readonly #votes: StoreVotes;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<() => void>();
  readonly #underWay = new Set<Promise<void>>();
  #isQueueing = false;
  #isClosed = false;
  /** What was last said, so that it is said once. */
  #lastSaid = '';

  constructor(options: VoteKeeperOptions) {
    const { store, peers, placement, log } = options;
    this.#options = options;
    this.#votes = new StoreVotes(
      {
        self: peers.self,
        storeId: store.storeId,
        others: peers.nodeIds.filter((nodeId) => nodeId !== peers.self),
        wasEmpty: store.partitions().every(({ records }) => records === 0),
        primaries: (partition) => placement.primaries(partition),
        isAlive: (nodeId) => peers.isAlive(nodeId),
        keep: (note) => this.#track(this.#keep(note)),
        compare: (nodeId, work) => this.#track(this.#compare(nodeId, work)),
        storeReplaced: (nodeId) => {
          log.warn('a peer has another store than before: it votes when it has caught up', { peer: nodeId });
          options.onStoreReplaced(nodeId);
        },
      },
      store.voteNote(),
    );
    peers.onHeartbeat((nodeId, welcome) => {
      this.#votes.welcomed(nodeId, welcome);
      this.#tell();
    });
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#votes.beat();
  }

  /** What this node tells its peers. */
  get greeting(): Greeting {
    return { storeId: this.#options.store.storeId, votes: this.#votes.hasVote };
  }

  greeted(nodeId: string, greeting: Greeting): Welcome {
    const welcome = this.#votes.greeted(nodeId, greeting);
    this.#tell();
    return welcome;
  }

  votesHere(partition: string): boolean {
    return this.#votes.votes(partition);
  }

  /** Exact of this node. Of a peer: whether it has said that it votes on all partitions. */
  votes(partition: string, nodeId: string): boolean {
    return nodeId === this.#options.peers.self ? this.votesHere(partition) : this.#votes.isVoter(nodeId);
  }

  /** Throws NO_VOTE where this node has none on the partition. */
  expectVote(partition: string): void {
    const missing = this.#votes.waitsFor(partition);
    if (missing.length === 0) return;
    throw new MendlogError(
      'NO_VOTE',
      `the store of ${this.#options.peers.self} is new and waits for ${missing.join(', ')} to vote on ${partition}`,
      { details: { missing } },
    );
  }

  /** Undefined where it votes on all partitions. */
  withoutVote(): WithoutVote | undefined {
    if (this.#votes.hasVote) return undefined;
    const { store, placement, peers } = this.#options;
    const known = new Set(store.partitions().map(({ partition }) => partition));
    for (const { partition } of this.#votes.openSessions(Number.POSITIVE_INFINITY)) known.add(partition);
    const names = [...known]
      .filter((partition) => placement.primaries(partition).includes(peers.self))
      .filter((partition) => !this.#votes.votes(partition))
      .sort();
    return {
      partitions: names.length,
      first: names.slice(0, NAMES_SHOWN_MAX),
      waitsFor: [...this.#votes.missing],
    };
  }

  /** What is to be called with the end of a session that begins now. */
  sessionBegins(): (partition: string, nodeId: string, report: SessionReport) => void {
    const { tick } = this.#votes;
    return (partition, nodeId, { isWhole }) => {
      if (!isWhole) return;
      this.#votes.brought(partition, nodeId, tick);
      this.#tell();
    };
  }

  /** Resolves when so many nodes vote, this one included; at once where not so many are alive, or when time is up. */
  async untilVoting(count: number, timeoutMs: number): Promise<void> {
    const { peers } = this.#options;
    const isEnough = () =>
      this.#votes.hasVote && peers.nodeIds.filter((nodeId) => this.#votes.isVoter(nodeId)).length >= count;
    const alive = peers.nodeIds.filter((nodeId) => peers.isAlive(nodeId)).length;
    if (alive < count || isEnough()) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve();
      };
      const check = () => {
        if (isEnough()) end();
      };
      const timer = setTimeout(end, timeoutMs);
      this.#listeners.add(check);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #beat(): void {
    this.#votes.beat();
    this.#say();
    if (this.#votes.hasVote || this.#isQueueing) return;
    this.#isQueueing = true;
    this.#track(
      this.#queueOpen().finally(() => {
        this.#isQueueing = false;
      }),
    );
  }

  async #queueOpen(): Promise<void> {
    for (const { partition, nodes } of this.#votes.openSessions(SESSIONS_MAX)) {
      if (this.#isClosed) return;
      await this.#options.queueSession(partition, { nodes: [...nodes] });
    }
  }

  async #keep(note: VoteNote): Promise<void> {
    try {
      await this.#options.store.putVoteNote(note);
    } catch (thrown) {
      this.#votes.notKept();
      throw thrown;
    }
    const isNews = !this.#votes.hasVote;
    this.#votes.kept(note);
    if (isNews) this.#options.peers.beatAll();
    this.#say();
    this.#tell();
  }

  async #compare(nodeId: string, { tick, after }: CompareWork): Promise<void> {
    try {
      this.#votes.compared(nodeId, tick, await this.#pageOf(nodeId, after));
      this.#tell();
    } catch (thrown) {
      this.#votes.notCompared(nodeId, tick);
      throw thrown;
    }
    if (!this.#isClosed) this.#beat();
  }

  async #pageOf(nodeId: string, after: string): Promise<ComparedPage> {
    const { store, peers, placement, catalogSettled } = this.#options;
    // The options of a partition decide who its primaries are.
    await catalogSettled();
    const query = { after, limit: COMPARED_PAGE_MAX };
    const { roots } = await peers.connectionTo(nodeId).call.peer.roots.query(query);
    const last = roots.at(-1)?.partition ?? after;
    const isLast = roots.length < COMPARED_PAGE_MAX;
    if (!isLast && last <= after) throw new MendlogError('MALFORMED', `${nodeId} repeats its partitions`);
    const differing = roots
      .filter(({ partition }) => {
        const primaries = placement.primaries(partition);
        return primaries.includes(nodeId) && primaries.includes(peers.self);
      })
      .filter((there) => !sidesAreEqual(sideSummary(store, there.partition), there));
    return { differing: differing.map(({ partition }) => partition), last, isLast };
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((thrown: unknown) => {
        const { code, message } = toMendlogError(thrown);
        this.#options.log.debug('what a new store needs was not done', { code, message });
      })
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #say(): void {
    const { missing } = this.#votes;
    const said = this.#votes.hasVote ? 'votes' : `waits for ${missing.join(', ')}`;
    if (said === this.#lastSaid) return;
    // That it votes is worth a word where it has not, for a while.
    const isUsual = this.#lastSaid === '' && this.#votes.hasVote;
    this.#lastSaid = said;
    if (isUsual) return;
    const { log } = this.#options;
    if (this.#votes.hasVote) log.info('this store votes on all partitions');
    else
      log.info('this store is new: it votes on a partition when it has caught up', {
        waitsFor: [...missing],
      });
  }
}
