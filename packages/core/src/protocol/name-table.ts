/**
 * The names of partitions that messages bring, each as the same string again: a message has hundreds of them and nearly
 * all are known, so neither is a string made for each, nor is it checked and hashed again.
 *
 * A table of fixed size, in which a name takes the place of another one of its slot: it forgets, it does not grow.
 */
import { checkPartitionName } from '../partition-name.js';

const SLOTS = 8192;

export class NameTable {
  readonly #names = new Array<string>(SLOTS).fill('');

  /** The name at `from` up to `to`. Throws BAD_REQUEST where it is none. */
  nameAt(bytes: Uint8Array, from: number, to: number): string {
    // FNV-1a.
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const known = this.#names[slot] as string;
    if (isSame(known, bytes, from, to)) return known;
    const name = String.fromCharCode(...bytes.subarray(from, to));
    checkPartitionName(name);
    this.#names[slot] = name;
    return name;
  }
}

function isSame(name: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from || name === '') return false;
  for (let i = from; i < to; i++) if (name.charCodeAt(i - from) !== bytes[i]) return false;
  return true;
}
