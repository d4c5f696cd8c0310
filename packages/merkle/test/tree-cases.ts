// The vectors of the Merkle tree view as checks.
import {
  type BytesText,
  bytesOf,
  type Case,
  expectEqual,
  expectUntouched,
  hex,
  type Refusable,
  untouched,
  wentThrough,
} from './cases.js';

/** The vectors of each call; an answer is absent where `error` is present. */
export interface TreeVectors {
  merkleTree: Refusable & {
    key: BytesText;
    leafRows: BytesText;
    depth: number;
    nodesOutLength: number;
    root?: string;
    /** The tag of all nodes, in place of the nodes of a large tree. */
    nodesTag?: string;
    nodes?: string;
  };
  diffTrees: Refusable & {
    left: BytesText;
    right: BytesText;
    depth: number;
    capacity: number;
    leaves?: number[];
  };
  merklePath: Refusable & {
    nodes: BytesText;
    depth: number;
    leaf: number;
    pathOutLength: number;
    path?: string;
  };
  verifyPath: Refusable & {
    key: BytesText;
    leafRow: BytesText;
    leaf: number;
    path: BytesText;
    root: BytesText;
    belongs?: boolean;
  };
}

const UNTOUCHED_LEAF = 0xffffffff;

export const treeCases: { [Call in keyof TreeVectors]: (vector: TreeVectors[Call]) => Case['check'] } = {
  merkleTree: (vector) => (kernel) => {
    const key = bytesOf(vector.key);
    const out = untouched(vector.nodesOutLength);
    const through = wentThrough(vector.error, () =>
      kernel.merkleTree(key, bytesOf(vector.leafRows), vector.depth, out),
    );
    if (!through) {
      expectUntouched(out);
      return;
    }
    const tag = new Uint8Array(16);
    kernel.tags(key, out, Uint32Array.of(out.length), tag);
    expectEqual([hex(out.subarray(0, 32)), hex(tag)], [vector.root, vector.nodesTag]);
    if (vector.nodes !== undefined) expectEqual(hex(out), vector.nodes);
  },

  diffTrees: (vector) => (kernel) => {
    const out = new Uint32Array(vector.capacity).fill(UNTOUCHED_LEAF);
    let found = 0;
    const through = wentThrough(vector.error, () => {
      found = kernel.diffTrees(bytesOf(vector.left), bytesOf(vector.right), vector.depth, out);
    });
    if (through) expectEqual([...out.subarray(0, found)], vector.leaves);
    expectEqual(
      out.subarray(found).every((leaf) => leaf === UNTOUCHED_LEAF),
      true,
    );
  },

  merklePath: (vector) => (kernel) => {
    const out = untouched(vector.pathOutLength);
    const through = wentThrough(vector.error, () =>
      kernel.merklePath(bytesOf(vector.nodes), vector.depth, vector.leaf, out),
    );
    if (through) expectEqual(hex(out), vector.path);
    else expectUntouched(out);
  },

  verifyPath: (vector) => (kernel) => {
    let belongs: boolean | undefined;
    wentThrough(vector.error, () => {
      const [key, row] = [bytesOf(vector.key), bytesOf(vector.leafRow)];
      belongs = kernel.verifyPath(key, row, vector.leaf, bytesOf(vector.path), bytesOf(vector.root));
    });
    expectEqual(belongs, vector.belongs);
  },
};
