/**
 * The digest kernel: the port between Mendlog and its hashing core.
 *
 * Every call takes a batch and writes into a buffer of the caller, so that a
 * kernel compiled from Rust crosses the language boundary once a batch and
 * allocates nothing. Three kernels implement it: the native addon, the WASM
 * module and the oracle in TypeScript; all pass the same vectors.
 *
 *   frame --tags()--> tag (16 bytes) --addTags()--> row of its segment (24 bytes)
 *
 * A row is two wrapping 64-bit sums of tag lanes and a 64-bit count, all
 * little-endian. Addition makes the digest of any range the sum of its rows.
 */

/** Bytes of a tag: the first 16 bytes of the keyed BLAKE3 hash of a frame. */
export const TAG_BYTES = 16;

/** Bytes of a digest row: lane 0 sum, lane 1 sum, count; each u64, little-endian. */
export const ROW_BYTES = 24;

/** Bytes of an indexed row: the row's index as u64, little-endian, then the row. */
export const INDEXED_ROW_BYTES = 8 + ROW_BYTES;

/** Bytes of a key and of a Merkle tree node. */
export const KEY_BYTES = 32;

/**
 * Bytes of a cell, which is one symbol of a sketch: 256 times the sum of its items' counters, the
 * sums of their tag prefixes and of their seals; each u64, little-endian, wrapping. The low half of the seals is the count (i32).
 */
export const CELL_BYTES = 24;

/** The longest sketch, in symbols: 24 MiB of cells. */
export const SKETCH_SYMBOLS_MAX = 2 ** 20;

/** Numbers in the progress of a decoding: symbols peeled, items found, cells that are not empty. */
export const PROGRESS_LENGTH = 3;

/** The longest message of so many symbols, in bytes. */
export function symbolsBytesMax(symbols: number): number {
  return 7 + 24 * symbols;
}

/** Which implementation answers. */
export type KernelKind = 'native' | 'wasm' | 'oracle';

/**
 * No call keeps anything: all state is in the buffers of the caller, so kernels are interchangeable
 * in the middle of a comparison.
 *
 * Misuse (a buffer of the wrong length, an index out of range) is a
 * `TypeError`, input that is wrong in itself (it came from a disk or a peer) a `RangeError`; either
 * is thrown before anything is written.
 */
export interface DigestKernel {
  readonly kind: KernelKind;

  /** BLAKE3 `derive_key`: 32 bytes from a context string and key material. */
  deriveKey(context: string, material: Uint8Array): Uint8Array;

  /**
   * Tags of frames that lie back to back in `frames`.
   * `ends[i]` is the offset where frame i ends; ascending, the last equals `frames.length`.
   * Writes `ends.length` tags of 16 bytes to `tagsOut`.
   */
  tags(key: Uint8Array, frames: Uint8Array, ends: Uint32Array, tagsOut: Uint8Array): void;

  /**
   * Tags of frames that have keys of their own, so that a batch of many partitions costs one call.
   * Group g has key g of the packed `keys` (32 bytes each); `groupEnds[g]` is the number of the first
   * frame that no longer belongs to it; ascending, the last equals `ends.length`. A group may be empty,
   * and without groups there are no frames. `frames`, `ends` and `tagsOut` are as in tags().
   */
  groupTags(
    keys: Uint8Array,
    groupEnds: Uint32Array,
    frames: Uint8Array,
    ends: Uint32Array,
    tagsOut: Uint8Array,
  ): void;

  /**
   * Adds (`sign` 1) or removes (`sign` -1) tags: tag i goes to row `rowOf[i]` of the packed
   * `rows` (24 bytes each), which is updated in place.
   * A count that would fall below zero throws a RangeError before anything is written.
   */
  addTags(rows: Uint8Array, rowOf: Uint32Array, tags: Uint8Array, sign: 1 | -1): void;

  /** The sum of packed rows (24 bytes each) in `rowOut` (24 bytes). */
  sumRows(rows: Uint8Array, rowOut: Uint8Array): void;

