/**
 * Takes the records of a step one after another, in the order of arrival, where something of them may be
 * there: of one version the higher tag stays, of one key the higher claim.
 *
 * What is replaced is not read: the table of keys says of who holds one how its tag begins, so a record of the
 * same version that is another one is told from it.
 */
import { compareTags, compareVersions, type Version } from '@mendlog/core';
import { isSuperseded } from './key-holders.js';
import { type IndexedClaim, markAt } from './keys.js';
import type { LocatedRecord, Run } from './located-record.js';
import type { LogEntry } from './log-entry.js';
import type { PartitionChange, PartitionView } from './partition-view.js';

/** A record that is there, or was until something took its place. */
interface Place {
  readonly record: LocatedRecord;
  /** As far as it is known: of a record of the index it is read when it is needed. */
  readonly key: string | undefined;
  isIn: boolean;
  /** Another one of its counter. */
  readonly next: Place | undefined;
}

interface Holder {
  readonly claim: IndexedClaim;
  /** Where its record came with this step. */
  readonly place: Place | undefined;
}

export class ContestedRecords {
  readonly #view: PartitionView;
  /** By counter: every record that came in, and every one of the index that was met. */
  readonly #places = new Map<number, Place>();
  readonly #keys = new Map<string, Holder | undefined>();
  readonly #arrived: Place[] = [];
  readonly #removed: LocatedRecord[] = [];
  readonly #dead: LocatedRecord[] = [];
  readonly #outworn = new Set<number>();
  /** Above it no record has been met. */
  #highest: number;

  constructor(view: PartitionView) {
    this.#view = view;
    this.#highest = view.head;
  }

  take(record: LocatedRecord): void {
    const { version, tag } = record;
    const named = record.hasKey ? this.#view.keyOf(record) : undefined;
    const holder = named && this.#holder(named.key);
    const twin = version.counter > this.#highest ? undefined : this.#find(version);
    const isRefused =
      (named !== undefined && isSuperseded({ attempt: named.attempt, version }, holder?.claim)) ||
      (twin?.isIn === true && compareTags(twin.record.tag, tag) > 0);
    if (isRefused) {
      this.#dead.push(record);
      return;
    }
    if (twin?.isIn === true) this.#giveWay(twin);
    if (holder !== undefined && compareVersions(holder.claim.version, version) !== 0) {
      const held = this.#heldBy(holder);
      if (held !== undefined) {
        this.#takeOut(held);
        if (compareVersions(held.record.version, version) > 0) this.#outworn.add(held.record.arrival);
      }
    }
    const place = this.#meet(record, named?.key);
    this.#arrived.push(place);
    if (named === undefined) return;
    this.#keys.set(named.key, { claim: { attempt: named.attempt, version, mark: markAt(tag, 0) }, place });
  }

  /** It lies in the log, and nowhere else. */
  leaveOut(record: LocatedRecord): void {
    this.#dead.push(record);
  }

  result(): PartitionChange {
    const added = this.#arrived.filter(({ isIn }) => isIn).map(({ record }) => record);
    if (!isAscending(added)) added.sort((a, b) => compareVersions(a.version, b.version));
    this.#removed.sort((a, b) => compareVersions(a.version, b.version));
    const keys = new Map([...this.#keys].map(([key, holder]) => [key, holder?.claim]));
    return {
      added: runsOf(added),
      removed: this.#removed,
      dead: this.#dead,
      keys,
      hasNewAppends: false,
      outworn: this.#outworn,
    };
  }

  #meet(record: LocatedRecord, key?: string): Place {
    const { counter } = record.version;
    const place = { record, key, isIn: true, next: this.#places.get(counter) };
    this.#places.set(counter, place);
    if (counter > this.#highest) this.#highest = counter;
    return place;
  }

  /** Whatever was met last of this version, in or out; of what was not met yet the index knows. */
  #find(version: Version): Place | undefined {
    for (let place = this.#places.get(version.counter); place !== undefined; place = place.next)
      if (compareVersions(place.record.version, version) === 0) return place;
    const indexed = this.#view.find(version);
    return indexed && this.#meet(indexed);
  }

  #holder(key: string): Holder | undefined {
    let holder = this.#keys.get(key);
    if (holder === undefined && !this.#keys.has(key)) {
      const claim = this.#view.holder(key);
      holder = claim && { claim, place: undefined };
    }
    return holder !== undefined && holder.claim.version.counter > this.#view.trimmedTo ? holder : undefined;
  }

  /** The record that a holder of a key stands for; undefined where the key has outlived it. */
  #heldBy({ claim, place }: Holder): Place | undefined {
    const held = place ?? this.#find(claim.version);
    const isSame = held?.isIn === true && held.record.hasKey && markAt(held.record.tag, 0) === claim.mark;
    return isSame ? held : undefined;
  }

  #takeOut(place: Place): void {
    place.isIn = false;
    (place.record.entry === undefined ? this.#removed : this.#dead).push(place.record);
  }

  /** To another record of its version, which may have another key. */
  #giveWay(twin: Place): void {
    this.#takeOut(twin);
    const { record } = twin;
    const key = twin.key ?? (record.hasKey ? this.#view.keyOf(record)?.key : undefined);
    if (key === undefined) return;
    const holder = this.#holder(key);
    if (holder !== undefined && compareVersions(holder.claim.version, record.version) === 0)
      this.#keys.set(key, undefined);
  }
}

function isAscending(records: readonly LocatedRecord[]): boolean {
  for (let i = 1; i < records.length; i++) {
    const [before, after] = [records[i - 1] as LocatedRecord, records[i] as LocatedRecord];
    if (compareVersions(before.version, after.version) >= 0) return false;
  }
  return true;
}

/** Records of entries in memory, those in consecutive places together. */
function runsOf(records: readonly LocatedRecord[]): Run[] {
  const runs: { arrival: number; entry: LogEntry; from: number; to: number }[] = [];
  for (const { arrival, entry, place } of records) {
    if (entry === undefined || place === undefined) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.entry === entry && last.to === place) last.to++;
    else runs.push({ arrival, entry, from: place, to: place + 1 });
  }
  return runs;
}
