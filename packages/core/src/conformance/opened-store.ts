/** A case's store: open on a disk of its own, closed and removed when the case ends. */
import type { ApplyResult, Store } from '../ports/store.js';
import { expectEqual, within } from './expect.js';
import { bytesOf, groupOf, tagOfFrame } from './made-records.js';
import { expectDigests, framesOf } from './store-digests.js';
import type { StoreCase, StoreDisk, StoreEngine } from './store-engine.js';

export class OpenedStore {
  readonly engine: StoreEngine;
  readonly #disk: StoreDisk;
  #store: Store;

  constructor(engine: StoreEngine, disk: StoreDisk, store: Store) {
    this.engine = engine;
    this.#disk = disk;
    this.#store = store;
  }

  /** The one that is open now: another one after each reopen(). */
  get store(): Store {
    return this.#store;
  }

  async reopen(): Promise<void> {
    await this.#store.close();
    this.#store = await this.#disk.open();
  }

  async apply(partition: string, frames: readonly Uint8Array[]): Promise<ApplyResult> {
    return await this.#store.apply([groupOf(partition, frames)], []);
  }

  tagOf(partition: string, frame: Uint8Array): Uint8Array {
    return tagOfFrame(this.engine, partition, frame);
  }

  /** A partition holds these frames, in the order of their versions, and its counts and digests are theirs. */
  expectRecords(partition: string, frames: readonly Uint8Array[]): void {
    expectEqual(framesOf(this.#store, partition), frames, `frames of ${partition}`);
    const { records = 0, bytes = 0 } = this.#store.summary(partition) ?? {};
    const expected = { records: frames.length, bytes: bytesOf(frames) };
    expectEqual({ records, bytes }, expected, `summary of ${partition}`);
    expectDigests(this.#store, partition, { frames, tags: this.engine });
  }

  /** Runs a check on what was just acknowledged, on what an engine makes of it later, and after a restart. */
  async inEachState(check: () => void | Promise<void>): Promise<void> {
    await within('as acknowledged', check);
    await this.#store.cleaned();
    await within('once settled', check);
    await this.reopen();
    await within('after a restart', check);
  }
}

/** Runs on a store of its own. */
export async function withStore(
  engine: StoreEngine,
  use: (opened: OpenedStore) => Promise<void>,
): Promise<void> {
  const disk = await engine.makeDisk();
  try {
    const opened = new OpenedStore(engine, disk, await disk.open());
    try {
      await use(opened);
    } finally {
      await opened.store.close();
    }
  } finally {
    await disk.remove();
  }
}

export function storeCase(name: string, use: (opened: OpenedStore) => Promise<void>): StoreCase {
  return { name, run: (engine) => withStore(engine, use) };
}
