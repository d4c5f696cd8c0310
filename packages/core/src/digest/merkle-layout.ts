/**
 * Which counters each leaf of the Merkle tree view covers.
 *
 * The tree is made of the digest rows, without touching a record: a Merkle segment is a whole number
 * of digest segments, and at depth d each of the 2^d leaves covers the same power-of-two number of
 * Merkle segments, the smallest with which the leaves reach the partition's head. Two trees are
 * comparable when they were built to reach the same counter.
 */
import { MendlogError } from '../errors.js';
import { DIGEST_LAYOUT, type IndexRange, joinedRanges } from './layout.js';

export interface MerkleOptions {
  readonly depth: number;
  /** Records of one Merkle segment: a multiple of the digest segment's 250. */
  readonly segmentSize: number;
}

export const MERKLE_DEFAULT: MerkleOptions = { depth: 10, segmentSize: 1000 };

/** The deepest Merkle tree that is built: 2^20 leaves, whose nodes take 64 MiB. */
export const MERKLE_DEPTH_MAX = 20;

/** Throws BAD_CONFIG for a shape that no tree can have. */
export function checkMerkleOptions({ depth, segmentSize }: MerkleOptions): void {
  if (!Number.isInteger(depth) || depth < 0 || depth > MERKLE_DEPTH_MAX) {
    throw new MendlogError(
      'BAD_CONFIG',
      `merkle.depth is ${depth}: expected an integer from 0 to ${MERKLE_DEPTH_MAX}`,
    );
  }
  if (!Number.isInteger(segmentSize) || segmentSize <= 0 || segmentSize % DIGEST_LAYOUT.segmentSize !== 0) {
    throw new MendlogError(
      'BAD_CONFIG',
      `merkle.segmentSize is ${segmentSize}: expected a multiple of ${DIGEST_LAYOUT.segmentSize}`,
    );
  }
}

/** How many digest segments one leaf covers, so that the leaves together reach `counter`. */
export function digestSegmentsPerLeaf({ depth, segmentSize }: MerkleOptions, counter: number): number {
  const leaves = 2 ** depth;
  let perLeaf = segmentSize / DIGEST_LAYOUT.segmentSize;
  while (perLeaf * leaves * DIGEST_LAYOUT.segmentSize <= counter) perLeaf *= 2;
  return perLeaf;
}

/** The counters of a leaf, both ends included. */
export function leafCounters(leaf: number, segmentsPerLeaf: number): IndexRange {
  const span = segmentsPerLeaf * DIGEST_LAYOUT.segmentSize;
  return { from: leaf * span, to: Math.min((leaf + 1) * span - 1, Number.MAX_SAFE_INTEGER) };
}

/** The counters of leaves that differ, adjacent ones joined. `leaves` ascend, as DigestKernel.diffTrees() gives them. */
export function leafRanges(leaves: Iterable<number>, segmentsPerLeaf: number): IndexRange[] {
  return joinedRanges(leaves, (leaf) => leafCounters(leaf, segmentsPerLeaf));
}
