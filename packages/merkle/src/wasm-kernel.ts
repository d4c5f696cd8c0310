/**
 * The digest kernel in WebAssembly: crates/merkle, built by scripts/build-wasm.sh.
 *
 * The built module checks every buffer itself. What is checked here is only
 * what it could not see: WebAssembly truncates numbers to 32 bits as it takes
 * them. The generated glue is CommonJS and loads the module as it is required,
 * so it is required at the first use and not at import.
 */

import { createRequire } from 'node:module';
import { type DigestKernel, MendlogError } from '@mendlog/core';

type WasmModule = typeof import('../wasm/kernel.cjs');

const GLUE = '../wasm/kernel.cjs';

let loaded: DigestKernel | undefined;

/** Throws a MendlogError `KERNEL_UNAVAILABLE` where the module cannot be loaded. */
export function loadWasmKernel(): DigestKernel {
  loaded ??= createWasmKernel(requireModule());
  return loaded;
}

/** Bytes of the module's linear memory, which grows to its largest batch and never shrinks. */
export function wasmMemoryBytes(): number {
  return requireModule().memoryBytes();
}

function requireModule(): WasmModule {
  try {
    return createRequire(import.meta.url)(GLUE);
  } catch (cause) {
    throw new MendlogError(
      'KERNEL_UNAVAILABLE',
      'the WASM digest kernel does not load: it needs WebAssembly with SIMD and the wasm folder of ' +
        '@mendlog/merkle beside its code (a bundler must leave the package external)',
      { cause },
    );
  }
}

function createWasmKernel(wasm: WasmModule): DigestKernel {
  return {
    kind: 'wasm',
    deriveKey: wasm.deriveKey,
    tags: wasm.tags,
    addTags: wasm.addTags,
    sumRows: wasm.sumRows,
    diffRows: wasm.diffRows,
    merkleTree(key, leafRows, depth, nodesOut) {
      wasm.merkleTree(key, leafRows, checkUint32('depth', depth), nodesOut);
    },
    foldRows: (indexedRows, span, rows) => wasm.foldRows(indexedRows, checkSpan(span), rows),
    diffTrees: (left, right, depth, leavesOut) =>
      wasm.diffTrees(left, right, checkUint32('depth', depth), leavesOut),
    merklePath: (nodes, depth, leaf, pathOut) =>
      wasm.merklePath(nodes, checkUint32('depth', depth), checkUint32('leaf', leaf), pathOut),
    verifyPath: (key, leafRow, leaf, path, root) =>
      wasm.verifyPath(key, leafRow, checkUint32('leaf', leaf), path, root),
    addToSketch(cells, first, counters, tags, sign) {
      wasm.addToSketch(cells, checkUint32('first', first), counters, tags, sign);
    },
    subtractSketch: wasm.subtractSketch,
    peelSketch: wasm.peelSketch,
    encodeSymbols: (cells, first, messageOut) =>
      wasm.encodeSymbols(cells, checkUint32('first', first), messageOut),
    decodeSymbols: (message, first, cellsOut) =>
      wasm.decodeSymbols(message, checkUint32('first', first), cellsOut),
  };
}

function checkUint32(name: string, value: number): number {
  if (value !== value >>> 0)
    throw new TypeError(`${name} is ${value}: expected an integer from 0 to 2^32 - 1`);
  return value;
}

function checkSpan(span: number): number {
  if (!Number.isSafeInteger(span) || span < 1) {
    throw new TypeError(`span is ${span}: expected an integer from 1 to 2^53 - 1`);
  }
  return span;
}
