/**
 * One batch on its way into the log: which of its records are new, and the entries that hold them.
 *
 * A record that is there already is left out, as long as its tag is not lower and the disk keeps it; so is
 * one whose key is held with a higher claim. What waits for its flush counts as there: then this batch
 * waits for that flush too.
 */
import {
  type ApplyResult,
  BufferViews,
  checkCounterJump,
  checkFrame,
  compareTags,
  type DigestKernel,
  FRAME_TIME_AT,
  FRAME_VERSION_AT,
  formatVersion,
  frameAppendKeyAt,
  frameHasKey,
  frameIsTombstone,
  itemAt,
  itemStart,
  type KeyClaim,
  type PackedGroup,
  packItems,
  type RecordSource,
  readCounter,
  readVersion,
  TAG_BYTES,
  type Version,
} from '@mendlog/core';
import { compareAppendKeys, compareAppendKeyTo } from './append-keys.js';
import { asBuffer } from './as-buffer.js';
import { isSuperseded } from './key-holders.js';
import { keyOfFrame } from './key-text.js';
import { ascendingRuns, type LocatedRecord, type Run } from './located-record.js';
import { type EntryWriter, planEntries } from './log-entry.js';
import type { PartitionBatch } from './partition-batch.js';
import type { PartitionState } from './partition-state.js';

/** A group whose frames are checked, on its way into the log. */
export interface CheckedGroup {
  readonly state: PartitionState;
  readonly group: PackedGroup;
  /** Its counters ascend from this one on; undefined where they do not ascend. */
  readonly ascendsFrom: number | undefined;
  readonly hasKeys: boolean;
  /** The highest of its counters. */
  readonly highest: number;
  /** The time that all of its records have, as those of one commit do; undefined where they differ. */
  readonly timeMs: number | undefined;
  /** Each of its records has an append key, and these ascend, up to the one that lies there. */
  readonly appendsAscend: boolean;
  readonly lastAppendAt: number;
  /** Nobody can hold these: they are above all that were ever given to the log. */
  hasNewAppends: boolean;
  /** Its counters ascend from above everything that was ever given to the log, or comes before it in the batch: nothing of it can be there. */
  isAboveAll: boolean;
}

export interface ArrivedRun extends Run {
  readonly state: PartitionState;
  readonly isAboveAll: boolean;
  readonly hasNewAppends: boolean;
}

interface ArrivedKey extends KeyClaim {
  readonly state: PartitionState;
  readonly key: string;
  /** Who held its key when it came: what holds it gives way. */
  replaces: FoundHolder | undefined;
  /** What gives way has a higher counter, which may have been the head. */
  isBelow: boolean;
}

/** What a batch brings. */
export interface Sorted {
  readonly groups: readonly CheckedGroup[];
  /** Claims of its records, each above those that there were. */
  readonly keys: readonly ArrivedKey[];
  /** Records that may take another's place, of their version. */
  readonly replacing: readonly { readonly state: PartitionState; readonly version: Version }[];
  readonly added: number;
  /** Partitions of which some records lie at or below the trim watermark, the fence, or the purge watermark. */
  readonly trimmed: ReadonlyMap<PartitionState, number>;
  readonly fenced: ReadonlyMap<PartitionState, number>;
  readonly purged: ReadonlyMap<PartitionState, number>;
  /** Some are there, or give way to what is, but perhaps not flushed yet. */
  readonly repeats: boolean;
}

/** Who holds a key, and the arrival of its record, as long as that is in the overlay. */
export interface FoundHolder extends KeyClaim {
  readonly arrival?: number;
}

/** Looks records and keys up, flushed or not. */
export interface Known {
  find(state: PartitionState, version: Version): LocatedRecord | undefined;
  holder(state: PartitionState, key: string): FoundHolder | undefined;
}

/** Everything that can fail for a reason of the input happens here. Throws MALFORMED and CLOCK_JUMP. */
export function checkGroups(
  groups: readonly PackedGroup[],
  stateOf: (partition: string) => PartitionState,
): CheckedGroup[] {
  const views = new BufferViews();
  return groups.map((group) => checkGroup(stateOf(group.partition), group, views.of(group)));
}

