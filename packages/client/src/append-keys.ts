/**
 * Keys of appends that may be retried: UUIDs of version 7 (RFC 9562), 48 bits of milliseconds, then random ones, so
 * that the keys of one time lie together in an index. Random bytes are taken from the system many at a time.
 */
import { randomFillSync } from 'node:crypto';

const POOL_KEYS = 512;
const RANDOM_BYTES = 10;

const pool = Buffer.alloc(POOL_KEYS * RANDOM_BYTES);
let next = POOL_KEYS;

export function newAppendKey(nowMs: number): Uint8Array {
  if (next === POOL_KEYS) {
    randomFillSync(pool);
    next = 0;
  }
  const key = new Uint8Array(6 + RANDOM_BYTES);
  let ms = nowMs;
  for (let i = 5; i >= 0; i--) {
    key[i] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  for (let i = 0; i < RANDOM_BYTES; i++) key[6 + i] = pool[next * RANDOM_BYTES + i] as number;
  next++;
  key[6] = 0x70 | ((key[6] as number) & 0x0f);
  key[8] = 0x80 | ((key[8] as number) & 0x3f);
  return key;
}
