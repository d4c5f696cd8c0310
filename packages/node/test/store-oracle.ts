// The engine in memory as the oracle of the one on LMDB: after a crash it can go back to where that one had come.
import { MemoryStore, type Store } from '@mendlog/core';
import { kernel, tagKeyOf } from './test-store.js';

/** Something that is done to a store, to either of the two alike. */
export type Deed = (store: Store) => Promise<unknown>;

export class Oracle {
  #deeds: readonly Deed[] = [];
  #store = new MemoryStore({ storeId: 'oracle', kernel, tagKeyOf });

  get store(): Store {
    return this.#store;
  }

  async perform(deed: Deed): Promise<unknown> {
    this.#deeds = [...this.#deeds, deed];
    return await deed(this.#store);
  }

  /** Another one, to which more was done. */
  async with(deeds: readonly Deed[]): Promise<Oracle> {
    const other = new Oracle();
    for (const deed of [...this.#deeds, ...deeds]) await other.perform(deed);
    return other;
  }

  become(other: Oracle): void {
    this.#deeds = other.#deeds;
    this.#store = other.#store;
  }
}
