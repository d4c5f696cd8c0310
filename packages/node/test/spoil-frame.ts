// A disk that changes what was written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Changes a byte of a frame in the log's file, wherever LMDB has it. */
export function spoilFrame(dataDir: string, bytes: Uint8Array, offset: number): void {
  spoilFrames(dataDir, [bytes], offset);
}

/** The same byte of each of these frames. */
export function spoilFrames(dataDir: string, frames: readonly Uint8Array[], offset: number): void {
  const path = join(dataDir, 'log/data.mdb');
  const file = readFileSync(path);
  for (const bytes of frames) {
    const places: number[] = [];
    for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + 1)) places.push(at);
    expect(places.length).toBeGreaterThan(0);
    for (const at of places) file[at + offset] = (file[at + offset] as number) ^ 0x40;
  }
  writeFileSync(path, file);
}

/** Changes a bit of what an entry's table says of the record with this frame; the version is told by the frame. */
export function spoilTable(dataDir: string, bytes: Uint8Array, part: 'version' | 'tag' | 'end'): void {
  const path = join(dataDir, 'log/data.mdb');
  const file = readFileSync(path);
  const frameVersion = Buffer.from(bytes.subarray(2, 18));
  // LMDB leaves older copies of a page in the file.
  let copies = 0;
  for (let frameAt = file.indexOf(bytes); frameAt >= 0; frameAt = file.indexOf(bytes, frameAt + 1)) {
    // The same 16 bytes lie in the table before the frames, and once more in the frame.
    const place = file.lastIndexOf(frameVersion, frameAt) + { version: 14, tag: 20, end: 35 }[part];
    file[place] = (file[place] as number) ^ 1;
    copies++;
  }
  expect(copies).toBeGreaterThan(0);
  writeFileSync(path, file);
}

/** Changes the tags of many records in the tables of their entries. */
export function spoilTables(dataDir: string, frames: readonly Uint8Array[]): void {
  for (const bytes of frames) spoilTable(dataDir, bytes, 'tag');
}
