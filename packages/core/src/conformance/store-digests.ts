/** What a store holds of a partition, and that its digests are those of its records, computed in the fewest words. */
import { INDEXED_ROW_BYTES, ROW_BYTES } from '../digest/kernel.js';
import { allRows, DIGEST_LAYOUT, rowIndexOf } from '../digest/layout.js';
import { LIMITS } from '../limits.js';
import type { Store } from '../ports/store.js';
import type { VersionRange } from '../protocol/listing.js';
import { frameVersion } from '../record.js';
import { VERSION_HIGHEST, VERSION_LOWEST, type Version, versionAfter } from '../version.js';
import { expectEqual } from './expect.js';
import { type TagKeys, tagOfFrame } from './made-records.js';

export const EVERYTHING: VersionRange = {
  from: VERSION_LOWEST,
  to: VERSION_HIGHEST,
  limit: LIMITS.batchRecordsMax,
};
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** All frames of a partition, page by page. */
export function framesOf(store: Store, partition: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let from: Version | undefined = VERSION_LOWEST;
  while (from !== undefined) {
    const page = store.readRange(partition, { ...EVERYTHING, from }, UNBOUNDED);
    frames.push(...page.frames);
    const last = page.frames.at(-1);
    if (page.truncated && last === undefined)
      throw new Error('a page that is truncated: expected a frame, and there came none');
    from = page.truncated && last !== undefined ? versionAfter(frameVersion(last)) : undefined;
  }
  return frames;
}

/** SPEC I7: the rows of every level, and the root, are those of these frames. Throws an Error where they are not. */
export function expectDigests(
  store: Store,
  partition: string,
  { frames, tags }: { frames: readonly Uint8Array[]; tags: TagKeys },
): void {
  const tagged = frames.map((bytes) => ({
    counter: frameVersion(bytes).counter,
    tag: tagOfFrame(tags, partition, bytes),
  }));
  for (let level = 0; level < DIGEST_LAYOUT.levels; level++) {
    const rows = new Map<number, bigint[]>();
    for (const { counter, tag } of tagged) addTag(rows, rowIndexOf(counter, level), tag);
    const expected = words([...rows].sort(([a], [b]) => a - b).flatMap(([i, row]) => [BigInt(i), ...row]));
    const came = store.rows(partition, level, [allRows(level)]);
    expectEqual(rowsOf(came), rowsOf(expected), `digest rows of ${partition}, level ${level}`);
  }
  const sum = new Map<number, bigint[]>();
  for (const { tag } of tagged) addTag(sum, 0, tag);
  const root = store.summary(partition)?.root ?? new Uint8Array(ROW_BYTES);
  expectEqual(root, words(sum.get(0) ?? [0n, 0n, 0n]), `root of ${partition}`);
}

/** Both lanes and the count of a row. */
function addTag(rows: Map<number, bigint[]>, index: number, tag: Uint8Array): void {
  const lanes = new DataView(tag.buffer, tag.byteOffset, tag.byteLength);
  const [lane0 = 0n, lane1 = 0n, count = 0n] = rows.get(index) ?? [];
  rows.set(index, [lane0 + lanes.getBigUint64(0, true), lane1 + lanes.getBigUint64(8, true), count + 1n]);
}

/** The low 64 bits of each number, little-endian. */
function words(numbers: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, number] of numbers.entries()) view.setBigUint64(i * 8, BigInt.asUintN(64, number), true);
  return bytes;
}

function rowsOf(packed: Uint8Array): Uint8Array[] {
  const rows = Math.ceil(packed.length / INDEXED_ROW_BYTES);
  return Array.from({ length: rows }, (_, i) =>
    packed.subarray(i * INDEXED_ROW_BYTES, (i + 1) * INDEXED_ROW_BYTES),
  );
}