/** `view` is of the whole buffer in which the group lies. */
function checkGroup(state: PartitionState, group: PackedGroup, view: DataView): CheckedGroup {
  const { bytes, ends } = group;
  const base = bytes.byteOffset;
  let below = 0;
  let ascendsFrom: number | undefined = Number.POSITIVE_INFINITY;
  let hasKeys = false;
  let appendsAscend = true;
  let appendAt = 0;
  let highest = 0;
  let timeMs: number | undefined;
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    const end = ends[i] as number;
    const counter = checkFrame(view, base + start, base + end);
    const time = readCounter(view, base + start + FRAME_TIME_AT);
    if (i === 0) {
      ascendsFrom = counter;
      timeMs = time;
    } else {
      if (counter <= below) ascendsFrom = undefined;
      if (time !== timeMs) timeMs = undefined;
    }
    below = counter;
    if (counter > highest) highest = counter;
    if (frameHasKey(bytes, start)) hasKeys = true;
    if (appendsAscend) {
      const at = frameAppendKeyAt(bytes, start);
      appendsAscend = at > 0 && (appendAt === 0 || compareAppendKeys(bytes, appendAt, bytes, at) < 0);
      appendAt = at;
    }
    start = end;
  }
  checkCounterJump(state.head, highest);
  return {
    state,
    group,
    ascendsFrom,
    hasKeys,
    highest,
    timeMs,
    appendsAscend,
    lastAppendAt: appendAt,
    isAboveAll: false,
    hasNewAppends: false,
  };
}

/** What a batch is looked at with, and where it comes from. */
interface SortOptions {
  readonly known: Known;
  readonly kernel: DigestKernel;
  readonly source: RecordSource;
}

/** Which records of a batch go into the log. */
export function sortArrivals(checked: readonly CheckedGroup[], options: SortOptions): Sorted {
  const sorter = new Sorter(options);
  const filled = checked.filter(({ group }) => group.ends.length > 0);
  const batch = ++batches;
  for (const group of filled) lookAt(group, batch);
  // What they point to is a whole message, which would stay in memory until the partition is written again.
  for (const { state } of filled) state.batch.appends = undefined;
  for (const group of filled) {
    const { isMixed, keysAreMixed } = group.state.batch;
    if (isMixed) group.isAboveAll = false;
    if (isMixed || keysAreMixed) group.hasNewAppends = false;
    if (group.hasNewAppends || (group.isAboveAll && !group.hasKeys)) sorter.takeWhole(group);
    else sorter.takeEach(group);
  }
  return sorter.sorted();
}

/** Batches have numbers: a map of the states of one, hundreds of them, would cost more than what it tells. */
let batches = 0;

/** Tells whether the group is above all that was before it. */
function lookAt(group: CheckedGroup, number: number): void {
  const { state, ascendsFrom = 0, highest, hasKeys, lastAppendAt } = group;
  const { batch } = state;
  if (batch.number !== number) batch.begin(number, Math.max(state.submittedHead, state.trimmingTo));
  group.isAboveAll = ascendsFrom > batch.head;
  if (!group.isAboveAll) batch.isMixed = true;
  if (highest > batch.head) batch.head = highest;
  if (!hasKeys) return;
  group.hasNewAppends = hasNewAppends(group, batch);
  if (group.hasNewAppends) batch.appends = { bytes: group.group.bytes, at: lastAppendAt };
  else batch.keysAreMixed = true;
}

function hasNewAppends(
  { state, group: { bytes }, appendsAscend }: CheckedGroup,
  { appends }: PartitionBatch,
): boolean {
  if (!appendsAscend) return false;
  const at = frameAppendKeyAt(bytes, 0);
  if (appends !== undefined) return compareAppendKeys(bytes, at, appends.bytes, appends.at) > 0;
  return compareAppendKeyTo(bytes, at, state.highestAppend) > 0;
}

