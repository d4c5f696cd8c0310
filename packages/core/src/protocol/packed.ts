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

/** Drafts, each written once where it travels; their versions are to be above the counter `floor`. */
export function packDrafts(partition: string, drafts: readonly Draft[], floor = 0): PackedGroup {
  const ends = new Uint32Array(drafts.length);
  let size = 0;
  for (let i = 0; i < drafts.length; i++) {
    size += draftBytes(drafts[i] as Draft);
    ends[i] = size;
  }
  const bytes = new Uint8Array(size);
  for (let i = 0, at = 0; i < drafts.length; i++) at = writeDraft(bytes, at, drafts[i] as Draft);
  if (floor > 0 && drafts.length > 0) writeDraftFloor(bytes, 0, floor);
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
  let size = 5;
  for (const group of groups)
    size += 1 + group.partition.length + 4 + 4 * group.ends.length + group.bytes.length;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out[0] = PACKED_FORMAT;
  view.setUint32(1, groups.length);
  let at = 5;
  for (const group of groups) {
    out[at++] = group.partition.length;
    for (let i = 0; i < group.partition.length; i++) out[at++] = group.partition.charCodeAt(i);
    view.setUint32(at, group.ends.length);
    at += 4;
    let start = 0;
    for (const end of group.ends) {
      view.setUint32(at, end - start);
      at += 4;
      start = end;
    }
    out.set(group.bytes, at);
    at += group.bytes.length;
  }
  return out;
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
