/**
 * What the conformance suite of the storage port needs of an engine, and what a suite is: cases with a name, which
 * any test runner runs.
 */
import type { DigestKernel } from '../digest/kernel.js';
import type { Store } from '../ports/store.js';

export interface StoreEngine {
  readonly kernel: DigestKernel;
  /** The key of a partition's tags, the one that the engine's stores use. */
  readonly tagKeyOf: (partition: string) => Uint8Array;
  /** A disk with nothing on it: a folder, a database, an object in memory. Cases run on disks of their own. */
  makeDisk(): StoreDisk | Promise<StoreDisk>;
}

/** What outlives a store that is closed. */
export interface StoreDisk {
  /** Opens the store that lies on it. Whichever was opened before is closed by then. */
  open(): Store | Promise<Store>;
  /** The store is closed, and the disk needed no more. */
  remove(): void | Promise<void>;
}

export interface ConformanceCase {
  /** *subsystem: condition (parameters)*, unique in its suite. */
  readonly name: string;
  /** Rejects with an Error that says what was expected and what came. */
  run(): Promise<void>;
}

/** A case before it knows its engine. */
export interface StoreCase {
  readonly name: string;
  run(engine: StoreEngine): Promise<void>;
}
