/**
 * The digest kernel in WebAssembly: crates/merkle, built by scripts/build-wasm.sh.
 *
 * The generated glue is CommonJS and loads the module as it is required,
 * so it is required at the first use and not at import.
 */

import { createRequire } from 'node:module';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import { kernelOf } from './kernel-module.js';

type WasmModule = typeof import('../wasm/kernel.cjs');

const GLUE = '../wasm/kernel.cjs';

let loaded: DigestKernel | undefined;

/** Throws a MendlogError `KERNEL_UNAVAILABLE` where the module cannot be loaded. */
export function loadWasmKernel(): DigestKernel {
  loaded ??= kernelOf('wasm', requireModule());
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
