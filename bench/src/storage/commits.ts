/** Commits without end, of records of 256 bytes that are spread over so many partitions. */
import {
  encodeFrame,
  FRAME_VERSION_AT,
  frameKeyAt,
  originFromBits,
  type PackedGroup,
  type Version,
  writeVersion,
} from '@mendlog/core';

export const VALUE_BYTES = 256;

export interface CommitShape {
  readonly partitions: number;
  /** Of one commit. */
  readonly records: number;
  /** Partitions that one commit brings records of, at most. */
  readonly groupsMax: number;
  /** An append key for each record, or a put of one of so many keys a partition; no keys where it is left out. */
  readonly keys?: 'append' | number | undefined;
}

const origin = originFromBits(7n);
const value = Uint8Array.from({ length: VALUE_BYTES }, (_, i) => i);

/** Each partition's counters ascend. */
export function* commits({ partitions, records, groupsMax, keys }: CommitShape): Generator<PackedGroup[]> {
  const frame = encodeFrame({ version: { counter: 1, origin }, timeMs: 1e12, value, ...firstKey(keys) });
  const keyAt = frameKeyAt(frame, 0).from;
  /** Each record has this frame, with a version and a key of its own. */
  const writeRecord = (
    message: Buffer,
    view: DataView,
    { at, version }: { at: number; version: Version },
  ) => {
    message.set(frame, at);
    writeVersion(view, at + FRAME_VERSION_AT, version);
    if (keys === 'append') message.set(uuidv7(), at + keyAt);
    else if (keys !== undefined) message.write(putKey(keys), at + keyAt, 'latin1');
  };
  const counters = new Float64Array(partitions);
  // A node takes the names of partitions from a table.
  const names = Array.from({ length: partitions }, (_, partition) => `p${partition}`);
  const groupsOfCommit = Math.min(partitions, groupsMax);
  /** Groups of as many records end alike: making them is not the store's work. */
  const endsOf = Array.from({ length: Math.ceil(records / groupsOfCommit) + 1 }, (_, count) =>
    Uint32Array.from({ length: count }, (_, i) => (i + 1) * frame.length),
  );
  /** Where in a commit a group begins. */
  const startOf = (group: number) => Math.floor((group * records) / groupsOfCommit);
  for (let next = 0; ; next = (next + groupsOfCommit) % partitions) {
    const groups: PackedGroup[] = [];
    // Views on one message, as a node gets them.
    const message = Buffer.allocUnsafeSlow(records * frame.length);
    const view = new DataView(message.buffer);
    for (let g = 0; g < groupsOfCommit; g++) {
      const partition = (next + g) % partitions;
      const [start, end] = [startOf(g), startOf(g + 1)];
      const bytes = message.subarray(start * frame.length, end * frame.length);
      const ends = endsOf[end - start] as Uint32Array;
      for (let i = 0; i < ends.length; i++) {
        const counter = (counters[partition] ?? 0) + 1;
        counters[partition] = counter;
        writeRecord(message, view, { at: (start + i) * frame.length, version: { counter, origin } });
      }
      groups.push({ partition: names[partition] as string, bytes, ends });
    }
    yield groups;
  }
}

function firstKey(keys: CommitShape['keys']): { key?: string; append?: { id: Uint8Array; attempt: number } } {
  if (keys === 'append') return { append: { id: uuidv7(), attempt: 0 } };
  return keys === undefined ? {} : { key: putKey(keys) };
}

/** One of the keys, all of one length. */
function putKey(keys: number): string {
  return `user-${String(Math.floor(Math.random() * keys)).padStart(8, '0')}`;
}

let uuidMs = 0;
let uuidCounter = 0;

/** Ascending, as clients make them: 48 bits of milliseconds, a counter, then random bits (RFC 9562). */
function uuidv7(): Uint8Array {
  const nowMs = Date.now();
  if (nowMs > uuidMs || uuidCounter === 0xfff) {
    uuidMs = Math.max(nowMs, uuidMs + 1);
    uuidCounter = Math.floor(Math.random() * 0x800);
  } else uuidCounter++;
  const id = Buffer.allocUnsafe(16);
  id.writeUIntBE(uuidMs, 0, 6);
  id.writeUInt16BE(0x7000 | uuidCounter, 6);
  for (let at = 8; at < 16; at += 2) id.writeUInt16BE(Math.floor(Math.random() * 65_536), at);
  id[8] = 0x80 | ((id[8] as number) & 0x3f);
  return id;
}
