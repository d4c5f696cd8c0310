/**
 * One round over ranges in which replicas differ: their listings are merged, the records fetched from who holds
 * them, keys of which somebody lacks a record looked up, and whoever lacks what is shown is to be given it.
 *
 *   listings --> wanted(), fetched() until nothing is wanted --> pages --> keysInDoubt() --> settle() --> gifts()
 *
 * A replica that listed a record and cannot give its bytes, as when its disk has changed them, is passed over for the
 * next one, and given the record again. What it listed and holds no more is gone: another record of its key, or a
 * trim, came in between.
 */

import type { Listing, VersionRange } from '../protocol/listing.js';
import { mergeListings, orderOf, type RangeReadAnswer } from '../quorum/range-read.js';
import { doubtfulKeys, withoutSuperseded } from '../quorum/superseded.js';
import { frameVersion } from '../record.js';
import type { RecordKey } from '../record-key.js';
import { compareVersions, formatVersion, type Version } from '../version.js';
import type { AnsweredFrames } from './range-questions.js';
import { cutPage, type RangeTask } from './range-task.js';

interface ListedTask {
  readonly task: RangeTask;
  readonly answer: RangeReadAnswer;
  page: readonly Uint8Array[];
  next: Version | undefined;
}

interface Wanted {
  readonly version: Version;
  /** That listed it, in the order in which they are asked. */
  readonly holders: readonly string[];
}

/** Records for replicas that lack them. */
export type Lacking = ReadonlyMap<string, readonly Uint8Array[]>;

export class ListedRanges {
  readonly #listed: ListedTask[] = [];
  readonly #frames = new Map<string, Uint8Array>();
  /** Records that are still to be fetched, each from the first of its holders. */
  #wanted: Wanted[] = [];
  readonly #gone = new Set<string>();
  readonly #unreadBy = new Map<string, Version[]>();
  /** What was unreadable at every holder: who is to be done without. */
  readonly #nowhere = new Map<string, string>();

  /** Throws MALFORMED, with the `replica`, where a listing is no answer to its range. */
  constructor(tasks: readonly RangeTask[], listings: ReadonlyMap<string, readonly Listing[]>) {
    const known = new Set<string>();
    for (const [i, task] of tasks.entries()) {
      const perReplica = new Map<string, Listing>();
      for (const [node, { [i]: listing }] of listings)
        if (listing !== undefined) perReplica.set(node, listing);
      const answer = mergeListings(perReplica, task.range);
      this.#listed.push({ task, answer, page: [], next: answer.next });
      for (const { version } of answer.entries) {
        const name = formatVersion(version);
        if (!known.has(name)) this.#wanted.push({ version, holders: answer.holders(version) });
        known.add(name);
      }
    }
  }

  /** What to fetch now, by replica; nothing where all is here that can be. */
  wanted(): ReadonlyMap<string, readonly Version[]> {
    const byHolder = new Map<string, Version[]>();
    for (const { version, holders } of this.#wanted) {
      const [holder] = holders;
      if (holder === undefined) continue;
      const versions = byHolder.get(holder);
      if (versions === undefined) byHolder.set(holder, [version]);
      else versions.push(version);
    }
    return byHolder;
  }

