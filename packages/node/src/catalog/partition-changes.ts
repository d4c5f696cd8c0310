/**
 * Changes of whole partitions: create, configure, trim and drop. The first live primary carries them
 * out, one after another for each partition; any other node forwards to it.
 *
 * Catalog entries go to every live node, and must be flushed on a majority of all nodes; one that begins
 * or ends a partition also on a majority of its primaries. A trim goes to every live primary and must be
 * flushed on a majority of them: every quorum then knows the watermark, and each later version is above
 * it. To drop is an entry whose floor is the head: the next write begins the partition anew, above the
 * counters that were used, on whichever replicas it then has.
 */
import {
  type CatalogEntry,
  checkPartitionOptions,
  compareVersions,
  MendlogError,
  majorityOf,
  NO_VOTE,
  type PartitionOptions,
  type Store,
} from '@mendlog/core';
import type { PartitionChange, PartitionDetails } from '../api/service.js';
import type { PartitionSurvey } from '../coordinator/partition-survey.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Catalog } from './catalog.js';
import { partitionTotals } from './partition-totals.js';

export interface PartitionChangesOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly survey: Pick<PartitionSurvey, 'isKnown'>;
  /** The highest counter that this node knows of, or NO_VOTE. */
  readonly tellHead: (partition: string) => number;
  readonly incarnation: string;
}

/** How often a change is decided anew because another node had a later entry. */
const CHANGE_ATTEMPTS_MAX = 3;

/** What may change once a partition is there. */
export type PartitionSettings = Omit<PartitionOptions, 'replicationFactor'>;

export class PartitionChanges {
  readonly #options: PartitionChangesOptions;
  /** Per partition, when its last change has ended. */
  readonly #lastChange = new Map<string, Promise<void>>();

  constructor(options: PartitionChangesOptions) {
    this.#options = options;
  }

  async carryOut(change: PartitionChange): Promise<PartitionDetails> {
    switch (change.change) {
      case 'create':
        return await this.create(change.partition, change.options);
      case 'configure':
        return await this.configure(change.partition, change.options);
      case 'trim':
        return await this.trim(change.partition, change.to);
      case 'drop':
        return await this.drop(change.partition);
    }
  }

