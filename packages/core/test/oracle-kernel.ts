// The digest kernel that is slow and beyond doubt.
import blake3 from 'blake3-wasm';
import type { DigestKernel } from '../src/digest/kernel.js';
import { createOracleKernel } from '../src/digest/oracle.js';

export const oracleKernel: DigestKernel = createOracleKernel({
  deriveKey: (context, material) => blake3.deriveKey(context, material),
  keyedHash: (key, bytes) => blake3.keyedHash(Buffer.from(key), bytes),
});