  /** What came of it. What an answer had no room for is left to the next page. */
  fetched(holder: string, asked: readonly Version[], { frames, unread, reached }: AnsweredFrames): void {
    const wanted = new Map(this.#wanted.map((one) => [formatVersion(one.version), one]));
    const names = new Set(asked.map(formatVersion));
    for (const frame of frames) {
      const name = formatVersion(frameVersion(frame));
      if (names.has(name)) this.#frames.set(name, frame);
    }
    const cannotRead = new Set(unread.map(formatVersion));
    const left: Wanted[] = [];
    for (const [i, version] of asked.entries()) {
      const name = formatVersion(version);
      const { holders = [] } = wanted.get(name) ?? {};
      if (this.#frames.has(name)) continue;
      if (cannotRead.has(name)) {
        this.#unreadBy.set(holder, [...(this.#unreadBy.get(holder) ?? []), version]);
        if (holders.length > 1) left.push({ version, holders: holders.slice(1) });
        else this.#nowhere.set(name, holder);
      } else if (i < reached) this.#gone.add(name);
    }
    this.#wanted = [...this.#wanted.filter(({ version }) => !names.has(formatVersion(version))), ...left];
  }

  /**
   * Makes pages of what was fetched. Tasks of which nothing can be shown are tried again; returns the replicas that
   * are to be done without then. Throws READ_TIMEOUT as they do.
   */
  makePages(): ReadonlySet<string> {
    const unusable = new Set<string>();
    for (const one of [...this.#listed]) {
      const { task, answer } = one;
      const listed: Uint8Array[] = [];
      for (const { version } of answer.entries) {
        const frame = this.#frames.get(formatVersion(version));
        if (frame === undefined) break;
        listed.push(frame);
      }
      const left = answer.entries[listed.length]?.version;
      // A page that ends early goes on with the first version that it leaves out.
      Object.assign(one, cutPage(listed, left ?? answer.next));
      if (listed.length > 0 || (left === undefined && answer.next === undefined)) continue;
      this.#listed.splice(this.#listed.indexOf(one), 1);
      if (left === undefined && answer.next !== undefined) {
        // All that was listed has been trimmed elsewhere: what is asked for lies behind it.
        const { range } = task;
        task.again(
          range.descending === true ? { ...range, to: answer.next } : { ...range, from: answer.next },
        );
      } else if (left !== undefined) {
        const name = formatVersion(left);
        const holder = this.#nowhere.get(name);
        if (holder !== undefined) unusable.add(holder);
        else if (this.#gone.has(name)) task.again();
      }
    }
    return unusable;
  }

  /** Keys of shown records that some asked replica lacks, each once. */
  keysInDoubt(): RecordKey[] {
    const keys = new Map<string, RecordKey>();
    for (const { page, answer } of this.#listed)
      for (const key of doubtfulKeys(page, answer.missing)) keys.set(String.fromCharCode(...key), key);
    return [...keys.values()];
  }

  /** Takes out what others have replaced; those are in their place, as far as they belong on the page. */
  replace(found: readonly { readonly key: RecordKey; readonly frame: Uint8Array | undefined }[]): void {
    for (const one of this.#listed) {
      const { task, page, next, answer } = one;
      const doubted = new Set(doubtfulKeys(page, answer.missing).map((key) => String.fromCharCode(...key)));
      const concerned = found.filter(({ key }) => doubted.has(String.fromCharCode(...key)));
      if (concerned.length === 0) continue;
      const isInside = (version: Version) => isOnPage(version, task.range, next);
      const inOrder = orderOf(task.range);
      const current = withoutSuperseded(page, concerned, isInside).sort((a, b) =>
        inOrder(frameVersion(a), frameVersion(b)),
      );
      Object.assign(one, cutPage(current, next));
    }
  }

  /** What is shown and some replica lacks. */
  lacked(): Lacking {
    const lacking = new Map<string, Map<string, Uint8Array>>();
    for (const { page, answer } of this.#listed) {
      const shown = new Map(page.map((frame) => [formatVersion(frameVersion(frame)), frame]));
      for (const [node, versions] of answer.missing) {
        for (const version of versions) {
          const name = formatVersion(version);
          const frame = shown.get(name);
          if (frame === undefined) continue;
          const frames = lacking.get(node);
          if (frames === undefined) lacking.set(node, new Map([[name, frame]]));
          else frames.set(name, frame);
        }
      }
    }
    return new Map([...lacking].map(([node, frames]) => [node, [...frames.values()]]));
  }

  /** What replicas could not give, and somebody could. */
  unreadable(): Lacking {
    const lacking = new Map<string, Uint8Array[]>();
    for (const [node, versions] of this.#unreadBy) {
      const frames = versions.flatMap((version) => this.#frames.get(formatVersion(version)) ?? []);
      if (frames.length > 0) lacking.set(node, frames);
    }
    return lacking;
  }

  /** The pages are the outcomes of their ranges. `isRepaired`: what replicas lacked they have by now. */
  settle(isRepaired: boolean): void {
    for (const { task, page, next, answer } of this.#listed) {
      const shown = new Set(page.map((frame) => formatVersion(frameVersion(frame))));
      const repaired =
        isRepaired &&
        [...answer.missing.values()].some((versions) =>
          versions.some((version) => shown.has(formatVersion(version))),
        );
      task.outcome = { frames: page, next, isKnown: answer.isKnown, repaired };
    }
  }
}

function isOnPage(version: Version, range: VersionRange, next: Version | undefined): boolean {
  if (compareVersions(version, range.from) < 0 || compareVersions(version, range.to) > 0) return false;
  return next === undefined || orderOf(range)(version, next) < 0;
}
