/**
 * One batch on its way into the log: which of its records are new, and the entries that hold them.
 *
 * A record that is there already is left out, as long as its tag is not lower and the disk keeps it. One
 * that waits for its flush counts as there: then this batch waits for that flush too.
 */
import {
  compareTags,
  formatVersion,
  itemAt,
  itemStart,
  type PackedGroup,
  packItems,
  TAG_BYTES,
  type Version,
} from '@mendlog/core';
import { type EntrySeal, encodeEntry, LogEntry, planEntries } from './log-entry.js';
import type { LocatedRecord, OverlayRecord } from './overlay.js';
import type { PartitionState } from './partition-state.js';
import { packedTags } from './row-changes.js';

/** A group whose frames are checked and hashed. */
export interface PreparedGroup {
  readonly state: PartitionState;
  readonly group: PackedGroup;
  readonly versions: readonly Version[];
  /** 16 bytes each. */
  readonly tags: Uint8Array;
}

/** What a batch changes of one partition. */
export interface PartitionArrivals {
  readonly state: PartitionState;
  readonly records: OverlayRecord[];
  /** Versions of which there may be a record that gives way. */
  readonly replacing: Version[];
}

export interface Sorted {
  readonly groups: PreparedGroup[];
  readonly replacing: Map<PartitionState, Version[]>;
  readonly added: number;
  /** Partitions of which some records lie at or below the trim watermark. */
  readonly trimmed: Map<PartitionState, number>;
  /** Some are there, but perhaps not flushed yet. */
  readonly repeats: boolean;
}

/** Which records of a batch go into the log. `find` looks a version up, flushed or not. */
export function sortArrivals(
  prepared: readonly PreparedGroup[],
  find: (state: PartitionState, version: Version) => LocatedRecord | undefined,
): Sorted {
  const trimmed = new Map<PartitionState, number>();
  const replacing = new Map<PartitionState, Version[]>();
  const batch = new BatchVersions();
  let added = 0;
  let repeats = false;
  const keptOf: (number[] | undefined)[] = prepared.map(() => undefined);
  const statesRepeat = new Set(prepared.map(({ state }) => state)).size < prepared.length;
  for (const [g, group] of prepared.entries()) {
    const { state, versions, tags } = group;
    if (!statesRepeat && isAboveAll(group)) {
      added += versions.length;
      continue;
    }
    const kept: number[] = [];
    keptOf[g] = kept;
    for (const [i, version] of versions.entries()) {
      if (version.counter <= state.trimmingTo) {
        trimmed.set(state, state.trimmingTo);
        continue;
      }
      const tag = tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES);
      const twin = batch.find(state, version);
      if (twin !== undefined) {
        if (compareTags(twin.tag, tag) >= 0) continue;
        // Twice in one batch: the higher tag stays.
        const list = keptOf[twin.group] as number[];
        list.splice(list.indexOf(twin.item), 1);
      } else {
        const present = version.counter > state.submittedHead ? undefined : find(state, version);
        if (present !== undefined && isKept(present, tag, state)) {
          repeats = true;
          continue;
        }
        if (present === undefined) added++;
        else replacing.set(state, [...(replacing.get(state) ?? []), version]);
      }
      batch.note(state, version, { group: g, item: i, tag });
      kept.push(i);
    }
  }
  const groups = prepared.map((group, g) => onlyKept(group, keptOf[g])).filter(isNotEmpty);
  return { groups, replacing, added, trimmed, repeats };
}

/** Whether the record that is there stays: the higher tag does, and of equal ones the one that can be read. */
function isKept(present: LocatedRecord, tag: Uint8Array, state: PartitionState): boolean {
  const order = compareTags(present.tag, tag);
  return order > 0 || (order === 0 && !state.damaged.has(present.version));
}

interface Noted {
  readonly group: number;
  readonly item: number;
  readonly tag: Uint8Array;
}

/**
 * Whether its versions ascend from above everything that was ever given to the log: then nothing of it
 * can be there. This is how records come that are not repairs.
 */
function isAboveAll({ state, versions }: PreparedGroup): boolean {
  let below = Math.max(state.submittedHead, state.trimmingTo);
  for (const { counter } of versions) {
    if (counter <= below) return false;
    below = counter;
  }
  return true;
}

/** The records of one batch that may be met again in it. */
class BatchVersions {
  readonly #noted = new Map<PartitionState, Map<string, Noted>>();

  find(state: PartitionState, version: Version): Noted | undefined {
    return this.#noted.get(state)?.get(formatVersion(version));
  }

  note(state: PartitionState, version: Version, noted: Noted): void {
    let known = this.#noted.get(state);
    if (known === undefined) {
      known = new Map();
      this.#noted.set(state, known);
    }
    known.set(formatVersion(version), noted);
  }
}

function onlyKept(prepared: PreparedGroup, kept: readonly number[] | undefined): PreparedGroup {
  const { state, group, versions, tags } = prepared;
  if (kept === undefined || kept.length === versions.length) return prepared;
  return {
    state,
    group: packItems(
      group.partition,
      kept.map((i) => itemAt(group, i)),
    ),
    versions: kept.map((i) => versions[i] as Version),
    tags: packedTags(kept.map((i) => tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES))),
  };
}

function isNotEmpty({ versions }: PreparedGroup): boolean {
  return versions.length > 0;
}

/** The entries of a batch, numbered from `first` on, and its records in them by partition. */
export function entriesOf(
  { groups, replacing }: Sorted,
  seal: EntrySeal,
  first: number,
): { entries: Uint8Array[]; arrivals: PartitionArrivals[] } {
  const entries: Uint8Array[] = [];
  const arrivals = new Map<PartitionState, PartitionArrivals>();
  const byGroup = new Map(groups.map((group) => [group.group, group]));
  const plan = planEntries(
    groups.map(({ state, group, versions, tags }) => ({ partitionId: state.id, group, versions, tags })),
  );
  for (const parts of plan) {
    const bytes = encodeEntry(parts, seal);
    const entry = new LogEntry(bytes);
    const arrival = first + entries.length;
    entries.push(bytes);
    let ordinal = 0;
    for (const part of parts) {
      const { state, versions, group } = byGroup.get(part.group) as PreparedGroup;
      let of = arrivals.get(state);
      if (of === undefined) {
        of = { state, records: [], replacing: replacing.get(state) ?? [] };
        arrivals.set(state, of);
      }
      for (let i = part.from; i < part.to; i++, ordinal++) {
        const length = (group.ends[i] as number) - itemStart(group, i);
        const tag = entry.tag(ordinal);
        of.records.push({ version: versions[i] as Version, arrival, ordinal, length, tag, entry });
      }
    }
  }
  return { entries, arrivals: [...arrivals.values()] };
}
