// The vectors of crates/merkle/vectors, and the kernels of this process that must pass them.
import { readFileSync } from 'node:fs';
import { createOracleKernel, type DigestKernel } from '@mendlog/core';
import blake3 from 'blake3-wasm';
import { loadKernel } from '../src/index.js';
import { allCases } from './all-cases.js';
import type { Case } from './cases.js';
import { nativeBuild } from './native-build.js';

export const CASES: readonly Case[] = allCases((call) =>
  readFileSync(new URL(`../../../crates/merkle/vectors/${call}.json`, import.meta.url), 'utf8'),
);

export const oracleKernel: DigestKernel = createOracleKernel({
  deriveKey: (context, material) => blake3.deriveKey(context, material),
  keyedHash: (key, bytes) => blake3.keyedHash(Buffer.from(key), bytes),
});

/** The addon is there only where it was built. */
export const KERNELS: readonly DigestKernel[] = [
  oracleKernel,
  loadKernel({ kind: 'wasm' }),
  ...(nativeBuild().files.length > 0 ? [loadKernel({ kind: 'native' })] : []),
];
