/**
 * Reads single records by version and by key, many in one go.
 *
 *   keys --> who holds them --> in the order of versions: blocks --> in the order of arrival: entries --> tags
 *
 * Each step is done for all before the next: so a page of LMDB that several need is at hand, an entry of the log is
 * copied once, and the kernel is called once for all tags. What LMDB hands out is overwritten by its next read:
 * everything is copied out of it.
 */
import {
  APPEND_NAMESPACE,
  type DigestKernel,
  itemStart,
  KEY_BYTES,
  type KeyHoldings,
  LIMITS,
  type PackedGroup,
  TAG_BYTES,
  type Version,
} from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import { FoundRecords } from './found-records.js';
import { isAboveAppends, textOfKey } from './key-text.js';
import type { LocatedRecord } from './located-record.js';
import type { LogEntry } from './log-entry.js';
import type { PartitionState } from './partition-state.js';
import type { VersionIndex } from './version-index.js';

export interface PointReadsOptions {
  readonly log: Pick<ArrivalLog, 'peek'>;
  readonly index: VersionIndex;
  readonly kernel: DigestKernel;
  /** The arrival number up to which everything is flushed, or was refused. */
  readonly flushed: () => number;
}

/** Of the records that were found those up to `to`, from where the group before ends. */
interface Group {
  readonly state: PartitionState | undefined;
  readonly to: number;
}

/** Keys of one partition; of none where the store has no such. */
export interface AskedKeys {
  readonly state: PartitionState | undefined;
  readonly keys: PackedGroup;
}

/** Columns for so many are kept. */
const KEPT_MAX = LIMITS.batchRecordsMax;

export class PointReads {
  readonly #options: PointReadsOptions;
  #kept = new FoundRecords(64);

  constructor(options: PointReadsOptions) {
    this.#options = options;
  }

  /** Frames of the records of these versions, in their order, until `bytesMax` is passed. */
  versions(state: PartitionState, versions: readonly Version[], bytesMax: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (let from = 0; from < versions.length && bytes < bytesMax; from += KEPT_MAX) {
      const count = Math.min(KEPT_MAX, versions.length - from);
      const found = this.#columns(count);
      for (let i = 0; i < count; i++) {
        const version = versions[from + i] as Version;
        if (version.counter <= state.trimmedTo) found.setAbsent(i);
        else found.seek(i, version);
      }
      const groups = [{ state, to: count }];
      this.#locate(found, groups);
      const listed = heldOf(found, count, bytesMax - bytes);
      const read = this.#frames(found, groups, listed);
      for (let j = 0; j < listed.length; j++) {
        const [i, frame] = [listed[j] as number, read[j]];
        bytes += found.lengths[i] as number;
        if (frame !== undefined) frames.push(frame);
        else state.damaged.add(found.version(i));
      }
      found.release();
    }
    return frames;
  }

  /** Who holds these keys, and the frames of their records until `bytesMax` is passed. */
  holders(asked: readonly AskedKeys[], bytesMax: number): KeyHoldings {
    const count = asked.reduce((sum, { keys }) => sum + keys.ends.length, 0);
    const found = this.#columns(count);
    const groups: Group[] = [];
    let to = 0;
    for (const { state, keys } of asked) {
      for (let i = 0; i < keys.ends.length; i++, to++) {
        if (state === undefined) found.setAbsent(to);
        else this.#seekHolder(found, to, { state, keys, i });
      }
      groups.push({ state, to });
    }
    this.#locate(found, groups);
    setDamagedUnknown(found, groups);
    const frames: (Uint8Array | undefined)[] = [];
    if (bytesMax > 0) {
      const listed = heldOf(found, count, bytesMax);
      const read = this.#frames(found, groups, listed);
      for (let i = 0; i < count; i++) frames.push(undefined);
      let group = 0;
      for (let j = 0; j < listed.length; j++) {
        const i = listed[j] as number;
        frames[i] = read[j];
        if (read[j] !== undefined) continue;
        while ((groups[group]?.to ?? count) <= i) group++;
        groups[group]?.state?.damaged.add(found.version(i));
        found.setUnknown(i);
      }
    }
    found.release();
    return { states: found.packed(count), frames };
  }

  /** Frames of records that are found already, without those that the disk has changed. */
  frames(state: PartitionState, records: readonly LocatedRecord[]): Uint8Array[] {
    const found = this.#columns(records.length);
    const listed = new Uint32Array(records.length);
    for (let i = 0; i < records.length; i++) {
      found.set(i, records[i] as LocatedRecord);
      listed[i] = i;
    }
    const read = this.#frames(found, [{ state, to: records.length }], listed);
    found.release();
    const frames: Uint8Array[] = [];
    for (let i = 0; i < records.length; i++) {
      const frame = read[i];
      if (frame !== undefined) frames.push(frame);
      else state.damaged.add((records[i] as LocatedRecord).version);
    }
    return frames;
  }

  #columns(count: number): FoundRecords {
    // Should a read have failed half way.
    this.#kept.release();
    if (count <= this.#kept.capacity) return this.#kept;
    const columns = new FoundRecords(2 ** Math.ceil(Math.log2(count)));
    if (columns.capacity <= KEPT_MAX) this.#kept = columns;
    return columns;
  }

