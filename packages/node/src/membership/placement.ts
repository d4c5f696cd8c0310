/** The preference lists of partitions under the configured nodes, remembered within a bound. */
import { type PreferenceList, preferenceList } from '@mendlog/core';

const REMEMBERED_MAX = 65_536;

export class Placement {
  readonly replicationFactor: number;
  readonly #nodeIds: readonly string[];
  readonly #lists = new Map<string, PreferenceList>();

  constructor(nodeIds: readonly string[], replicationFactor: number) {
    this.#nodeIds = nodeIds;
    this.replicationFactor = Math.min(replicationFactor, nodeIds.length);
  }

  primaries(partition: string): readonly string[] {
    let list = this.#lists.get(partition);
    if (list === undefined) {
      if (this.#lists.size >= REMEMBERED_MAX) this.#lists.clear();
      list = preferenceList(partition, this.#nodeIds, this.replicationFactor);
      this.#lists.set(partition, list);
    }
    return list.primaries;
  }
}
