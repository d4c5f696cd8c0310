/** How the oracle takes packed buffers apart, and how it refuses those of a wrong shape. */

export function bytesView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function readU64(bytes: Uint8Array, at: number): bigint {
  return bytesView(bytes).getBigUint64(at, true);
}

/** The units that lie back to back in `bytes`, as views. */
export function unitsOf(bytes: Uint8Array, unit: number): Uint8Array[] {
  return Array.from({ length: bytes.length / unit }, (_, i) => bytes.subarray(i * unit, (i + 1) * unit));
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

export function checkLength(buffer: string, actual: number, expected: number): void {
  if (actual !== expected) throw new TypeError(`${buffer} has length ${actual}: expected ${expected}`);
}

export function checkPacked(buffer: string, actual: number, unit: number): void {
  if (actual % unit !== 0)
    throw new TypeError(`${buffer} has length ${actual}: expected a multiple of ${unit}`);
}
