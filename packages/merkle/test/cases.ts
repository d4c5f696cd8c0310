// What the checks of all vectors share. No import of Node.js or of vitest: a browser runs them too.
import type { DigestKernel } from '@mendlog/core';

/** One vector as a check, which throws where the kernel does not do what the vector says. */
export interface Case {
  readonly name: string;
  check(kernel: DigestKernel): void;
}

/** Hex, or so many bytes, byte i being i mod 251. */
export type BytesText = string | { readonly pattern: number };

export interface Refusable {
  readonly name: string;
  /** The call is refused with this error, and leaves its output as it was. */
  readonly error?: 'TypeError' | 'RangeError';
}

export function bytesOf(text: BytesText): Uint8Array {
  return typeof text === 'string'
    ? Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
    : Uint8Array.from({ length: text.pattern }, (_, i) => i % 251);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const UNTOUCHED = 0xa5;

export function untouched(length: number): Uint8Array {
  return new Uint8Array(length).fill(UNTOUCHED);
}

export function expectUntouched(bytes: Uint8Array): void {
  expectEqual(hex(bytes), hex(untouched(bytes.length)));
}

export function expectEqual(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`got      ${got}\nexpected ${wanted}`);
}

/** Makes the call, or checks that it is refused with the error named. Returns whether it went through. */
export function wentThrough(error: Refusable['error'], call: () => void): boolean {
  if (error === undefined) {
    call();
    return true;
  }
  let thrown: unknown;
  try {
    call();
  } catch (caught) {
    thrown = caught;
  }
  if (!(thrown instanceof (error === 'TypeError' ? TypeError : RangeError))) {
    throw new Error(`got ${String(thrown)}, expected a ${error}`);
  }
  return false;
}
