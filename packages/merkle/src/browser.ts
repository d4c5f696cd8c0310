/**
 * What a browser gets in place of index.ts, by the `browser` condition of the package's exports: the same
 * kernel, which has to be fetched first.
 */

import { type DigestKernel, MendlogError } from '@mendlog/core';
import init, * as glue from '../wasm/kernel.js';
import { kernelOf } from './kernel-module.js';

export { partitionKey, partitionTreeKey, TAG_KEY_CONTEXT, TREE_KEY_CONTEXT } from './keys.js';

export interface FetchKernelOptions {
  /** Takes the variant without SIMD even where SIMD is there. By default the browser is asked. */
  readonly simd?: false;
}

/** The smallest module with an instruction of 128 bits: `i8x16.popcnt` of a splat. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
  ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

let fetched: Promise<DigestKernel> | undefined;

/**
 * The digest kernel of this page, fetched once: the first call decides the variant. Rejects with a
 * MendlogError `KERNEL_UNAVAILABLE`, after which it may be tried again.
 */
export async function fetchKernel(options: FetchKernelOptions = {}): Promise<DigestKernel> {
  fetched ??= instantiate(options).catch((cause: unknown) => {
    fetched = undefined;
    throw new MendlogError('KERNEL_UNAVAILABLE', 'the digest kernel could not be fetched or compiled', {
      cause,
    });
  });
  return await fetched;
}

async function instantiate({ simd }: FetchKernelOptions): Promise<DigestKernel> {
  // Both as literals, so that a bundler sees the files and takes them along.
  const scalarModule = new URL('../wasm/kernel_scalar.wasm', import.meta.url);
  const simdModule = new URL('../wasm/kernel_simd.wasm', import.meta.url);
  const hasSimd = simd ?? WebAssembly.validate(SIMD_PROBE);
  await init({ module_or_path: hasSimd ? simdModule : scalarModule });
  return kernelOf('wasm', glue);
}
