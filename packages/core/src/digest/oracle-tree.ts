/** The oracle's Merkle tree view: keyed hashes over rows, their diff, and inclusion paths. */

import { type DigestKernel, KEY_BYTES, ROW_BYTES } from './kernel.js';
import { MERKLE_DEPTH_MAX } from './merkle-layout.js';
import { checkLength, checkPacked, concat, equalBytes, unitsOf } from './oracle-bytes.js';

/** The two keyed modes of BLAKE3, with outputs of 32 bytes. */
export interface OracleBlake3 {
  deriveKey(context: string, material: Uint8Array): Uint8Array;
  keyedHash(key: Uint8Array, bytes: Uint8Array): Uint8Array;
}

type TreeCalls = Pick<DigestKernel, 'merkleTree' | 'diffTrees' | 'merklePath' | 'verifyPath'>;

const LEAF_DOMAIN = Uint8Array.of(0x00);
const INNER_DOMAIN = Uint8Array.of(0x01);

export function createOracleTree(blake3: OracleBlake3): TreeCalls {
  const hashLeaf = (key: Uint8Array, row: Uint8Array) => blake3.keyedHash(key, concat(LEAF_DOMAIN, row));
  const hashInner = (key: Uint8Array, pair: Uint8Array) => blake3.keyedHash(key, concat(INNER_DOMAIN, pair));
  return {
    merkleTree(key, leafRows, depth, nodesOut) {
      checkLength('key', key.length, KEY_BYTES);
      checkDepth(depth);
      checkLength('leafRows', leafRows.length, 2 ** depth * ROW_BYTES);
      checkNodes('nodesOut', nodesOut, depth);
      // From the leaves up; the last level is the root.
      let level = unitsOf(leafRows, ROW_BYTES).map((row) => hashLeaf(key, row));
      let end = nodesOut.length;
      for (;;) {
        const nodes = concat(...level);
        end -= nodes.length;
        nodesOut.set(nodes, end);
        if (end === 0) return;
        level = unitsOf(nodes, 2 * KEY_BYTES).map((pair) => hashInner(key, pair));
      }
    },

    diffTrees(left, right, depth, leavesOut) {
      checkDepth(depth);
      checkNodes('left', left, depth);
      checkNodes('right', right, depth);
      const [leftNodes, rightNodes] = [unitsOf(left, KEY_BYTES), unitsOf(right, KEY_BYTES)];
      // A node differs only below nodes that do.
      const differs = (node: number): boolean =>
        !equalBytes(leftNodes[node] ?? left, rightNodes[node] ?? right) &&
        (node === 0 || differs(Math.floor((node - 1) / 2)));
      const firstLeaf = 2 ** depth - 1;
      const leaves = Array.from({ length: 2 ** depth }, (_, leaf) => leaf);
      const found = leaves.filter((leaf) => differs(firstLeaf + leaf)).slice(0, leavesOut.length);
      leavesOut.set(found);
      return found.length;
    },

    merklePath(nodes, depth, leaf, pathOut) {
      checkDepth(depth);
      checkNodes('nodes', nodes, depth);
      checkLeaf(leaf, depth);
      checkLength('pathOut', pathOut.length, depth * KEY_BYTES);
      let node = 2 ** depth - 1 + leaf;
      for (const siblingOut of unitsOf(pathOut, KEY_BYTES)) {
        const sibling = node % 2 === 0 ? node - 1 : node + 1;
        siblingOut.set(nodes.subarray(sibling * KEY_BYTES, (sibling + 1) * KEY_BYTES));
        node = Math.floor((node - 1) / 2);
      }
    },

    verifyPath(key, leafRow, leaf, path, root) {
      checkLength('key', key.length, KEY_BYTES);
      checkLength('leafRow', leafRow.length, ROW_BYTES);
      checkLength('root', root.length, KEY_BYTES);
      checkPacked('path', path.length, KEY_BYTES);
      checkDepth(path.length / KEY_BYTES);
      checkLeaf(leaf, path.length / KEY_BYTES);
      let node = hashLeaf(key, leafRow);
      for (const [height, sibling] of unitsOf(path, KEY_BYTES).entries()) {
        const standsRight = Math.floor(leaf / 2 ** height) % 2 === 1;
        node = hashInner(key, standsRight ? concat(sibling, node) : concat(node, sibling));
      }
      return equalBytes(node, root);
    },
  };
}

function checkDepth(depth: number): void {
  if (!Number.isInteger(depth) || depth < 0 || depth > MERKLE_DEPTH_MAX) {
    throw new TypeError(`depth is ${depth}: expected an integer from 0 to ${MERKLE_DEPTH_MAX}`);
  }
}

function checkNodes(buffer: string, nodes: Uint8Array, depth: number): void {
  checkLength(buffer, nodes.length, (2 ** (depth + 1) - 1) * KEY_BYTES);
}

function checkLeaf(leaf: number, depth: number): void {
  if (!Number.isInteger(leaf) || leaf < 0 || leaf >= 2 ** depth) {
    throw new TypeError(`leaf is ${leaf}: a tree of depth ${depth} has ${2 ** depth} leaves`);
  }
}
