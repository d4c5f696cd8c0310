// The ports of a node's votes: what it asks for is held until a test answers it.
import { StoreVotes, type StoreVotesPorts } from '../../src/votes/store-votes.js';
import type { VoteNote } from '../../src/votes/vote-note.js';

interface Options {
  readonly self?: string;
  readonly storeId?: string;
  readonly nodes?: readonly string[];
  readonly wasEmpty?: boolean;
  readonly note?: VoteNote;
  /** Partitions of other primaries than all nodes. */
  readonly primaries?: Readonly<Record<string, readonly string[]>>;
}

export class HeldVotesPorts implements StoreVotesPorts {
  readonly self: string;
  readonly storeId: string;
  readonly others: readonly string[];
  readonly wasEmpty: boolean;
  readonly down = new Set<string>();
  readonly notes: VoteNote[] = [];
  readonly comparisons: { readonly node: string; readonly tick: number; readonly after: string }[] = [];
  readonly replaced: string[] = [];
  readonly #options: Options;

  constructor(options: Options) {
    const { self = 'a', storeId = `${self}1`, nodes = ['a', 'b', 'c'], wasEmpty = true } = options;
    this.self = self;
    this.storeId = storeId;
    this.others = nodes.filter((node) => node !== self);
    this.wasEmpty = wasEmpty;
    this.#options = options;
  }

  primaries(partition: string): readonly string[] {
    return this.#options.primaries?.[partition] ?? [this.self, ...this.others];
  }

  isAlive(node: string): boolean {
    return !this.down.has(node);
  }

  keep(note: VoteNote): void {
    this.notes.push(note);
  }

  compare(node: string, work: { tick: number; after: string }): void {
    this.comparisons.push({ node, ...work });
  }

  storeReplaced(node: string): void {
    this.replaced.push(node);
  }
}

export class HeldVotes {
  readonly ports: HeldVotesPorts;
  readonly votes: StoreVotes;

  constructor(options: Options = {}) {
    this.ports = new HeldVotesPorts(options);
    this.votes = new StoreVotes(this.ports, options.note);
  }

  get node(): string {
    return this.ports.self;
  }

  /** It tells a peer of its store, which answers: as a heartbeat does. */
  greets(other: HeldVotes): void {
    const welcome = other.votes.greeted(this.node, {
      storeId: this.ports.storeId,
      votes: this.votes.hasVote,
    });
    this.votes.welcomed(other.node, welcome);
  }

  /** The oldest note that is to be kept is flushed. */
  flush(): void {
    const note = this.ports.notes.shift();
    if (note === undefined) throw new Error('no note is to be kept');
    this.votes.kept(note);
  }

  /** The oldest comparison with this node ends: all of it, unless told. */
  compared(node: string, differing: readonly string[], page: { last?: string; isLast?: boolean } = {}): void {
    const { comparisons } = this.ports;
    const place = comparisons.findIndex((one) => one.node === node);
    const [work] = place === -1 ? [] : comparisons.splice(place, 1);
    if (work === undefined) throw new Error(`nothing is to be compared with ${node}`);
    const { last = differing.at(-1) ?? '', isLast = true } = page;
    this.votes.compared(node, work.tick, { differing, last, isLast });
  }

  /** A session of now. */
  brings(partition: string, node: string): void {
    this.votes.brought(partition, node, this.votes.tick);
  }
}
