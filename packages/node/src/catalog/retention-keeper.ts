/**
 * Keeps partitions within their retention: now and then it looks at the oldest records of each partition
 * that this node leads and that has limits, and trims what is over them, page by page, on all replicas.
 */
import {
  decodeFrame,
  retentionCut,
  type Store,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import { Turns } from '../turns.js';
import type { Catalog } from './catalog.js';
import type { PartitionChanges } from './partition-changes.js';

export interface RetentionKeeperOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly changes: PartitionChanges;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly log: Log;
  readonly intervalMs: number;
}

const PAGE_RECORDS = 1000;
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Pages of one partition in one turn, so that none keeps the others waiting for long. */
const PAGES_PER_TURN = 100;

export class RetentionKeeper {
  readonly #options: RetentionKeeperOptions;
  readonly #turns: Turns;

  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
    this.#turns = new Turns(options.intervalMs, () => this.#turn());
  }

  async close(): Promise<void> {
    await this.#turns.close();
  }

  async #turn(): Promise<void> {
    const { catalog, log, peers, placement } = this.#options;
    for (const { partition, options } of catalog.existing()) {
      const leader = peers.firstAlive(placement.primaries(partition));
      if (options.retention === undefined || leader !== peers.self) continue;
      try {
        for (let page = 0; page < PAGES_PER_TURN && !this.#turns.isClosed; page++) {
          if (!(await this.#trimPage(partition))) break;
        }
      } catch (thrown) {
        log.warn('retention could not trim', { partition, error: toMendlogError(thrown).message });
      }
    }
  }

  /** Returns whether the next page may hold more that must go. */
  async #trimPage(partition: string): Promise<boolean> {
    const { catalog, changes, store } = this.#options;
    const { retention } = catalog.optionsOf(partition);
    const held = store.summary(partition);
    if (retention === undefined || held === undefined) return false;
    if (held.cleanedTo < held.trimmedTo) {
      // What it holds is not known before the trimmed records are removed: until then nothing goes.
      await store.trim(partition, held.trimmedTo);
      return false;
    }
    const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: PAGE_RECORDS };
    const { frames } = store.readRange(partition, range, PAGE_BYTES_MAX);
    const oldest = frames.map((frame) => {
      const { timeMs, version } = decodeFrame(frame);
      return { counter: version.counter, timeMs, bytes: frame.length };
    });
    const cut = retentionCut(oldest, held, retention, Date.now());
    if (cut === undefined) return false;
    await changes.trimTo(partition, cut);
    return cut === oldest.at(-1)?.counter;
  }
}
