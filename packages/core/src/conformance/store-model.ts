/**
 * What a store should hold, record by record, as the port says it: the model that the random case compares an
 * engine with.
 */
import type { RecordSource } from '../ports/store.js';
import { compareTags, type VersionRange } from '../protocol/listing.js';
import { frameKey, frameVersion } from '../record.js';
import { compareClaims, type KeyClaim, type RecordKey } from '../record-key.js';
import { compareVersions, formatVersion, type Version } from '../version.js';
import { show } from './expect.js';
import { byVersion } from './made-records.js';

interface Kept extends KeyClaim {
  readonly frame: Uint8Array;
  readonly tag: Uint8Array;
  /** As a text; undefined for a record without one. */
  readonly key: string | undefined;
  readonly isTombstone: boolean;
}

export type Refusal = 'trimmed' | 'fenced' | 'purged';

export class PartitionModel {
  head = 0;
  trimmedTo = 0;
  fencedTo = 0;
  purgedTo = 0;
  readonly #records = new Map<string, Kept>();

  /** What becomes of a record that comes: refused, added as one of a version that was not there, or neither. */
  take(frame: Uint8Array, tag: Uint8Array, source: RecordSource): 'nothing' | 'added' | Refusal {
    const version = frameVersion(frame);
    const found = frameKey(frame);
    const record = {
      frame,
      tag,
      version,
      key: found && show(found.key),
      attempt: found?.attempt ?? 0,
      isTombstone: found?.isTombstone === true,
    };
    if (version.counter <= this.trimmedTo) return 'trimmed';
    const holder = record.key === undefined ? undefined : this.#holderOf(record.key);
    if (holder !== undefined && compareClaims(holder, record) > 0) return 'nothing';
    const twin = this.#records.get(formatVersion(version));
    if (twin !== undefined && compareTags(twin.tag, tag) >= 0) return 'nothing';
    const { counter } = version;
    if (twin === undefined && source === 'write' && counter <= this.fencedTo) return 'fenced';
    const isAlive = typeof source !== 'string' && source.purgedTo >= this.purgedTo && !record.isTombstone;
    if (twin === undefined && counter <= this.purgedTo && !isAlive) return 'purged';
    if (holder !== undefined) this.#records.delete(formatVersion(holder.version));
    this.#records.set(formatVersion(version), record);
    return twin === undefined ? 'added' : 'nothing';
  }

  /** A batch is at its end: what another record of it superseded was never there. */
  settle(): void {
    for (const { version } of this.#records.values()) this.head = Math.max(this.head, version.counter);
  }

  trim(counter: number): void {
    this.trimmedTo = Math.max(this.trimmedTo, counter);
    this.head = Math.max(this.head, counter);
    for (const [text, { version }] of this.#records)
      if (version.counter <= this.trimmedTo) this.#records.delete(text);
  }

  fence(counter: number, purgedTo = this.purgedTo): void {
    if (purgedTo !== this.purgedTo) return;
    this.fencedTo = Math.max(this.fencedTo, counter);
    this.head = Math.max(this.head, counter);
  }

  purge(counter: number): void {
    if (counter <= this.purgedTo) return;
    const knowsAll = this.fencedTo >= counter;
    this.fence(counter);
    this.purgedTo = counter;
    for (const [text, { version, isTombstone }] of this.#records)
      if (version.counter <= counter && (isTombstone || !knowsAll)) this.#records.delete(text);
  }

  /** Ascending. */
  frames(): Uint8Array[] {
    return [...this.#records.values()].map(({ frame }) => frame).sort(byVersion);
  }

  /** In the order of the range, as many as there are. */
  within({ from, to, descending }: Omit<VersionRange, 'limit'>): Uint8Array[] {
    const isInside = (at: Version) => compareVersions(at, from) >= 0 && compareVersions(at, to) <= 0;
    const frames = this.frames().filter((frame) => isInside(frameVersion(frame)));
    return descending === true ? frames.reverse() : frames;
  }

  holders(keys: readonly RecordKey[]): Uint8Array[] {
    return keys.flatMap((key) => this.#holderOf(show(key))?.frame ?? []);
  }

  #holderOf(key: string): Kept | undefined {
    return [...this.#records.values()].find((record) => record.key === key);
  }
}
