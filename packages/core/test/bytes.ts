// Small tools for bytes and versions.
import fc from 'fast-check';
import { originFromBits, type Version } from '../src/version.js';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export function version(counter: number, origin: number | bigint = 1): Version {
  return { counter, origin: originFromBits(BigInt(origin)) };
}

export const anyVersion: fc.Arbitrary<Version> = fc.record({
  counter: fc.oneof(
    fc.integer({ min: 1, max: 10 }),
    fc.maxSafeInteger().map((n) => Math.max(1, Math.abs(n))),
  ),
  origin: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(originFromBits),
});
