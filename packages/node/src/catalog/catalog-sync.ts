/**
 * Brings the catalogs of two nodes together: a heartbeat whose answer carries another digest than this
 * node's makes it fetch the peer's entries. Both sides do so, and the later entries win on both.
 */
import { LIMITS, toMendlogError } from '@mendlog/core';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Catalog } from './catalog.js';

const PAGE_ENTRIES = 4096;
const PAGES_MAX = Math.ceil(LIMITS.catalogEntriesMax / PAGE_ENTRIES) + 1;

export class CatalogSync {
  readonly #catalog: Catalog;
  readonly #peers: Peers;
  readonly #log: Log;
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(parts: { catalog: Catalog; peers: Peers; log: Log }) {
    this.#catalog = parts.catalog;
    this.#peers = parts.peers;
    this.#log = parts.log;
    parts.peers.onHeartbeat((peerId, { catalog }) => {
      if (Buffer.compare(catalog, this.#catalog.digest) !== 0) this.#fetch(peerId);
    });
  }

  /** Resolves when what is being fetched is here. */
  async settled(): Promise<void> {
    await Promise.all(this.#fetching.values());
  }

  #fetch(peerId: string): void {
    if (this.#fetching.has(peerId)) return;
    const run = this.#fetchAll(peerId)
      .catch((thrown: unknown) =>
        this.#log.warn('a catalog could not be fetched', {
          peer: peerId,
          error: toMendlogError(thrown).message,
        }),
      )
      .finally(() => this.#fetching.delete(peerId));
    this.#fetching.set(peerId, run);
  }

  async #fetchAll(peerId: string): Promise<void> {
    let after = '';
    for (let page = 0; page < PAGES_MAX; page++) {
      const input = { after, limit: PAGE_ENTRIES };
      const { entries } = await this.#peers.connectionTo(peerId).call.peer.catalog.query(input);
      await this.#catalog.merge(entries);
      const last = entries.at(-1);
      if (last === undefined || entries.length < PAGE_ENTRIES) return;
      after = last.partition;
    }
  }
}
