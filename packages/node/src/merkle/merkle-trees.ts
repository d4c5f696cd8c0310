/**
 * The Merkle trees of this replica, built from the digest rows and kept until their partition changes.
 *
 * The root row of a partition is the sum of all its tags: a tree whose root row is still the
 * partition's is still its tree, and no write has to invalidate anything.
 */
import {
  DIGEST_LAYOUT,
  type DigestKernel,
  digestSegmentsPerLeaf,
  KEY_BYTES,
  type MerkleOptions,
  ROW_BYTES,
  type Store,
} from '@mendlog/core';
import { partitionTreeKey } from '@mendlog/merkle';

export interface MerkleTree {
  readonly rootHash: Uint8Array;
  readonly leafCount: number;
  readonly recordCount: number;
  /** It was still there from an earlier call. */
  readonly cached: boolean;
}

interface CachedTree {
  readonly rootRow: Uint8Array;
  readonly segmentsPerLeaf: number;
  readonly rootHash: Uint8Array;
}

const EMPTY_ROW = new Uint8Array(ROW_BYTES);
const CACHED_TREES_MAX = 1024;
/** Rows that are read at a time. */
const ROWS_PER_READ = 16_384;

export class MerkleTrees {
  readonly options: MerkleOptions;
  readonly #store: Store;
  readonly #kernel: DigestKernel;
  readonly #secret: Uint8Array;
  /** In order of use: the first is the one that goes. */
  readonly #cache = new Map<string, CachedTree>();

  constructor(parts: { store: Store; kernel: DigestKernel; secret: Uint8Array; options: MerkleOptions }) {
    this.options = parts.options;
    this.#store = parts.store;
    this.#kernel = parts.kernel;
    this.#secret = parts.secret;
  }

  get cachedTrees(): number {
    return this.#cache.size;
  }

  /**
   * The tree of a partition, built to reach `reach` where that is beyond its own head, so that it can
   * be compared with another replica's. A partition that is not here is an empty one.
   */
  build(partition: string, reach = 0): MerkleTree {
    const summary = this.#store.summary(partition) ?? { head: 0, records: 0, root: EMPTY_ROW };
    const segmentsPerLeaf = digestSegmentsPerLeaf(this.options, Math.max(reach, summary.head));
    const shape = { leafCount: 2 ** this.options.depth, recordCount: summary.records };
    const known = this.#cache.get(partition);
    if (known?.segmentsPerLeaf === segmentsPerLeaf && Buffer.compare(known.rootRow, summary.root) === 0) {
      this.#cache.delete(partition);
      this.#cache.set(partition, known);
      return { ...shape, rootHash: known.rootHash, cached: true };
    }
    const rootHash = this.#hash(partition, summary.head, segmentsPerLeaf);
    this.#cache.delete(partition);
    this.#cache.set(partition, { rootRow: summary.root, segmentsPerLeaf, rootHash });
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHED_TREES_MAX && !oldest.done) this.#cache.delete(oldest.value);
    return { ...shape, rootHash, cached: false };
  }

  #hash(partition: string, head: number, segmentsPerLeaf: number): Uint8Array {
    const { depth } = this.options;
    const leaves = 2 ** depth;
    const leafRows = new Uint8Array(leaves * ROW_BYTES);
    const segments = Math.floor(head / DIGEST_LAYOUT.segmentSize) + 1;
    for (let from = 0; from < segments; from += ROWS_PER_READ) {
      const rows = this.#store.rows(partition, 0, [{ from, to: from + ROWS_PER_READ - 1 }]);
      this.#kernel.foldRows(rows, segmentsPerLeaf, leafRows);
    }
    const nodes = new Uint8Array((2 * leaves - 1) * KEY_BYTES);
    this.#kernel.merkleTree(partitionTreeKey(this.#kernel, this.#secret, partition), leafRows, depth, nodes);
    return nodes.slice(0, KEY_BYTES);
  }
}
