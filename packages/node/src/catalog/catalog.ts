/**
 * This node's catalog: the entries in its store, at hand in memory, and one digest of them all, by which
 * two nodes see in a heartbeat whether theirs are equal.
 */
import {
  type CatalogEntry,
  catalogEntryText,
  type DigestKernel,
  hasOptions,
  LIMITS,
  laterEntry,
  MendlogError,
  type PartitionOptions,
  ROW_BYTES,
  type Store,
  TAG_BYTES,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';

const NO_OPTIONS: PartitionOptions = {};
/** No partition has this name. */
const CATALOG_KEY_NAME = '';

export class Catalog {
  readonly #store: Store;
  readonly #kernel: DigestKernel;
  readonly #key: Uint8Array;
  readonly #entries = new Map<string, CatalogEntry>();
  readonly #digest = new Uint8Array(ROW_BYTES);
  /** One merge after another: an older entry must not be written over a later one. */
  #lastMerge: Promise<void> = Promise.resolve();

  constructor(parts: { store: Store; kernel: DigestKernel; secret: Uint8Array }) {
    this.#store = parts.store;
    this.#kernel = parts.kernel;
    this.#key = partitionKey(parts.kernel, parts.secret, CATALOG_KEY_NAME);
    for (const entry of parts.store.catalog()) this.#remember(entry);
  }

  entry(partition: string): CatalogEntry | undefined {
    return this.#entries.get(partition);
  }

  optionsOf(partition: string): PartitionOptions {
    return this.#entries.get(partition)?.options ?? NO_OPTIONS;
  }

  isConfigured(partition: string): boolean {
    const entry = this.#entries.get(partition);
    return entry !== undefined && hasOptions(entry);
  }

  /** Partitions that have options of their own. */
  configured(): CatalogEntry[] {
    return [...this.#entries.values()].filter(hasOptions);
  }

  /** The sum of all entries' tags, one row of 24 bytes. */
  get digest(): Uint8Array {
    return this.#digest.slice();
  }

  /** Entries in order of name, after one. */
  page(after: string, limit: number): CatalogEntry[] {
    return [...this.#entries.values()]
      .filter(({ partition }) => partition > after)
      .sort((a, b) => (a.partition < b.partition ? -1 : 1))
      .slice(0, limit);
  }

  /** Keeps those that are later than what is here, flushed. Rejects with OVERLOADED where there would be too many. */
  merge(entries: readonly CatalogEntry[]): Promise<void> {
    const merged = this.#lastMerge.then(() => this.#merge(entries));
    this.#lastMerge = merged.catch(() => {});
    return merged;
  }

  async #merge(entries: readonly CatalogEntry[]): Promise<void> {
    const later = entries.filter((entry) => {
      const known = this.#entries.get(entry.partition);
      return known === undefined || (known !== entry && laterEntry(known, entry) === entry);
    });
    if (later.length === 0) return;
    const added = later.filter(({ partition }) => !this.#entries.has(partition)).length;
    if (this.#entries.size + added > LIMITS.catalogEntriesMax) {
      throw new MendlogError(
        'OVERLOADED',
        `no more than ${LIMITS.catalogEntriesMax} partitions can have options of their own`,
      );
    }
    await this.#store.putCatalogEntries(later);
    for (const entry of later) this.#remember(entry);
  }

  #remember(entry: CatalogEntry): void {
    const known = this.#entries.get(entry.partition);
    if (known !== undefined) this.#addToDigest(known, -1);
    this.#addToDigest(entry, 1);
    this.#entries.set(entry.partition, entry);
  }

  #addToDigest(entry: CatalogEntry, sign: 1 | -1): void {
    const text = Buffer.from(catalogEntryText(entry));
    const tag = new Uint8Array(TAG_BYTES);
    this.#kernel.tags(this.#key, text, Uint32Array.of(text.length), tag);
    this.#kernel.addTags(this.#digest, Uint32Array.of(0), tag, sign);
  }
}