/** A record of the batch that another one of it may meet. */
interface Noted {
  readonly from: CheckedGroup;
  readonly item: number;
  readonly tag: Uint8Array | undefined;
  readonly claim: ArrivedKey | undefined;
}

class Sorter {
  readonly #known: Known;
  readonly #kernel: DigestKernel;
  readonly #source: RecordSource;
  readonly #groups: CheckedGroup[] = [];
  /** Of groups that were taken record by record, the items that are kept. */
  readonly #kept = new Map<CheckedGroup, Set<number>>();
  readonly #byVersion = new Map<PartitionState, Map<string, Noted>>();
  readonly #byKey = new Map<PartitionState, Map<string, Noted>>();
  readonly #claims = new Set<ArrivedKey>();
  readonly #replacing: { state: PartitionState; version: Version }[] = [];
  readonly #trimmed = new Map<PartitionState, number>();
  readonly #fenced = new Map<PartitionState, number>();
  readonly #purged = new Map<PartitionState, number>();
  #added = 0;
  #repeats = false;

  constructor({ known, kernel, source }: SortOptions) {
    this.#known = known;
    this.#kernel = kernel;
    this.#source = source;
  }

  takeWhole(group: CheckedGroup): void {
    this.#groups.push(group);
    this.#added += group.group.ends.length;
  }

  /** Record by record, since they or their keys may be there. */
  takeEach(from: CheckedGroup): void {
    const { state, group, isAboveAll } = from;
    const { bytes, ends } = group;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const buffer = asBuffer(bytes);
    const tags = isAboveAll ? undefined : new Uint8Array(ends.length * TAG_BYTES);
    if (tags !== undefined) this.#kernel.tags(state.tagKey, bytes, ends, tags);
    this.#groups.push(from);
    this.#kept.set(from, new Set());
    for (let item = 0; item < ends.length; item++) {
      const start = itemStart(group, item);
      const version = readVersion(view, start + FRAME_VERSION_AT);
      if (version.counter <= state.trimmingTo) {
        this.#trimmed.set(state, state.trimmingTo);
        continue;
      }
      let claim: ArrivedKey | undefined;
      if (frameHasKey(bytes, start)) {
        const { key, attempt } = keyOfFrame(buffer, start);
        claim = { state, key, attempt, version, replaces: undefined, isBelow: false };
      }
      const tag = tags?.subarray(item * TAG_BYTES, (item + 1) * TAG_BYTES);
      this.#take({ from, item, tag, claim }, version);
    }
  }