  /**
   * Compares two lists of indexed rows (32 bytes each, indexes strictly ascending, at most 2^53 - 1).
   * A row absent from one side counts as an empty row. Writes the indexes whose rows
   * differ to `indexesOut`, ascending, and returns how many there are; where the
   * buffer is too short it is filled and the number found so far returned is its length.
   */
  diffRows(left: Uint8Array, right: Uint8Array, indexesOut: Float64Array): number;

  /**
   * Adds indexed rows (32 bytes each, indexes strictly ascending, at most 2^53 - 1) to the packed `rows`:
   * index i to row floor(i / span). So a level is made from the one below, and the leaves of a Merkle
   * tree from segments. Sums and counts wrap; a row that falls outside is a TypeError.
   */
  foldRows(indexedRows: Uint8Array, span: number, rows: Uint8Array): void;

  /**
   * The binary Merkle tree over 2^depth leaf rows (24 bytes each, packed).
   * Writes 2^(depth+1) - 1 nodes of 32 bytes to `nodesOut` in breadth-first order, the root first.
   * Leaf: keyed BLAKE3 of 0x00 and the row. Inner node: keyed BLAKE3 of 0x01, left, right.
   */
  merkleTree(key: Uint8Array, leafRows: Uint8Array, depth: number, nodesOut: Uint8Array): void;

  /**
   * Compares the nodes of two trees of one depth. Writes the numbers of the leaves that differ to
   * `leavesOut`, ascending, and returns how many; a full buffer ends the search, as in diffRows().
   */
  diffTrees(left: Uint8Array, right: Uint8Array, depth: number, leavesOut: Uint32Array): number;

  /** The inclusion path of a leaf, `depth` nodes of 32 bytes: its sibling, then those of its ancestors. */
  merklePath(nodes: Uint8Array, depth: number, leaf: number, pathOut: Uint8Array): void;

  /** Whether the path leads from the row of this leaf (24 bytes) to the root (32 bytes). */
  verifyPath(key: Uint8Array, leafRow: Uint8Array, leaf: number, path: Uint8Array, root: Uint8Array): boolean;

  /**
   * Adds (`sign` 1) or removes (`sign` -1) items in the packed `cells` of the symbols `first`,
   * `first + 1`, ... Item i is the counter `counters[i]` (an integer from 0 to 2^53 - 1) and the first
   * 8 bytes of tag i of the packed `tags` (16 bytes each).
   */
  addToSketch(cells: Uint8Array, first: number, counters: Float64Array, tags: Uint8Array, sign: 1 | -1): void;

  /** Subtracts the symbols of `other` from `cells`, in place; both are of one length. */
  subtractSketch(cells: Uint8Array, other: Uint8Array): void;

  /**
   * Takes items out of `cells`, the symbols of a difference from the first on, as far as they allow.
   * To go on when more symbols have arrived, append them to `cells`, lengthen `items` and call again.
   *
   * - `cells`: those after the first `progress[0]` are new, and still hold the items found before;
   * - `items`, of the length of `cells`: the `progress[1]` items found, each as the cell that holds it
   *   alone, with count 1 (only on the left side) or -1; those of one call sorted by counter, then prefix;
   * - `progress`: PROGRESS_LENGTH numbers, zeros at first. With `progress[2]` 0, all items are found.
   *
   * Symbols that contradict each other throw a RangeError.
   */
  peelSketch(cells: Uint8Array, items: Uint8Array, progress: Uint32Array): void;

  /**
   * Writes the packed cells, the first of which is symbol `first`, as a message of about 21 bytes a
   * symbol to `messageOut`, whose length is symbolsBytesMax() of them. Returns the message's length.
   */
  encodeSymbols(cells: Uint8Array, first: number, messageOut: Uint8Array): number;

  /**
   * Reads a message that must begin with symbol `first` into `cellsOut`, and returns how many symbols it
   * held. One that is malformed, or holds more than there is room for, throws a RangeError.
   */
  decodeSymbols(message: Uint8Array, first: number, cellsOut: Uint8Array): number;
}
