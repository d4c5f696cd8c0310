/**
 * The digest kernel in WebAssembly, for Node.js: crates/merkle, built by scripts/build-wasm.sh.
 *
 * The module is read and compiled at the first use and not at import.
 */

import { readFileSync } from 'node:fs';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import * as glue from '../wasm/kernel.js';
import { kernelOf } from './kernel-module.js';

const MODULE = new URL('../wasm/kernel_simd.wasm', import.meta.url);

let loaded: DigestKernel | undefined;

/** Throws a MendlogError `KERNEL_UNAVAILABLE` where the module cannot be loaded. */
export function loadWasmKernel(): DigestKernel {
  if (loaded === undefined) {
    instantiate();
    loaded = kernelOf('wasm', glue);
  }
  return loaded;
}

/** Bytes of the module's linear memory, which grows to its largest batch and never shrinks. */
export function wasmMemoryBytes(): number {
  loadWasmKernel();
  return glue.memoryBytes();
}

function instantiate(): void {
  try {
    glue.initSync({ module: readFileSync(MODULE) });
  } catch (cause) {
    throw new MendlogError(
      'KERNEL_UNAVAILABLE',
      'the WASM digest kernel does not load: it needs WebAssembly with SIMD and the wasm folder of ' +
        '@mendlog/merkle beside its code (a bundler must leave the package external)',
      { cause },
    );
  }
}
