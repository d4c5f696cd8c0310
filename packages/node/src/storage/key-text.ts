/** Keys as texts that sort as their bytes do, the namespace first: maps take them. */
import { APPEND_NAMESPACE, frameKeyAt, LIMITS } from '@mendlog/core';
import { asBuffer } from './as-buffer.js';

/** The bytes of a key, from `start` up to `end`, as a text that sorts as they do. */
export function textOfKey(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('latin1', start, end);
}

/**
 * The same of the key of the frame at `start`, which has one, and the attempt of its record. Of a frame that
 * the disk has changed it is some other key, no longer than one can be.
 */
export function keyOfFrame(bytes: Uint8Array, start = 0): { key: string; attempt: number } {
  const { namespace, from, to, attempt } = frameKeyAt(bytes, start);
  const end = Math.min(to, from + LIMITS.keyBytesMax);
  return { key: String.fromCharCode(namespace) + asBuffer(bytes).toString('latin1', from, end), attempt };
}

export function isAppendKey(key: string): boolean {
  return key.charCodeAt(0) === APPEND_NAMESPACE;
}

/** Whether it is an append key above the highest: these ascend with time, so nobody can hold it there. */
export function isAboveAppends(key: string, highest: string): boolean {
  return isAppendKey(key) && key > highest;
}