  #seekHolder(
    found: FoundRecords,
    place: number,
    { state, keys, i }: { state: PartitionState; keys: PackedGroup; i: number },
  ): void {
    const { index, flushed } = this.#options;
    const start = itemStart(keys, i);
    const end = keys.ends[i] as number;
    const isOfAppend = keys.bytes[start] === APPEND_NAMESPACE;
    const text = isOfAppend || !state.holders.isEmpty ? textOfKey(keys.bytes, start, end) : '';
    const overlaid = text === '' ? undefined : state.holders.find(text, flushed());
    if (overlaid !== undefined) found.seek(place, overlaid.version, overlaid.attempt);
    else {
      const isIndexed =
        !isAboveAppends(text, state.appendHead) &&
        index.seekHolder(state.id, { bytes: keys.bytes, start, end }, { found, i: place });
      if (!isIndexed) {
        found.setAbsent(place);
        return;
      }
    }
    if (found.counter(place) <= state.trimmedTo) found.setAbsent(place);
  }

  /** Finds what is sought: of one version the overlay's is the later. */
  #locate(found: FoundRecords, groups: readonly Group[]): void {
    const flushed = this.#options.flushed();
    let from = 0;
    for (const { state, to } of groups) {
      if (state !== undefined) {
        if (!state.overlay.isEmpty) {
          for (const i of found.soughtByCounter(from, to)) {
            const record = state.overlay.find(found.version(i), flushed);
            if (record !== undefined) found.set(i, record);
          }
        }
        this.#options.index.locate(state.id, found, found.soughtByCounter(from, to));
        this.#leaveOut(state, found, { from, to });
      }
      from = to;
    }
  }

  /** What is on its way out is not there any more. */
  #leaveOut(
    { leaving }: PartitionState,
    found: FoundRecords,
    { from, to }: { from: number; to: number },
  ): void {
    if (leaving.isEmpty) return;
    for (let i = from; i < to; i++) {
      if (!found.isHeld(i)) continue;
      const [arrival, ordinal] = [found.arrivals[i] as number, found.ordinals[i] as number];
      if (leaving.has({ arrival, ordinal })) found.setUnknown(i);
    }
  }

  /** Copies of the frames of those listed; undefined in place of one that the disk has changed. */
  #frames(found: FoundRecords, groups: readonly Group[], listed: Uint32Array): (Uint8Array | undefined)[] {
    if (listed.length === 0) return [];
    const ends = new Uint32Array(listed.length);
    let end = 0;
    for (let j = 0; j < listed.length; j++) {
      end += found.lengths[listed[j] as number] as number;
      ends[j] = end;
    }
    // Every byte of it is written.
    const bytes = Buffer.allocUnsafe(end);
    this.#copy(found, listed, { bytes, ends });
    const tags = new Uint8Array(listed.length * TAG_BYTES);
    this.#tags(groups, listed, { bytes, ends, tags });
    const tagView = new DataView(tags.buffer);
    const frames: (Uint8Array | undefined)[] = [];
    for (let j = 0; j < listed.length; j++) {
      const start = itemStart({ ends }, j);
      const isSound = found.hasTag(listed[j] as number, tagView, j * TAG_BYTES);
      const length = (ends[j] as number) - start;
      frames.push(isSound ? new Uint8Array(bytes.buffer, bytes.byteOffset + start, length) : undefined);
    }
    return frames;
  }

  /** The frames back to back. What cannot be read of one is left as zeros: its tag will not match. */
  #copy(
    found: FoundRecords,
    listed: Uint32Array,
    { bytes, ends }: { bytes: Uint8Array; ends: Uint32Array },
  ): void {
    let peekedAt = -1;
    let peeked: LogEntry | undefined;
    for (const j of found.byArrival(listed)) {
      const i = listed[j] as number;
      const inMemory = found.entries[i];
      let frame: Uint8Array | undefined;
      if (inMemory !== undefined) frame = inMemory.frame(found.places[i] as number);
      else {
        const arrival = found.arrivals[i] as number;
        if (arrival !== peekedAt) {
          peeked = this.#options.log.peek(arrival);
          peekedAt = arrival;
        }
        frame = peeked?.frameOf(found.ordinals[i] as number);
      }
      const end = ends[j] as number;
      const start = end - (found.lengths[i] as number);
      if (frame?.length === end - start) bytes.set(frame, start);
      else bytes.fill(0, start, end);
    }
  }

  #tags(
    groups: readonly Group[],
    listed: Uint32Array,
    { bytes, ends, tags }: { bytes: Uint8Array; ends: Uint32Array; tags: Uint8Array },
  ): void {
    const { kernel } = this.#options;
    const [only] = groups;
    if (groups.length === 1 && only?.state !== undefined) {
      kernel.tags(only.state.tagKey, bytes, ends, tags);
      return;
    }
    const keys = new Uint8Array(groups.length * KEY_BYTES);
    const groupEnds = new Uint32Array(groups.length);
    let j = 0;
    for (const [g, { state, to }] of groups.entries()) {
      if (state !== undefined) keys.set(state.tagKey, g * KEY_BYTES);
      while (j < listed.length && (listed[j] as number) < to) j++;
      groupEnds[g] = j;
    }
    kernel.groupTags(keys, groupEnds, bytes, ends, tags);
  }
}

/** Those of the first `count` that are held, in their order, until so many bytes are passed. */
function heldOf(found: FoundRecords, count: number, bytesMax: number): Uint32Array {
  const held = new Uint32Array(count);
  let listed = 0;
  let bytes = 0;
  for (let i = 0; i < count && bytes < bytesMax; i++) {
    if (!found.isHeld(i)) continue;
    held[listed++] = i;
    bytes += found.lengths[i] as number;
  }
  return held.subarray(0, listed);
}

/** A holder that the disk is known to have changed is not known. */
function setDamagedUnknown(found: FoundRecords, groups: readonly Group[]): void {
  let from = 0;
  for (const { state, to } of groups) {
    if (state !== undefined && state.damaged.size > 0) {
      for (let i = from; i < to; i++)
        if (found.isHeld(i) && state.damaged.has(found.version(i))) found.setUnknown(i);
    }
    from = to;
  }
}