  /** Rejects with PARTITION_EXISTS where it was created already, or has records. */
  async create(partition: string, options: PartitionOptions): Promise<PartitionDetails> {
    checkPartitionOptions(options, this.#cluster());
    return await this.#exclusive(partition, async () => {
      await this.#putEntry(partition, async (before) => {
        if (await this.isKnown(partition))
          throw new MendlogError('PARTITION_EXISTS', `there is a partition ${partition} already`);
        return { exists: true, options, floor: before?.floor ?? 0 };
      });
      return this.#details(partition);
    });
  }

  /** Sets all settings: one that is not named follows the cluster's default again. */
  async configure(partition: string, settings: PartitionSettings): Promise<PartitionDetails> {
    return await this.#exclusive(partition, async () => {
      await this.#expectKnown(partition);
      await this.#putEntry(partition, async (before) => {
        const options = { ...settings, replicationFactor: before?.options.replicationFactor };
        checkPartitionOptions(options, this.#cluster());
        return { exists: true, options, floor: before?.floor ?? 0 };
      });
      return this.#details(partition);
    });
  }

  async details(partition: string): Promise<PartitionDetails> {
    await this.#expectKnown(partition);
    return this.#details(partition);
  }

  /** Removes every record with a counter at or below `to`. Later records are above the head, so it goes no further. */
  async trim(partition: string, to: number): Promise<PartitionDetails> {
    return await this.#exclusive(partition, async () => {
      await this.#expectKnown(partition);
      const primaries = this.#options.placement.primaries(partition);
      const head = await this.#head(partition, primaries);
      // One that begins with its first write would be gone with its last record: it is to stay.
      if (to >= head && !this.#options.catalog.exists(partition)) {
        await this.#putEntry(partition, async (before) => ({
          exists: true,
          options: {},
          floor: before?.floor ?? 0,
        }));
      }
      const counter = Math.min(to, head);
      if (counter > 0) await this.trimTo(partition, counter);
      return this.#details(partition);
    });
  }

  /** Writes that are under way at the same time may come after it: they then begin the partition anew. */
  async drop(partition: string): Promise<PartitionDetails> {
    return await this.#exclusive(partition, async () => {
      await this.#expectKnown(partition);
      await this.#putEntry(partition, async (before) => {
        const head = await this.#head(partition, this.#options.placement.primaries(partition));
        return { exists: false, options: {}, floor: Math.max(head, before?.floor ?? 0) };
      });
      return this.#details(partition);
    });
  }

  /** It was created, or holds records on a quorum's replicas. */
  async isKnown(partition: string): Promise<boolean> {
    return this.#options.catalog.exists(partition) || (await this.#options.survey.isKnown(partition));
  }

  /** Raises the watermark on the live primaries; a majority of them must have done it. */
  async trimTo(partition: string, counter: number): Promise<void> {
    const { peers, placement, store } = this.#options;
    const primaries = placement.primaries(partition);
    this.#expectMajority(primaries, partition);
    const done = await this.#onLive(new Set(primaries), async (nodeId) => {
      if (nodeId === peers.self) await store.trim(partition, counter);
      else await peers.connectionTo(nodeId).call.peer.trim.mutate({ partition, counter });
    });
    this.#expectDone(primaries, done, `the trim of ${partition}`);
  }

  /** One change of a partition after another: each sees what the one before it did. */
  async #exclusive<Result>(partition: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#lastChange.get(partition) ?? Promise.resolve();
    const result = before.then(work);
    const ended = result.then(
      () => {},
      () => {},
    );
    this.#lastChange.set(partition, ended);
    try {
      return await result;
    } finally {
      if (this.#lastChange.get(partition) === ended) this.#lastChange.delete(partition);
    }
  }

  #cluster(): { nodes: number; replicationFactor: number } {
    const { peers, placement } = this.#options;
    return { nodes: peers.nodeIds.length, replicationFactor: placement.replicationFactor };
  }

  async #expectKnown(partition: string): Promise<void> {
    if (!(await this.isKnown(partition)))
      throw new MendlogError('NOT_FOUND', `there is no partition ${partition}`);
  }

  /** The highest counter that a majority of the primaries knows of. */
  async #head(partition: string, primaries: readonly string[]): Promise<number> {
    const { tellHead, peers } = this.#options;
    this.#expectMajority(primaries, partition);
    let head = 0;
    const headAt = async (nodeId: string): Promise<number> => {
      if (nodeId === peers.self) return tellHead(partition);
      const { heads } = await peers.connectionTo(nodeId).call.peer.heads.query({ partitions: [partition] });
      return heads[0] ?? NO_VOTE;
    };
    const done = await this.#onLive(new Set(primaries), async (nodeId) => {
      const told = await headAt(nodeId);
      if (told === NO_VOTE) throw new MendlogError('NO_VOTE', `${nodeId} has no vote on ${partition}`);
      head = Math.max(head, told);
    });
    this.#expectDone(primaries, done, `the head of ${partition}`);
    return head;
  }

  /**
   * Gives the partition the entry that `decide` makes of the present one. Where another node turns out to
   * have a later entry, that one is taken over and the decision made anew.
   */
  async #putEntry(
    partition: string,
    decide: (before: CatalogEntry | undefined) => Promise<Omit<CatalogEntry, 'partition' | 'version'>>,
  ): Promise<void> {
    const { catalog, incarnation, peers, placement } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const before = catalog.entry(partition);
      const version = { counter: (before?.version.counter ?? 0) + 1, origin: incarnation };
      const decided = await decide(before);
      const lists = [peers.nodeIds];
      const begins = decided.exists && before?.exists !== true;
      // A floor must be known to every quorum of those who hold the partition, and of those who will.
      if (decided.floor > (before?.floor ?? 0) || (begins && decided.floor > 0)) {
        lists.push(placement.primaries(partition));
        lists.push(placement.primariesWith(partition, decided.options.replicationFactor));
      }
      for (const list of lists) this.#expectMajority(list, partition);
      const entry: CatalogEntry = { partition, version, ...decided };
      const later: CatalogEntry[] = [];
      const done = await this.#onLive(new Set(peers.nodeIds), async (nodeId) => {
        const merged =
          nodeId === peers.self
            ? await catalog.merge([entry])
            : (await peers.connectionTo(nodeId).call.peer.mergeCatalog.mutate({ entries: [entry] })).entries;
        later.push(...merged.filter((other) => compareVersions(other.version, version) > 0));
      });
      for (const list of lists) this.#expectDone(list, done, `the change of ${partition}`);
      if (later.length === 0) return;
      if (attempt >= CHANGE_ATTEMPTS_MAX)
        throw new MendlogError('OVERLOADED', `${partition} is being changed by others; try again later`);
      await catalog.merge(later);
    }
  }

  #details(partition: string): PartitionDetails {
    const { consistency, retention } = this.#options.catalog.optionsOf(partition);
    const totals = partitionTotals(this.#options, partition);
    return { ...totals, replicationFactor: totals.primaries.length, consistency, retention };
  }

  /** Which of the nodes did it; those that are not alive are not asked. */
  async #onLive(
    nodeIds: ReadonlySet<string>,
    act: (nodeId: string) => Promise<void>,
  ): Promise<ReadonlySet<string>> {
    const done = new Set<string>();
    const live = [...nodeIds].filter((nodeId) => this.#options.peers.isAlive(nodeId));
    await Promise.allSettled(live.map(async (nodeId) => await act(nodeId).then(() => done.add(nodeId))));
    return done;
  }

  #expectMajority(nodeIds: readonly string[], partition: string): void {
    const missing = nodeIds.filter((nodeId) => !this.#options.peers.isAlive(nodeId));
    if (nodeIds.length - missing.length >= majorityOf(nodeIds.length)) return;
    throw new MendlogError(
      'UNAVAILABLE',
      `${missing.join(', ')} cannot be reached: ${partition} was not changed`,
      { details: { missing } },
    );
  }

  #expectDone(nodeIds: readonly string[], done: ReadonlySet<string>, what: string): void {
    const acks = nodeIds.filter((nodeId) => done.has(nodeId)).length;
    const needed = majorityOf(nodeIds.length);
    if (acks >= needed) return;
    throw new MendlogError(
      'WRITE_TIMEOUT',
      `outcome unknown: ${acks} of ${needed} nodes answered for ${what}`,
      {
        details: { acks, needed },
      },
    );
  }
}
