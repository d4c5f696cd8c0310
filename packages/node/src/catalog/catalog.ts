/**
 * This node's catalog: the entries in its store, at hand in memory, and one digest of them all, by which
 * two nodes see in a heartbeat whether theirs are equal.
 */
import {
  type CatalogEntry,
  catalogEntryText,
  type DigestKernel,
  LIMITS,
  MendlogError,
  mergeEntries,
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

  /** It was created, and not dropped since. */
  exists(partition: string): boolean {
    return this.#entries.get(partition)?.exists ?? false;
  }

  /** Partitions that were created, and not dropped since. */
  existing(): CatalogEntry[] {
    return [...this.#entries.values()].filter(({ exists }) => exists);
  }

  /** The sum of all entries' tags, one row of 24 bytes. */
  get digest(): Uint8Array {
    return this.#digest.slice();
  }

  /** Trims what the entries say is dropped: a stop may have come between an entry and its trim. */
  async applyFloors(): Promise<void> {
    await this.#trimTo(this.#entries.values());
  }

  /** Entries in order of name, after one. */
  page(after: string, limit: number): CatalogEntry[] {
    return [...this.#entries.values()]
      .filter(({ partition }) => partition > after)
      .sort((a, b) => (a.partition < b.partition ? -1 : 1))
      .slice(0, limit);
  }

  /**
   * Merges entries into this node's, and trims what they say is dropped: both are flushed when it resolves.
   * Returns what this node has of their partitions now. Rejects with OVERLOADED where there would be too many.
   */
  merge(entries: readonly CatalogEntry[]): Promise<CatalogEntry[]> {
    const merged = this.#lastMerge.then(() => this.#merge(entries));
    this.#lastMerge = merged.then(
      () => {},
      () => {},
    );
    return merged;
  }

  async #merge(entries: readonly CatalogEntry[]): Promise<CatalogEntry[]> {
    const byName = new Map<string, CatalogEntry>();
    for (const entry of entries) {
      const known = byName.get(entry.partition) ?? this.#entries.get(entry.partition);
      byName.set(entry.partition, known === undefined ? entry : mergeEntries(known, entry));
    }
    const merged = [...byName.values()];
    const changed = merged.filter((entry) => {
      const known = this.#entries.get(entry.partition);
      return known === undefined || catalogEntryText(known) !== catalogEntryText(entry);
    });
    const added = changed.filter(({ partition }) => !this.#entries.has(partition)).length;
    if (this.#entries.size + added > LIMITS.catalogEntriesMax) {
      throw new MendlogError(
        'OVERLOADED',
        `no more than ${LIMITS.catalogEntriesMax} partitions can be created or dropped`,
      );
    }
    if (changed.length > 0) await this.#store.putCatalogEntries(changed);
    await this.#trimTo(merged);
    for (const entry of changed) this.#remember(entry);
    return merged;
  }

  async #trimTo(entries: Iterable<CatalogEntry>): Promise<void> {
    for (const { partition, floor } of entries) if (floor > 0) await this.#store.trim(partition, floor);
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
