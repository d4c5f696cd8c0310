/**
 * Picks the digest kernel of this process.
 *
 * Loading is synchronous: the module is 50 KB and compiles in milliseconds, and
 * a kernel that is there from the start spares every caller an await.
 */

import { type DigestKernel, MendlogError } from '@mendlog/core';
import { loadWasmKernel } from './wasm-kernel.js';

export interface LoadKernelOptions {
  /** Insists on one kernel. By default the fastest that is there: today that is WASM. */
  readonly kind?: 'wasm' | 'native';
}

/**
 * The kernel; `kind` says which it is. All kernels of a process are one instance.
 * Throws a MendlogError `KERNEL_UNAVAILABLE` where the one insisted on is not there.
 */
export function loadKernel(options: LoadKernelOptions = {}): DigestKernel {
  switch (options.kind) {
    case undefined:
    case 'wasm':
      return loadWasmKernel();
    case 'native':
      throw new MendlogError(
        'KERNEL_UNAVAILABLE',
        'the native digest kernel is not built for this platform: ' +
          "use loadKernel({ kind: 'wasm' }), or leave out kind to take the fastest that is there",
      );
    default:
      throw new TypeError(`kind is ${String(options.kind)}: expected 'wasm' or 'native'`);
  }
}
