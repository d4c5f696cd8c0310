/**
 * The preference lists of partitions under the configured nodes, remembered within a bound. A partition
 * may have its own number of replicas; its primaries are then a prefix of the same list, or go on in it.
 */
import { preferenceList } from '@mendlog/core';

const REMEMBERED_MAX = 65_536;

export class Placement {
  /** For partitions that were not given another one. */
  readonly replicationFactor: number;
  readonly #nodeIds: readonly string[];
  readonly #factorOf: (partition: string) => number | undefined;
  readonly #remembered = new Map<string, readonly string[]>();
  /** Each list once: many partitions have the same, and who has looked at one knows it again. */
  readonly #lists = new Map<string, readonly string[]>();

  constructor(
    nodeIds: readonly string[],
    replicationFactor: number,
    factorOf: (partition: string) => number | undefined = () => undefined,
  ) {
    this.#nodeIds = nodeIds;
    this.#factorOf = factorOf;
    this.replicationFactor = Math.min(replicationFactor, nodeIds.length);
  }

  primaries(partition: string): readonly string[] {
    const replicas = Math.min(this.#factorOf(partition) ?? this.replicationFactor, this.#nodeIds.length);
    const remembered = this.#remembered.get(partition);
    if (remembered?.length === replicas) return remembered;
    if (this.#remembered.size >= REMEMBERED_MAX) {
      this.#remembered.clear();
      this.#lists.clear();
    }
    const primaries = this.#theOne(this.primariesWith(partition, replicas));
    this.#remembered.set(partition, primaries);
    return primaries;
  }

  #theOne(list: readonly string[]): readonly string[] {
    const name = list.join('\n');
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    this.#lists.set(name, list);
    return list;
  }

  /** The primaries that the partition would have with this number of replicas; undefined: the default one. */
  primariesWith(partition: string, replicationFactor: number | undefined): readonly string[] {
    const replicas = Math.min(replicationFactor ?? this.replicationFactor, this.#nodeIds.length);
    return preferenceList(partition, this.#nodeIds, replicas).primaries;
  }
}
