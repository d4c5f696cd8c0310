/**
 * The digest kernel as a native addon: crates/merkle, built by scripts/build-native.sh.
 *
 * The addon is optional. It is looked for where the build puts it, then in a package of its platform, as
 * @napi-rs/cli lays them out:
 *
 *   native/mendlog-merkle.linux-x64-gnu.node, or the package @mendlog/merkle-linux-x64-gnu
 */

import { createRequire } from 'node:module';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import { type KernelModule, kernelOf } from './kernel-module.js';

const CALLS = [
  'deriveKey',
  'tags',
  'groupTags',
  'addTags',
  'sumRows',
  'foldRows',
  'diffRows',
  'merkleTree',
  'diffTrees',
  'merklePath',
  'verifyPath',
  'addToSketch',
  'subtractSketch',
  'peelSketch',
  'encodeSymbols',
  'decodeSymbols',
] as const satisfies readonly (keyof KernelModule)[];

/** What can be on this kind of machine; which libc a Linux has shows when the addon is loaded. */
const TRIPLES: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux-arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin-x64': ['darwin-x64'],
  'darwin-arm64': ['darwin-arm64'],
  'win32-x64': ['win32-x64-msvc'],
};

let loaded: DigestKernel | undefined;

/** Throws a MendlogError `KERNEL_UNAVAILABLE` where no addon can be loaded. */
export function loadNativeKernel(): DigestKernel {
  loaded ??= kernelOf('native', requireModule());
  return loaded;
}

function requireModule(): KernelModule {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch}`;
  const causes: unknown[] = [];
  for (const triple of TRIPLES[platform] ?? []) {
    for (const id of [`../native/mendlog-merkle.${triple}.node`, `@mendlog/merkle-${triple}`]) {
      try {
        return checkedModule(require(id));
      } catch (cause) {
        causes.push(cause);
      }
    }
  }
  throw new MendlogError(
    'KERNEL_UNAVAILABLE',
    `the native digest kernel is not built for ${platform}: build it with \`pnpm build:native\`, ` +
      "use loadKernel({ kind: 'wasm' }), or leave out kind to take the fastest that is there",
    { cause: new AggregateError(causes, 'no native addon could be loaded') },
  );
}

/** An addon of an older version lacks calls. */
function checkedModule(module: KernelModule): KernelModule {
  const missing = CALLS.filter((call) => typeof module[call] !== 'function');
  if (missing.length > 0)
    throw new TypeError(`the addon has no ${missing.join(', ')}: it is of another version`);
  return module;
}
