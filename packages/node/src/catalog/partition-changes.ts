/**
 * Changes of whole partitions: create, configure, trim and drop. The first live primary carries them
 * out, so that two changes of one partition meet in one place; any other node forwards to it.
 *
 * Options go to every live node and must be flushed on a majority of all nodes. A trim goes to every
 * live primary and must be done on a majority of them: every quorum then knows the watermark, and each
 * later version is above it. To drop is to trim everything and to forget the options: the next write
 * begins the partition anew, above the counters that were used.
 */
import {
  type CatalogEntry,
  checkPartitionOptions,
  MendlogError,
  majorityOf,
  type PartitionOptions,
  type Retention,
  type Store,
} from '@mendlog/core';
import type { PartitionChange, PartitionDetails } from '../api/service.js';
import type { ReadCoordinator } from '../coordinator/read-coordinator.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Catalog } from './catalog.js';

export interface PartitionChangesOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly reads: ReadCoordinator;
  /** The highest counter that this node knows of, given to writes under way included. */
  readonly headOf: (partition: string) => number;
  readonly incarnation: string;
}

/** What may change once a partition is there. */
export type PartitionSettings = Omit<PartitionOptions, 'replicationFactor'>;

export class PartitionChanges {
  readonly #options: PartitionChangesOptions;

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

  /** Rejects with PARTITION_EXISTS where it has records or options already. */
  async create(partition: string, options: PartitionOptions): Promise<PartitionDetails> {
    checkPartitionOptions(options, this.#cluster());
    if (await this.isKnown(partition))
      throw new MendlogError('PARTITION_EXISTS', `there is a partition ${partition} already`);
    await this.#putOptions(partition, options);
    return this.#details(partition);
  }

  /** Sets all settings: one that is not named follows the cluster's default again. */
  async configure(partition: string, settings: PartitionSettings): Promise<PartitionDetails> {
    await this.#expectKnown(partition);
    const { replicationFactor } = this.#options.catalog.optionsOf(partition);
    checkPartitionOptions({ ...settings, replicationFactor }, this.#cluster());
    await this.#putOptions(partition, { ...settings, replicationFactor });
    return this.#details(partition);
  }

  async details(partition: string): Promise<PartitionDetails> {
    await this.#expectKnown(partition);
    return this.#details(partition);
  }

  /** Removes every record with a counter at or below `to`. Later records are above the head, so it goes no further. */
  async trim(partition: string, to: number): Promise<PartitionDetails> {
    await this.#expectKnown(partition);
    const primaries = this.#options.placement.primaries(partition);
    const head = await this.#head(partition, primaries);
    const counter = Math.min(to, head);
    if (counter > 0) await this.trimTo(partition, counter, [primaries]);
    return this.#details(partition);
  }

  /** Writes that are under way at the same time may come after it: they then begin the partition anew. */
  async drop(partition: string): Promise<PartitionDetails> {
    await this.#expectKnown(partition);
    const { catalog, placement } = this.#options;
    const primaries = placement.primaries(partition);
    const head = await this.#head(partition, primaries);
    // Without its options it may have other primaries, and a majority of those must know as well.
    const lists = [primaries, placement.defaultPrimaries(partition)];
    if (head > 0) await this.trimTo(partition, head, lists);
    if (catalog.isConfigured(partition)) await this.#putOptions(partition, {});
    return this.#details(partition);
  }

  /** It holds records on a quorum's replicas, or has options. */
  async isKnown(partition: string): Promise<boolean> {
    return this.#options.catalog.isConfigured(partition) || (await this.#options.reads.isKnown(partition));
  }

  /** Raises the watermark on the live ones of these replicas; a majority of each list must have done it. */
  async trimTo(partition: string, counter: number, lists: readonly (readonly string[])[]): Promise<void> {
    const { peers, store } = this.#options;
    for (const list of lists) this.#expectMajority(list, partition);
    const done = await this.#onLive(new Set(lists.flat()), async (nodeId) => {
      if (nodeId === peers.self) await store.trim(partition, counter);
      else await peers.connectionTo(nodeId).call.peer.trim.mutate({ partition, counter });
    });
    for (const list of lists) this.#expectDone(list, done, `the trim of ${partition}`);
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
    const { headOf, peers } = this.#options;
    this.#expectMajority(primaries, partition);
    let head = headOf(partition);
    const done = await this.#onLive(new Set(primaries), async (nodeId) => {
      if (nodeId === peers.self) return;
      const { heads } = await peers.connectionTo(nodeId).call.peer.heads.query({ partitions: [partition] });
      head = Math.max(head, heads[0] ?? 0);
    });
    this.#expectDone(primaries, done, `the head of ${partition}`);
    return head;
  }

  async #putOptions(partition: string, options: PartitionOptions): Promise<void> {
    const { catalog, incarnation, peers } = this.#options;
    this.#expectMajority(peers.nodeIds, partition);
    const counter = (catalog.entry(partition)?.version.counter ?? 0) + 1;
    const entry: CatalogEntry = { partition, version: { counter, origin: incarnation }, options };
    await catalog.merge([entry]);
    const done = await this.#onLive(new Set(peers.nodeIds), async (nodeId) => {
      if (nodeId !== peers.self)
        await peers.connectionTo(nodeId).call.peer.mergeCatalog.mutate({ entries: [entry] });
    });
    this.#expectDone(peers.nodeIds, done, `the options of ${partition}`);
  }

  #details(partition: string): PartitionDetails {
    const { catalog, placement, store } = this.#options;
    const { consistency, retention } = catalog.optionsOf(partition);
    const { bytes = 0, head = 0, records = 0, trimmedTo = 0 } = store.summary(partition) ?? {};
    const primaries = [...placement.primaries(partition)];
    return {
      partitionId: partition,
      records,
      bytes,
      head,
      trimmedTo,
      primaries,
      replicationFactor: primaries.length,
      consistency,
      retention: settledRetention(retention),
    };
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

function settledRetention(retention: Retention | undefined): Retention | undefined {
  if (retention === undefined) return undefined;
  return Object.fromEntries(Object.entries(retention).filter(([, limit]) => limit !== undefined));
}
