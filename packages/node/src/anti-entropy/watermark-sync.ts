/**
 * Takes over the trim watermarks of a peer that has become alive: this node, or the peer, may have been
 * away while a partition was trimmed. Until it knows, it would serve what is gone, and give out counters
 * below the watermark to writes that ask for no quorum.
 */
import { type SideSummary, type Store, toMendlogError } from '@mendlog/core';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import { sideSummary } from './run-session.js';

const PAGE = 10_000;

export class WatermarkSync {
  readonly #store: Store;
  readonly #peers: Peers;
  readonly #log: Log;
  readonly #underWay = new Set<Promise<void>>();

  constructor(parts: { store: Store; peers: Peers; log: Log }) {
    this.#store = parts.store;
    this.#peers = parts.peers;
    this.#log = parts.log;
    parts.peers.onAlive((peerId) => {
      const run = this.#takeOver(peerId)
        .catch((thrown: unknown) => {
          const error = toMendlogError(thrown).message;
          this.#log.warn('trim watermarks could not be taken over', { peer: peerId, error });
        })
        .finally(() => this.#underWay.delete(run));
      this.#underWay.add(run);
    });
  }

  /** Resolves when what is being taken over is flushed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #takeOver(peerId: string): Promise<void> {
    for await (const [partition, { trimmedTo }] of sidesOf(this.#peers, peerId)) {
      if (trimmedTo > sideSummary(this.#store, partition).trimmedTo)
        await this.#store.trim(partition, trimmedTo);
    }
  }
}

/** What a live peer holds of each partition: root and watermark, fetched page by page. */
export async function* sidesOf(
  peers: Peers,
  peerId: string,
): AsyncGenerator<[partition: string, side: SideSummary], void, undefined> {
  for (let after = ''; ; ) {
    const { roots } = await peers.connectionTo(peerId).call.peer.roots.query({ after, limit: PAGE });
    for (const { partition, ...side } of roots) yield [partition, side];
    const last = roots.at(-1)?.partition;
    // Names ascend, so that the pages of a peer that repeats itself end as well.
    if (last === undefined || last <= after || roots.length < PAGE) return;
    after = last;
  }
}
