/**
 * What the records that arrived change of a partition in the index: of one version the higher tag stays, of
 * one key the higher claim.
 *
 * The result is that of taking the records one after another in the order of arrival, which is the order in
 * which they were taken when they came: so the index made anew from the log is the same. As a rule they
 * are above all that is there and their keys are new; only where they are not is each one looked up.
 */
import {
  APPEND_NAMESPACE,
  compareTags,
  compareVersions,
  formatVersion,
  type KeyClaim,
  type Version,
} from '@mendlog/core';
import { isSuperseded, keyOfFrame } from './key-holders.js';
import { type LocatedRecord, type Run, recordsOf } from './located-record.js';

export interface PartitionChange {
  /** What comes in, ascending by version. */
  readonly added: readonly Run[];
  /** What goes of the index, ascending by version. */
  readonly removed: readonly LocatedRecord[];
  /** What arrived and gave way at once. */
  readonly dead: readonly LocatedRecord[];
  /** Keys with who holds them now; undefined where nobody does. */
  readonly keys: ReadonlyMap<string, KeyClaim | undefined>;
  /**
   * Entries with a record that gave way to one of a lower version, as an early attempt does that was late. A
   * trim may take the lower one alone, and nothing would tell that the other is dead: it must leave the log.
   */
  readonly outworn: ReadonlySet<number>;
}

/** What the index holds of the partition. */
export interface PartitionView {
  /** Its highest counter. */
  readonly head: number;
  /** Its highest append key. */
  readonly appendHead: string;
  /** The trim watermark: a record at or below it holds no key. */
  readonly trimmedTo: number;
  find(version: Version): LocatedRecord | undefined;
  holder(key: string): KeyClaim | undefined;
  /** The frame of a record, where the disk has kept it. */
  frameOf(record: LocatedRecord): Uint8Array | undefined;
}

const NOTHING: readonly LocatedRecord[] = [];
const NO_ENTRY: ReadonlySet<number> = new Set();

/** `runs` are in the order of arrival. */
export function changeOf(runs: readonly Run[], view: PartitionView): PartitionChange {
  const keys = newKeys(runs, view);
  return keys === undefined
    ? oneByOne(runs, view)
    : { added: runs, removed: NOTHING, dead: NOTHING, keys, outworn: NO_ENTRY };
}

/** The keys of runs of which nothing can be there, nor of their keys; undefined where something may. */
function newKeys(runs: readonly Run[], view: PartitionView): Map<string, KeyClaim> | undefined {
  const keys = new Map<string, KeyClaim>();
  let below = view.head;
  for (const { entry, from, to } of runs) {
    if (entry.counter(from) <= below) return undefined;
    below = entry.counter(to - 1);
    for (let place = from; place < to; place++) {
      if (!entry.hasKey(place)) continue;
      const { key, attempt } = entry.key(place);
      if (keys.has(key) || mayBeHeld(key, view)) return undefined;
      keys.set(key, { attempt, version: entry.version(place) });
    }
  }
  return keys;
}

/** Whether the index may know a key: append keys ascend with time, and above the highest there is none. */
function mayBeHeld(key: string, { appendHead, holder }: PartitionView): boolean {
  return !(isAppendKey(key) && key > appendHead) && holder(key) !== undefined;
}

export function isAppendKey(key: string): boolean {
  return key.charCodeAt(0) === APPEND_NAMESPACE;
}

function oneByOne(runs: readonly Run[], view: PartitionView): PartitionChange {
  const changes = new Changes(view);
  for (const run of runs) for (const record of recordsOf(run)) changes.take(record);
  return changes.result();
}

class Changes {
  readonly #view: PartitionView;
  /** By version: the record that is there now, where that has changed. */
  readonly #records = new Map<string, LocatedRecord | undefined>();
  readonly #keys = new Map<string, KeyClaim | undefined>();
  readonly #removed: LocatedRecord[] = [];
  readonly #dead: LocatedRecord[] = [];
  readonly #outworn = new Set<number>();

  constructor(view: PartitionView) {
    this.#view = view;
  }

  take(record: LocatedRecord): void {
    const { version, tag } = record;
    const claimed = this.#claimOf(record);
    const holder = claimed && this.#holder(claimed.key);
    const twin = this.#find(version);
    const isRefused =
      (claimed !== undefined && isSuperseded(claimed, holder)) ||
      (twin !== undefined && compareTags(twin.tag, tag) > 0);
    if (isRefused) {
      this.#dead.push(record);
      return;
    }
    if (twin !== undefined) this.#giveWay(twin);
    if (holder !== undefined && compareVersions(holder.version, version) !== 0) {
      const held = this.#find(holder.version);
      const heldClaim = held && this.#claimOf(held);
      // A key may outlive its record. Of one whose key the disk has changed, the table of keys says what it was.
      if (held?.hasKey === true && (heldClaim === undefined || heldClaim.key === claimed?.key)) {
        this.#giveWay(held);
        if (compareVersions(held.version, version) > 0) this.#outworn.add(held.arrival);
      }
    }
    this.#records.set(formatVersion(version), record);
    if (claimed !== undefined) this.#keys.set(claimed.key, claimed);
  }

  result(): PartitionChange {
    const added: Run[] = [];
    for (const record of this.#records.values()) {
      const { entry, place = 0 } = record ?? {};
      if (record === undefined || entry === undefined) continue;
      added.push({ arrival: record.arrival, entry, from: place, to: place + 1 });
    }
    added.sort((a, b) => compareVersions(a.entry.version(a.from), b.entry.version(b.from)));
    this.#removed.sort((a, b) => compareVersions(a.version, b.version));
    return { added, removed: this.#removed, dead: this.#dead, keys: this.#keys, outworn: this.#outworn };
  }

  #giveWay(record: LocatedRecord): void {
    (record.entry === undefined ? this.#removed : this.#dead).push(record);
    this.#records.set(formatVersion(record.version), undefined);
    const claimed = this.#claimOf(record);
    if (claimed === undefined) return;
    const holder = this.#holder(claimed.key);
    if (holder !== undefined && compareVersions(holder.version, record.version) === 0)
      this.#keys.set(claimed.key, undefined);
  }

  #find(version: Version): LocatedRecord | undefined {
    const text = formatVersion(version);
    return this.#records.has(text) ? this.#records.get(text) : this.#view.find(version);
  }

  #holder(key: string): KeyClaim | undefined {
    const holder = this.#keys.has(key) ? this.#keys.get(key) : this.#view.holder(key);
    return holder !== undefined && holder.version.counter > this.#view.trimmedTo ? holder : undefined;
  }

  #claimOf(record: LocatedRecord): (KeyClaim & { key: string }) | undefined {
    if (!record.hasKey) return undefined;
    const frame = this.#view.frameOf(record);
    return frame && { ...keyOfFrame(frame), version: record.version };
  }
}