  sorted(): Sorted {
    return {
      groups: this.#kept.size === 0 ? this.#groups : this.#groups.flatMap((group) => this.#onlyKept(group)),
      keys: [...this.#claims],
      replacing: this.#replacing,
      added: this.#added,
      trimmed: this.#trimmed,
      fenced: this.#fenced,
      purged: this.#purged,
      repeats: this.#repeats,
    };
  }

  #take(record: Noted, version: Version): void {
    const { from, item, tag, claim } = record;
    const { state } = from;
    const rival = claim && noted(this.#byKey, state).get(claim.key);
    if (claim !== undefined) {
      const holder = rival?.claim ?? this.#known.holder(state, claim.key);
      if (isSuperseded(claim, holder)) {
        this.#repeats = true;
        return;
      }
      claim.replaces = rival === undefined ? holder : rival.claim?.replaces;
      // What of the batch gave way to this one may have been below another one itself.
      claim.isBelow =
        (holder !== undefined && holder.version.counter > version.counter) || rival?.claim?.isBelow === true;
    }
    const text = tag && formatVersion(version);
    const twin = text === undefined ? undefined : noted(this.#byVersion, state).get(text);
    if (twin?.tag !== undefined && tag !== undefined) {
      if (compareTags(twin.tag, tag) >= 0) return;
      this.#leaveOut(twin);
    } else if (tag !== undefined) {
      const present = version.counter > state.submittedHead ? undefined : this.#known.find(state, version);
      if (present !== undefined && isKept(present, tag, state)) {
        this.#repeats = true;
        return;
      }
      if (present === undefined && this.#isRefused(record, version)) return;
      if (present === undefined) this.#added++;
      else this.#replacing.push({ state, version });
    } else this.#added++;
    // Twice in one batch: only the last goes into the log.
    if (rival !== undefined && rival !== twin) this.#leaveOut(rival);
    this.#kept.get(from)?.add(item);
    if (text !== undefined) noted(this.#byVersion, state).set(text, record);
    if (claim === undefined) return;
    noted(this.#byKey, state).set(claim.key, record);
    this.#claims.add(claim);
  }

  /** Whether a record that is not there may not come in: all replicas agree already on what lies so low. */
  #isRefused({ from, item }: Noted, { counter }: Version): boolean {
    const { state, group } = from;
    if (counter <= state.fencingTo && this.#source === 'write') {
      this.#fenced.set(state, state.fencingTo);
      return true;
    }
    if (counter > state.purgingTo) return false;
    const isOfPurged = typeof this.#source !== 'string' && this.#source.purgedTo >= state.purgingTo;
    if (isOfPurged && !frameIsTombstone(group.bytes, itemStart(group, item))) return false;
    this.#purged.set(state, state.purgingTo);
    return true;
  }

  /** The group with what is kept of it; nothing where that is nothing. */
  #onlyKept(checked: CheckedGroup): CheckedGroup[] {
    const { group } = checked;
    const items = this.#kept.get(checked);
    if (items === undefined || items.size === group.ends.length) return [checked];
    if (items.size === 0) return [];
    const frames = [...items].sort((a, b) => a - b).map((i) => itemAt(group, i));
    return [{ ...checked, group: packItems(group.partition, frames) }];
  }

  #leaveOut({ from, item, claim }: Noted): void {
    this.#kept.get(from)?.delete(item);
    if (claim === undefined) return;
    this.#claims.delete(claim);
    this.#byKey.get(from.state)?.delete(claim.key);
  }
}

function noted(of: Map<PartitionState, Map<string, Noted>>, state: PartitionState): Map<string, Noted> {
  let known = of.get(state);
  if (known === undefined) {
    known = new Map();
    of.set(state, known);
  }
  return known;
}

/** Whether the record that is there stays: the higher tag does, and of equal ones the one that can be read. */
function isKept(present: LocatedRecord, tag: Uint8Array, state: PartitionState): boolean {
  const order = compareTags(present.tag, tag);
  return order > 0 || (order === 0 && !state.damaged.has(present.version));
}

/** The entries of a batch, numbered from `first` on, and its records in them. */
export function entriesOf(
  groups: readonly CheckedGroup[],
  writer: EntryWriter,
  first: number,
): { entries: Uint8Array[]; runs: ArrivedRun[] } {
  const entries: Uint8Array[] = [];
  const runs: ArrivedRun[] = [];
  const plan = planEntries(groups);
  for (const parts of plan) {
    const arrival = first + entries.length;
    const entry = writer.write(parts);
    entries.push(entry.bytes);
    let place = 0;
    for (const { of, from, to } of parts) {
      const { state, isAboveAll, hasNewAppends, timeMs, hasKeys } = of;
      const end = place + to - from;
      const isKeyless = !hasKeys;
      const run = {
        arrival,
        entry,
        from: place,
        to: end,
        timeMs,
        isKeyless,
        state,
        isAboveAll,
        hasNewAppends,
      };
      place = end;
      if (isAboveAll) runs.push(run);
      else for (const part of ascendingRuns(run)) runs.push({ ...run, ...part });
    }
  }
  return { entries, runs };
}

/** What the caller of a batch is told. */
export function applyResult({ added, trimmed, fenced, purged }: Sorted): ApplyResult {
  return {
    added,
    trimmed: [...trimmed].map(([{ name }, trimmedTo]) => ({ partition: name, trimmedTo })),
    fenced: [...fenced].map(([{ name }, fencedTo]) => ({ partition: name, fencedTo })),
    purged: [...purged].map(([{ name }, purgedTo]) => ({ partition: name, purgedTo })),
  };
}
