/**
 * Who holds append keys, many to a page. These keys ascend with time: what a step brings lies above all that is there,
 * and costs one write for each page instead of one for each key.
 *
 *   partition u32 | lowest key 16  ->  per key, ascending: key 16 | claim 23 (keys.ts)
 *
 * A page holds the keys from its own on up to that of the next page; the lowest that is in it may be higher.
 */
import { APPEND_KEY_BYTES, APPEND_NAMESPACE } from '@mendlog/core';
import type { Database } from 'lmdb';
import { copyBytes } from './copy-bytes.js';
import type { IndexWrites } from './index-writes.js';
import { appendLookup, CLAIM_BYTES, claimOf, claimValue, type IndexedClaim, writeClaimOf } from './keys.js';
import type { Run } from './located-record.js';
import { lowerBound } from './lower-bound.js';

const PLACE_BYTES = APPEND_KEY_BYTES + CLAIM_BYTES;
/** Two such pages fill one of LMDB. */
const PAGE_KEYS_MAX = 50;
const KEY_LOWEST = new Uint8Array(APPEND_KEY_BYTES);
const KEY_HIGHEST = new Uint8Array(APPEND_KEY_BYTES).fill(0xff);

/** Of a key as text, its namespace first; undefined: nobody holds it any more. */
export type ClaimChange = readonly [key: string, claim: IndexedClaim | undefined];

/** A page as it was read: iterators of LMDB give copies. */
class AppendPage {
  /** Its key in the table. */
  readonly at: Buffer;
  readonly bytes: Buffer;
  readonly keys: number;

  constructor(at: Buffer, bytes: Buffer) {
    this.at = at;
    this.bytes = bytes;
    this.keys = bytes.length / PLACE_BYTES;
  }

  key(place: number): Buffer {
    return this.bytes.subarray(place * PLACE_BYTES, place * PLACE_BYTES + APPEND_KEY_BYTES);
  }

  claim(place: number): Buffer {
    return this.bytes.subarray(place * PLACE_BYTES + APPEND_KEY_BYTES, (place + 1) * PLACE_BYTES);
  }

  /** The first place whose key is not below. */
  placeOf(key: Uint8Array): number {
    return lowerBound(this.keys, (place) => Buffer.compare(this.key(place), key) < 0);
  }

  find(key: Uint8Array): Buffer | undefined {
    const place = this.placeOf(key);
    return place < this.keys && this.key(place).equals(key) ? this.claim(place) : undefined;
  }
}

function isSamePage(a: AppendPage | undefined, b: AppendPage | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.at.equals(b.at);
}

export class AppendPages {
  readonly #table: Database<Buffer, Buffer>;

  constructor(table: Database<Buffer, Buffer>) {
    this.#table = table;
  }

  /** The claim of who holds the key in these bytes, as it is stored; undefined where nobody does. */
  claimAt(partitionId: number, bytes: Uint8Array, start: number): Buffer | undefined {
    const key = bytes.subarray(start, start + APPEND_KEY_BYTES);
    return this.#pageOf(partitionId, key)?.find(key);
  }

  /** Who holds a key. */
  holder(partitionId: number, key: string): IndexedClaim | undefined {
    const claim = this.claimAt(partitionId, bytesOf(key), 0);
    return claim && claimOf(claim);
  }

  /** Keys above this one with who holds them, ascending, so many at most. An empty text is below all. */
  after(partitionId: number, after: string, limit: number): { key: string; claim: IndexedClaim }[] {
    const found: { key: string; claim: IndexedClaim }[] = [];
    const above = after === '' ? undefined : bytesOf(after);
    const first = above && this.#pageOf(partitionId, above);
    const start = first?.at ?? pageKey(partitionId, above ?? KEY_LOWEST);
    for (const { key, value } of this.#table.getRange({ start, end: pageKey(partitionId + 1, KEY_LOWEST) })) {
      const page = new AppendPage(key, value);
      for (let place = 0; place < page.keys; place++) {
        if (found.length === limit) return found;
        if (above !== undefined && Buffer.compare(page.key(place), above) <= 0) continue;
        found.push({ key: textOf(page.key(place)), claim: claimOf(page.claim(place)) });
      }
    }
    return found;
  }

