/**
 * Append keys where they lie in frames. Clients make them so that they ascend with time: as a rule a record's is above
 * all that a partition has seen, and then nobody can hold it, which is told from the bytes alone.
 */
import { APPEND_KEY_BYTES } from '@mendlog/core';

/** Of the keys at these places, as their bytes sort. */
export function compareAppendKeys(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < APPEND_KEY_BYTES; i++) {
    const difference = (a[aAt + i] as number) - (b[bAt + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The same of the key at a place and one as a text, its namespace first; an empty text is below all. */
export function compareAppendKeyTo(bytes: Uint8Array, at: number, text: string): number {
  if (text === '') return 1;
  for (let i = 0; i < APPEND_KEY_BYTES; i++) {
    const difference = (bytes[at + i] as number) - text.charCodeAt(1 + i);
    if (difference !== 0) return difference;
  }
  return 0;
}
