/**
 * Packed groups: the one binary form in which many values or frames travel.
 *
 *   u8 format | u32 groups | per group: u8 name length, name, u32 items, u32 length of each | all items
 *
 * Numbers are big-endian. A group belongs to one partition; its items lie back to back, so a
 * decoder hands out views and copies nothing. The same form carries the values of an append and
 * the frames of a replication, a fetch or a page.
 */
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type Draft, draftBytes, writeDraft, writeDraftFloor } from '../record.js';
import { NameTable } from './name-table.js';

/** The items of one partition: item i ends at `ends[i]` of `bytes`. */
export interface PackedGroup {
  readonly partition: string;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

const PACKED_FORMAT = 1;
const COUNT_BYTES = 4;
const LENGTH_BYTES = 4;
const HEAD_BYTES = 1 + COUNT_BYTES;
const names = new NameTable();

export function packItems(partition: string, items: readonly Uint8Array[]): PackedGroup {
  const ends = new Uint32Array(items.length);
  let end = 0;
  for (let i = 0; i < items.length; i++) {
    end += (items[i] as Uint8Array).length;
    ends[i] = end;
  }
  const bytes = new Uint8Array(end);
  for (let i = 0, start = 0; i < items.length; i++) {
    bytes.set(items[i] as Uint8Array, start);
    start = ends[i] as number;
  }
  return { partition, bytes, ends };
}

/** Where item `index` begins; for the number of items, where the last one ends. */
export function itemStart({ ends }: Pick<PackedGroup, 'ends'>, index: number): number {
  return index === 0 ? 0 : (ends[index - 1] as number);
}

export function itemAt(group: PackedGroup, index: number): Uint8Array {
  return group.bytes.subarray(itemStart(group, index), group.ends[index]);
}

export function* itemsOf(group: PackedGroup): Generator<Uint8Array> {
  for (let i = 0; i < group.ends.length; i++) yield itemAt(group, i);
}

export function encodePacked(groups: readonly PackedGroup[]): Uint8Array {
  let size = HEAD_BYTES;
  for (const { partition, ends, bytes } of groups)
    size += groupHeadBytes(partition, ends.length) + bytes.length;
  const { out, view } = newPacked(size, groups.length);
  let at = HEAD_BYTES;
  for (const { partition, ends, bytes } of groups) {
    at = writeGroupHead(view, at, partition, ends.length);
    let start = 0;
    for (const end of ends) {
      view.setUint32(at, end - start);
      at += LENGTH_BYTES;
      start = end;
    }
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/** Drafts of one partition. */
export interface DraftGroup {
  readonly partition: string;
  readonly drafts: readonly Draft[];
  /** Their versions are to be above this counter. */
  readonly floor: number;
}

/** The packed groups of drafts, each of which is written once, where it travels. */
export function encodeDrafts(groups: readonly DraftGroup[]): Uint8Array {
  let size = HEAD_BYTES;
  for (const { partition, drafts } of groups) {
    size += groupHeadBytes(partition, drafts.length);
    for (const draft of drafts) size += draftBytes(draft);
  }
  const { out, view } = newPacked(size, groups.length);
  let at = HEAD_BYTES;
  for (const { partition, drafts, floor } of groups) {
    at = writeGroupHead(view, at, partition, drafts.length);
    for (const draft of drafts) {
      view.setUint32(at, draftBytes(draft));
      at += LENGTH_BYTES;
    }
    if (floor > 0 && drafts.length > 0) writeDraftFloor(out, at, floor);
    for (const draft of drafts) at = writeDraft(out, at, draft);
  }
  return out;
}

function newPacked(size: number, groups: number): { out: Uint8Array; view: DataView } {
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out[0] = PACKED_FORMAT;
  view.setUint32(1, groups);
  return { out, view };
}

/** Up to the items of a group. */
function groupHeadBytes(partition: string, items: number): number {
  return 1 + partition.length + COUNT_BYTES + items * LENGTH_BYTES;
}

/** Up to the lengths of the items; returns where these begin. */
function writeGroupHead(view: DataView, start: number, partition: string, items: number): number {
  let at = start;
  view.setUint8(at++, partition.length);
  for (let i = 0; i < partition.length; i++) view.setUint8(at++, partition.charCodeAt(i));
  view.setUint32(at, items);
  return at + COUNT_BYTES;
}

/** Throws MALFORMED for bytes that are not packed groups, TOO_LARGE beyond the limits; reads nothing past the end. */
export function decodePacked(bytes: Uint8Array): PackedGroup[] {
  const reader = new Reader(bytes);
  if (reader.u8() !== PACKED_FORMAT) throw new MendlogError('MALFORMED', 'unknown format of packed groups');
  const groupCount = reader.u32();
  if (groupCount > LIMITS.batchGroupsMax) throw tooMany('partitions', groupCount, LIMITS.batchGroupsMax);
  const groups: PackedGroup[] = [];
  let itemsInAll = 0;
  for (let g = 0; g < groupCount; g++) {
    const partition = reader.name(reader.u8());
    const itemCount = reader.u32();
    itemsInAll += itemCount;
    if (itemsInAll > LIMITS.batchRecordsMax) throw tooMany('records', itemsInAll, LIMITS.batchRecordsMax);
    reader.expect(itemCount * 4);
    const ends = new Uint32Array(itemCount);
    let end = 0;
    for (let i = 0; i < itemCount; i++) {
      end += reader.u32();
      if (end > bytes.length) throw new MendlogError('MALFORMED', 'packed groups end too early');
      ends[i] = end;
    }
    groups.push({ partition, bytes: reader.take(end), ends });
  }
  reader.finish();
  return groups;
}

function tooMany(what: string, count: number, max: number): MendlogError {
  return new MendlogError('TOO_LARGE', `a batch of ${count} ${what} is over the limit of ${max}`, {
    details: { max },
  });
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  expect(length: number): void {
    if (this.#at + length > this.#bytes.length)
      throw new MendlogError('MALFORMED', 'packed groups end too early');
  }

  u8(): number {
    this.expect(1);
    return this.#view.getUint8(this.#at++);
  }

  u32(): number {
    this.expect(4);
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }

  take(length: number): Uint8Array {
    this.expect(length);
    this.#at += length;
    // Not subarray(): of a Buffer that is another Buffer, which costs three times as much.
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + this.#at - length, length);
  }

  name(length: number): string {
    this.expect(length);
    this.#at += length;
    return names.nameAt(this.#bytes, this.#at - length, this.#at);
  }

  finish(): void {
    if (this.#at !== this.#bytes.length)
      throw new MendlogError('MALFORMED', 'bytes follow the last packed group');
  }
}
