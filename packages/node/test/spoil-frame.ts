// A disk that changes what was written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Changes a byte of a frame in the log's file, wherever LMDB has it. */
export function spoilFrame(dataDir: string, bytes: Uint8Array, offset: number): void {
  const path = join(dataDir, 'log/data.mdb');
  const file = readFileSync(path);
  const places: number[] = [];
  for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + 1)) places.push(at);
  expect(places.length).toBeGreaterThan(0);
  for (const at of places) file[at + offset] = (file[at + offset] as number) ^ 0x40;
  writeFileSync(path, file);
}
