/**
 * A kernel made of a compiled module, WASM or native.
 *
 * The Rust behind both checks every buffer itself. What is checked here is only
 * what it could not see: numbers are cut to 32 bits, or to an integer, on the way.
 */

import type { DigestKernel, KernelKind } from '@mendlog/core';

/** The functions of the port, as both bindings export them. */
export type KernelModule = Omit<DigestKernel, 'kind'>;

export function kernelOf(kind: KernelKind, module: KernelModule): DigestKernel {
  return {
    kind,
    deriveKey: module.deriveKey,
    tags: module.tags,
    groupTags: module.groupTags,
    addTags: module.addTags,
    sumRows: module.sumRows,
    foldRows: (indexedRows, span, rows) => module.foldRows(indexedRows, checkSpan(span), rows),
    diffRows: module.diffRows,
    merkleTree: (key, leafRows, depth, nodesOut) =>
      module.merkleTree(key, leafRows, checkUint32('depth', depth), nodesOut),
    diffTrees: (left, right, depth, leavesOut) =>
      module.diffTrees(left, right, checkUint32('depth', depth), leavesOut),
    merklePath: (nodes, depth, leaf, pathOut) =>
      module.merklePath(nodes, checkUint32('depth', depth), checkUint32('leaf', leaf), pathOut),
    verifyPath: (key, leafRow, leaf, path, root) =>
      module.verifyPath(key, leafRow, checkUint32('leaf', leaf), path, root),
    addToSketch: (cells, first, counters, tags, sign) =>
      module.addToSketch(cells, checkUint32('first', first), counters, tags, sign),
    subtractSketch: module.subtractSketch,
    peelSketch: module.peelSketch,
    encodeSymbols: (cells, first, messageOut) =>
      module.encodeSymbols(cells, checkUint32('first', first), messageOut),
    decodeSymbols: (message, first, cellsOut) =>
      module.decodeSymbols(message, checkUint32('first', first), cellsOut),
  };
}

function checkUint32(name: string, value: number): number {
  if (value !== value >>> 0) {
    throw new TypeError(`${name} is ${value}: expected an integer from 0 to 2^32 - 1`);
  }
  return value;
}

function checkSpan(span: number): number {
  if (!Number.isSafeInteger(span) || span < 1) {
    throw new TypeError(`span is ${span}: expected an integer from 1 to 2^53 - 1`);
  }
  return span;
}
