/**
 * Picks the digest kernel of this process: native, else WASM.
 *
 * Loading is synchronous: the module is 100 KB and compiles in milliseconds, and
 * a kernel that is there from the start spares every caller an await.
 */

import { type DigestKernel, MendlogError } from '@mendlog/core';
import { loadNativeKernel } from './native-kernel.js';
import { loadWasmKernel } from './wasm-kernel.js';

export interface LoadKernelOptions {
  /**
   * Insists on one kernel. By default the environment variable MENDLOG_KERNEL may, and otherwise the
   * fastest that is there is taken.
   */
  readonly kind?: 'wasm' | 'native';
}

/**
 * The kernel; `kind` says which it is. All kernels of a kind are one instance.
 * Throws a MendlogError `KERNEL_UNAVAILABLE` where the one insisted on is not there, and `BAD_CONFIG`
 * where MENDLOG_KERNEL names none.
 */
export function loadKernel(options: LoadKernelOptions = {}): DigestKernel {
  switch (options.kind ?? kindOfEnvironment()) {
    case 'wasm':
      return loadWasmKernel();
    case 'native':
      return loadNativeKernel();
    case undefined:
      return loadFastest();
    default:
      throw new TypeError(`kind is ${String(options.kind)}: expected 'wasm' or 'native'`);
  }
}

function kindOfEnvironment(): 'wasm' | 'native' | undefined {
  const kind = process.env.MENDLOG_KERNEL;
  if (kind === undefined || kind === '') return undefined;
  if (kind === 'wasm' || kind === 'native') return kind;
  throw new MendlogError('BAD_CONFIG', `MENDLOG_KERNEL is ${kind}: expected wasm or native`);
}

function loadFastest(): DigestKernel {
  try {
    return loadNativeKernel();
  } catch (thrown) {
    if (thrown instanceof MendlogError && thrown.code === 'KERNEL_UNAVAILABLE') return loadWasmKernel();
    throw thrown;
  }
}