  /** Adds the keys of runs, which ascend, above all that are there: the last page is filled first. */
  append(writes: IndexWrites, partitionId: number, runs: readonly Run[]): void {
    let left = 0;
    for (const { from, to } of runs) left += to - from;
    if (left === 0) return;
    const last = this.#pageOf(partitionId, KEY_HIGHEST);
    let room = 0;
    if (last !== undefined && last.keys < PAGE_KEYS_MAX) {
      room = Math.min(left, PAGE_KEYS_MAX - last.keys);
      writes.begin((last.keys + room) * PLACE_BYTES);
      writes.bytes.set(last.bytes, writes.at);
      writes.at += last.keys * PLACE_BYTES;
    }
    let at = last?.at;
    for (const { entry, from, to } of runs) {
      for (let place = from; place < to; place++) {
        const start = entry.appendKeyAt(place);
        if (room === 0) {
          room = Math.min(left, PAGE_KEYS_MAX);
          writes.begin(room * PLACE_BYTES);
          at = undefined;
        }
        at ??= pageKey(partitionId, entry.bytes.subarray(start, start + APPEND_KEY_BYTES));
        copyBytes(writes.bytes, writes.at, { from: entry.bytes, start, length: APPEND_KEY_BYTES });
        writeClaimOf(writes.bytes, writes.at + APPEND_KEY_BYTES, entry, place);
        writes.at += PLACE_BYTES;
        room--;
        left--;
        if (room === 0) writes.put(this.#table, at, writes.end());
      }
    }
  }

  /** Changes any keys, each once. */
  change(writes: IndexWrites, partitionId: number, changes: readonly ClaimChange[]): void {
    if (changes.length === 0) return;
    let page: AppendPage | undefined;
    let ofPage: ClaimChange[] = [];
    for (const change of [...changes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const next = this.#pageOf(partitionId, bytesOf(change[0]));
      if (ofPage.length > 0 && !isSamePage(next, page)) {
        this.#changePage(writes, { partitionId, page, changes: ofPage });
        ofPage = [];
      }
      page = next;
      ofPage.push(change);
    }
    this.#changePage(writes, { partitionId, page, changes: ofPage });
  }

  /** Without a page the changes lie below all others, and make pages of their own. */
  #changePage(
    writes: IndexWrites,
    {
      partitionId,
      page,
      changes,
    }: { partitionId: number; page: AppendPage | undefined; changes: readonly ClaimChange[] },
  ): void {
    const after = merged(page, changes);
    if (page !== undefined && after.length === 0) writes.remove(this.#table, page.at);
    for (let from = 0; from < after.length; from += PAGE_KEYS_MAX) {
      const part = after.slice(from, from + PAGE_KEYS_MAX);
      const first = part[0] as Uint8Array;
      writes.begin(part.length * PLACE_BYTES);
      for (const bytes of part) {
        writes.bytes.set(bytes, writes.at);
        writes.at += PLACE_BYTES;
      }
      const at = from === 0 && page !== undefined ? page.at : appendLookup(partitionId, first, 0);
      writes.put(this.#table, at, writes.end());
    }
  }

  /** The page in which a key lies if it is there. */
  #pageOf(partitionId: number, key: Uint8Array): AppendPage | undefined {
    const range = { start: pageKey(partitionId, key), end: pageKey(partitionId, KEY_LOWEST) };
    const pages = this.#table.getRange({ ...range, reverse: true, inclusiveEnd: true, limit: 1 });
    for (const { key: at, value } of pages) return new AppendPage(at, value);
    return undefined;
  }
}

/** The places of a page with the changes, ascending. */
function merged(page: AppendPage | undefined, changes: readonly ClaimChange[]): Uint8Array[] {
  const places: Uint8Array[] = [];
  let place = 0;
  const takeUpTo = (end: number) => {
    for (; page !== undefined && place < end; place++)
      places.push(page.bytes.subarray(place * PLACE_BYTES, (place + 1) * PLACE_BYTES));
  };
  for (const [text, claim] of changes) {
    const key = bytesOf(text);
    takeUpTo(page?.placeOf(key) ?? 0);
    if (page !== undefined && place < page.keys && page.key(place).equals(key)) place++;
    if (claim !== undefined) places.push(Buffer.concat([key, claimValue(claim)]));
  }
  takeUpTo(page?.keys ?? 0);
  return places;
}

function pageKey(partitionId: number, key: Uint8Array): Buffer {
  return Buffer.from(appendLookup(partitionId, key, 0));
}

/** Of a key as text, its namespace first. */
function bytesOf(key: string): Buffer {
  return Buffer.from(key.slice(1), 'latin1');
}

function textOf(key: Buffer): string {
  return String.fromCharCode(APPEND_NAMESPACE) + key.toString('latin1');
}
