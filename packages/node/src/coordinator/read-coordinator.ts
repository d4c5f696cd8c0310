/**
 * Coordinates reads of ranges: asks R replicas which records they hold, merges the answers, fetches
 * what this node lacks, gives asked replicas what they lack, and answers.
 *
 * With blocking read repair, what the answer holds is on every asked replica, hence on a read quorum,
 * before the caller sees it, so that no later quorum read can miss it. "Absent" is an answer like any
 * other. A replica that fails on the way is replaced by another one, as long as there are enough.
 *
 * Where replicas differ in a record with a key, the key is looked up: the record may be one that is replaced.
 */
import {
  answersNeeded,
  compareVersions,
  decodePacked,
  doubtfulKeys,
  encodePacked,
  formatVersion,
  frameVersion,
  itemsOf,
  type KeyOutcome,
  type KeyQuestion,
  type Level,
  LIMITS,
  type Listing,
  MendlogError,
  mergeListings,
  packItems,
  type RangeReadAnswer,
  type ReadRepairMode,
  type Store,
  type TimeWindow,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
  withoutSuperseded,
} from '@mendlog/core';
import type { AskedLevel, ReadOutcome } from '../api/service.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics } from '../metrics/metrics.js';
import { mergeTimeRanges, type ReplicaTimeRanges, timeRangesOf } from './time-ranges.js';

export interface ReadCoordinatorOptions {
  readonly store: Store;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly levelOf: (partition: string, level: AskedLevel) => Level;
  /** What holds each key at this level; one outcome for each, in order. */
  readonly readKeys: (questions: readonly KeyQuestion[], level: Level) => Promise<KeyOutcome[]>;
  readonly readTimeoutMs: number;
  readonly readRepair: ReadRepairMode;
  /** How likely a read also compares the live replicas beyond those its level asks, in the background. */
  readonly readRepairChance: number;
  readonly metrics: Metrics;
  readonly log: Log;
}

const ANY_RECORD: VersionRange = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 1 };
/** How often one read asks anew, where all that it listed was trimmed or superseded before it was read. */
const EMPTY_PAGES_MAX = 16;

/** A page stays well below the limit of a message, whatever the values' sizes. */
const PAGE_BYTES_MAX = LIMITS.messageBytesMax / 4;

class ReplicaFailed extends Error {
  readonly nodeId: string;

  constructor(nodeId: string, cause: unknown) {
    super(`replica ${nodeId} failed`, { cause });
    this.nodeId = nodeId;
  }
}

export class ReadCoordinator {
  readonly #options: ReadCoordinatorOptions;

  constructor(options: ReadCoordinatorOptions) {
    this.#options = options;
  }

  /** One outcome for each range, in order. All ranges are of one partition. */
  async read(partition: string, ranges: readonly VersionRange[], level: AskedLevel): Promise<ReadOutcome[]> {
    const primaries = this.#options.placement.primaries(partition);
    const consistency = this.#options.levelOf(partition, level);
    const needed = answersNeeded(consistency, primaries.length);
    const { metrics, readRepair, readRepairChance } = this.#options;
    const startedMs = performance.now();
    const counted = { consistency, ranges: ranges.length };
    try {
      const outcomes = await this.#withReplicas(
        (failed) => this.#choose(primaries, needed, failed),
        (replicas) => this.#readFrom(replicas, partition, ranges, readRepair),
      );
      metrics.readRanges('answered', counted, (performance.now() - startedMs) / 1000);
      if (Math.random() < readRepairChance) this.#repairAll(primaries, partition, ranges);
      return outcomes;
    } catch (error) {
      metrics.readRanges('failed', counted, 0);
      throw error;
    }
  }

  /**
   * Ranges of counters in which all records of a time lie that as many replicas as the level asks for hold.
   * Rejects with UNAVAILABLE or READ_TIMEOUT.
   */
  async timeRanges(
    partition: string,
    asked: { time: TimeWindow; from: number },
    level: AskedLevel,
  ): Promise<ReplicaTimeRanges> {
    const { peers, placement, store, levelOf } = this.#options;
    const primaries = placement.primaries(partition);
    const needed = answersNeeded(levelOf(partition, level), primaries.length);
    const { time, from } = asked;
    const ask = async (nodeId: string): Promise<ReplicaTimeRanges> => {
      if (nodeId === peers.self)
        return timeRangesOf(store, partition, { time, from, limit: LIMITS.rangesMax });
      const input = { partition, ...time, from, limit: LIMITS.rangesMax };
      return await this.#ask(nodeId, (connection, context) =>
        connection.call.peer.timeRanges.query(input, { context }),
      );
    };
    return await this.#withReplicas(
      (failed) => this.#choose(primaries, needed, failed),
      async (replicas) => mergeTimeRanges(await Promise.all(replicas.map(ask))),
    );
  }

  /**
   * Whether any live replica, of a quorum at least, knows of records of the partition. Repairs nothing.
   * Rejects with UNAVAILABLE or READ_TIMEOUT.
   */
  async isKnown(partition: string): Promise<boolean> {
    const primaries = this.#options.placement.primaries(partition);
    const quorum = answersNeeded('QUORUM', primaries.length);
    const [answer] = await this.#withReplicas(
      (failed) => {
        const usable = this.#usable(primaries, failed);
        return this.#choose(primaries, Math.max(quorum, usable.length), failed);
      },
      (replicas) => this.#answersOf(replicas, partition, [ANY_RECORD]),
    );
    return answer?.isKnown ?? false;
  }

  /** Asks anew without a replica that failed. Each turn excludes one more, so it ends: `choose` throws. */
  async #withReplicas<Answer>(
    choose: (failed: ReadonlySet<string>) => readonly string[],
    ask: (replicas: readonly string[]) => Promise<Answer>,
  ): Promise<Answer> {
    const failed = new Set<string>();
    for (;;) {
      const replicas = choose(failed);
      try {
        return await ask(replicas);
      } catch (error) {
        if (!(error instanceof ReplicaFailed)) throw error;
        failed.add(error.nodeId);
      }
    }
  }

  /** This node first, since its records are at hand, then the others in order of preference. */
  #usable(primaries: readonly string[], failed: ReadonlySet<string>): string[] {
    const { peers } = this.#options;
    return primaries
      .filter((nodeId) => peers.isAlive(nodeId) && !failed.has(nodeId))
      .sort((a, b) => Number(b === peers.self) - Number(a === peers.self));
  }

  /** Compares all live replicas behind the answer, and repairs what differs. */
  #repairAll(primaries: readonly string[], partition: string, ranges: readonly VersionRange[]): void {
    const alive = this.#usable(primaries, new Set());
    this.#readFrom(alive, partition, ranges, 'blocking').catch((error: unknown) =>
      this.#behindFailed(partition, error),
    );
  }

  /** What goes wrong behind an answer is anti-entropy's to mend; the caller has been answered. */
  #behindFailed(partition: string, error: unknown): void {
    this.#options.log.debug('a repair behind a read failed', { partition, error });
  }

  #choose(primaries: readonly string[], needed: number, failed: ReadonlySet<string>): string[] {
    const usable = this.#usable(primaries, failed);
    if (usable.length >= needed) return usable.slice(0, needed);
    const missing = primaries.filter((nodeId) => !usable.includes(nodeId));
    const details = { needed, missing };
    if (failed.size > 0)
      throw new MendlogError('READ_TIMEOUT', `${missing.join(', ')} did not answer in time`, { details });
    throw new MendlogError(
      'UNAVAILABLE',
      `${needed} replicas are needed and ${missing.join(', ')} cannot be reached`,
      { details },
    );
  }

  async #readFrom(
    replicas: readonly string[],
    partition: string,
    ranges: readonly VersionRange[],
    mode: ReadRepairMode,
  ): Promise<ReadOutcome[]> {
    const answers = await this.#answersOf(replicas, partition, ranges);
    const outcomes: ReadOutcome[] = [];
    for (const [i, range] of ranges.entries()) {
      let answer = answers[i];
      if (answer === undefined) throw new MendlogError('INTERNAL', 'a range has no answer');
      let from: Version | undefined = range.from;
      for (let page = 1; ; page++) {
        if (page > EMPTY_PAGES_MAX)
          throw new MendlogError(
            'READ_TIMEOUT',
            `${partition} changes faster than it can be read; read again`,
          );
        // All that was listed has been trimmed elsewhere: what is asked for lies behind it.
        const isTrimmed = answer.entries.length === 0 && answer.next !== undefined;
        const outcome = isTrimmed
          ? undefined
          : await this.#resolve({ partition, range, replicas }, answer, mode);
        if (outcome !== undefined) {
          outcomes.push(outcome);
          break;
        }
        if (isTrimmed) from = answer.next;
        const [next] = await this.#answersOf(replicas, partition, [{ ...range, from: from ?? range.from }]);
        if (next === undefined) throw new MendlogError('INTERNAL', 'a range has no answer');
        answer = next;
      }
    }
    return outcomes;
  }

  /** The merged answer to each range, in order. */
  async #answersOf(
    replicas: readonly string[],
    partition: string,
    ranges: readonly VersionRange[],
  ): Promise<RangeReadAnswer[]> {
    const listings = await Promise.all(replicas.map((nodeId) => this.#list(nodeId, partition, ranges)));
    return ranges.map((range, i) => {
      const perReplica = new Map<string, Listing>();
      for (const [r, nodeId] of replicas.entries()) {
        const listing = listings[r]?.[i];
        if (listing === undefined)
          throw new ReplicaFailed(nodeId, new Error('an answer holds too few listings'));
        perReplica.set(nodeId, listing);
      }
      try {
        return mergeListings(perReplica, range);
      } catch (thrown) {
        const { replica } = toMendlogError(thrown).details;
        throw typeof replica === 'string' ? new ReplicaFailed(replica, thrown) : thrown;
      }
    });
  }

  async #list(
    nodeId: string,
    partition: string,
    ranges: readonly VersionRange[],
  ): Promise<readonly Listing[]> {
    const { peers, store } = this.#options;
    if (nodeId === peers.self) return ranges.map((range) => store.list(partition, range));
    return await this.#ask(nodeId, async (connection, context) => {
      const input = { ranges: ranges.map((range) => ({ partition, range })) };
      return (await connection.call.peer.list.query(input, { context })).listings;
    });
  }

  /** Undefined where the first record is gone by now: the range is to be asked anew. */
  async #resolve(
    { partition, range, replicas }: Asked,
    answer: RangeReadAnswer,
    mode: ReadRepairMode,
  ): Promise<ReadOutcome | undefined> {
    const versions = answer.entries.map(({ version }) => version);
    const { frames, gone } = await this.#frames(partition, versions, answer);
    const listed: Uint8Array[] = [];
    for (const version of versions) {
      const frame = frames.get(formatVersion(version));
      if (frame === undefined) break;
      listed.push(frame);
    }
    const [unread] = versions;
    if (listed.length === 0 && unread !== undefined) {
      if (gone.has(formatVersion(unread))) return undefined;
      const holder = answer.holders(unread)[0] ?? this.#options.peers.self;
      throw new ReplicaFailed(holder, new Error('it cannot read what it listed'));
    }
    // A page that ends early goes on with the first version that it leaves out.
    const first = cutPage(listed, versions[listed.length] ?? answer.next);
    const { page, next } = await this.#current({ partition, range, replicas }, answer, first);
    const shown = page.map(frameVersion);
    const outcome = { frames: page, next, isKnown: answer.isKnown };
    if (mode === 'blocking') {
      return { ...outcome, repaired: (await this.#repair(partition, answer, shown, frames)) > 0 };
    }
    if (mode === 'async') {
      this.#repair(partition, answer, shown, frames).catch((error: unknown) =>
        this.#behindFailed(partition, error),
      );
    }
    return { ...outcome, repaired: false };
  }

  /** The page without records that others have replaced; those are in their place, as far as they belong on it. */
  async #current(
    { partition, range, replicas }: Asked,
    answer: RangeReadAnswer,
    { page, next }: CutPage,
  ): Promise<CutPage> {
    const keys = doubtfulKeys(page, answer.missing);
    if (keys.length === 0) return { page, next };
    const questions = keys.map((key) => ({ partition, key }));
    const outcomes = await this.#options.readKeys(questions, { r: replicas.length, w: 1 });
    const found = keys.map((key, i) => {
      const outcome = outcomes[i];
      if (outcome?.ok === false) throw MendlogError.fromShape(outcome.error);
      return { key, frame: outcome?.frame };
    });
    const isInside = (version: Version) =>
      compareVersions(version, range.from) >= 0 &&
      (next === undefined ? compareVersions(version, range.to) <= 0 : compareVersions(version, next) < 0);
    return cutPage(withoutSuperseded(page, found, isInside), next);
  }

  /**
   * The frames of as many versions as fit a page, from here or from a replica that holds them. Where one
   * that listed a record does not have its bytes, as when its disk has changed them, the next one is asked,
   * and the first is given the record again. What a replica listed and lists no more is gone: another record of
   * its key, or a trim, came in between.
   */
  async #frames(
    partition: string,
    versions: readonly Version[],
    answer: RangeReadAnswer,
  ): Promise<{ frames: Map<string, Uint8Array>; gone: ReadonlySet<string> }> {
    const frames = new Map<string, Uint8Array>();
    const gone = new Set<string>();
    const unreadBy = new Map<string, Version[]>();
    // In the order in which the replicas were asked: this node first.
    let wanted = byHolder(versions, (version) => answer.holders(version)[0]);
    for (let turn = 1; wanted.size > 0; turn++) {
      const unread: Version[] = [];
      for (const [holder, held] of wanted) {
        const { found, bytes } = await this.#fetched(holder, partition, held);
        for (const [version, frame] of found) frames.set(version, frame);
        // A page may end before all were read.
        if (bytes >= PAGE_BYTES_MAX) continue;
        const missed = held.filter((version) => !found.has(formatVersion(version)));
        const lacking = await this.#listedStill(holder, partition, missed);
        for (const version of missed) if (!lacking.includes(version)) gone.add(formatVersion(version));
        if (lacking.length > 0) unreadBy.set(holder, [...(unreadBy.get(holder) ?? []), ...lacking]);
        unread.push(...lacking);
      }
      wanted = byHolder(unread, (version) => answer.holders(version)[turn]);
    }
    this.#give(partition, unreadBy, frames).catch((error: unknown) => this.#behindFailed(partition, error));
    return { frames, gone };
  }

  async #listedStill(holder: string, partition: string, versions: readonly Version[]): Promise<Version[]> {
    const listed: Version[] = [];
    for (let at = 0; at < versions.length; at += LIMITS.rangesMax) {
      const asked = versions.slice(at, at + LIMITS.rangesMax);
      const ranges = asked.map((version) => ({ from: version, to: version, limit: 1 }));
      const listings = await this.#list(holder, partition, ranges);
      listed.push(...asked.filter((_, i) => (listings[i]?.entries.length ?? 0) > 0));
    }
    return listed;
  }

  async #fetched(
    holder: string,
    partition: string,
    held: Version[],
  ): Promise<{ found: Map<string, Uint8Array>; bytes: number }> {
    const { peers, store } = this.#options;
    const found =
      holder === peers.self
        ? store.readVersions(partition, held, PAGE_BYTES_MAX)
        : await this.#fetch(holder, partition, held);
    return {
      found: new Map(found.map((frame) => [formatVersion(frameVersion(frame)), frame])),
      bytes: found.reduce((sum, { length }) => sum + length, 0),
    };
  }

  async #fetch(nodeId: string, partition: string, versions: Version[]): Promise<Uint8Array[]> {
    return await this.#ask(nodeId, async (connection, context) => {
      const { packed } = await connection.call.peer.fetch.query({ partition, versions }, { context });
      return decodePacked(packed).flatMap((group) => [...itemsOf(group)]);
    });
  }

  /** Returns how many records were given to replicas that lacked them. */
  async #repair(
    partition: string,
    answer: RangeReadAnswer,
    shown: readonly Version[],
    frames: ReadonlyMap<string, Uint8Array>,
  ): Promise<number> {
    const shownTexts = new Set(shown.map(formatVersion));
    const lacked = [...answer.missing].map(
      ([nodeId, versions]) =>
        [nodeId, versions.filter((version) => shownTexts.has(formatVersion(version)))] as const,
    );
    const repaired = await this.#give(partition, lacked, frames);
    if (repaired > 0) this.#options.metrics.readRepair();
    return repaired;
  }

  /** Gives replicas the records that they lack, as far as there are frames, and returns how many. */
  async #give(
    partition: string,
    lacked: Iterable<readonly [nodeId: string, versions: readonly Version[]]>,
    frames: ReadonlyMap<string, Uint8Array>,
  ): Promise<number> {
    const { peers, store } = this.#options;
    let given = 0;
    for (const [nodeId, versions] of lacked) {
      const items = versions.flatMap((version) => frames.get(formatVersion(version)) ?? []);
      if (items.length === 0) continue;
      const group = packItems(partition, items);
      if (nodeId === peers.self) await store.apply([group], []);
      else {
        await this.#ask(nodeId, (connection, context) =>
          connection.call.peer.store.mutate({ packed: encodePacked([group]) }, { context }),
        );
      }
      given += items.length;
    }
    return given;
  }

  async #ask<T>(
    nodeId: string,
    call: (connection: ReturnType<Peers['connectionTo']>, context: { timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(this.#options.peers.connectionTo(nodeId), { timeoutMs: this.#options.readTimeoutMs });
    } catch (cause) {
      throw new ReplicaFailed(nodeId, cause);
    }
  }
}

interface Asked {
  readonly partition: string;
  readonly range: VersionRange;
  readonly replicas: readonly string[];
}

interface CutPage {
  readonly page: Uint8Array[];
  /** Where the rest of the range begins. */
  readonly next: Version | undefined;
}

/** As many frames as a page may have, one at least; `next` is what follows all of them. */
function cutPage(frames: readonly Uint8Array[], next: Version | undefined): CutPage {
  const page: Uint8Array[] = [];
  let bytes = 0;
  for (const frame of frames) {
    if (page.length > 0 && bytes + frame.length > PAGE_BYTES_MAX) return { page, next: frameVersion(frame) };
    page.push(frame);
    bytes += frame.length;
  }
  return { page, next };
}

/** The versions by the replica to ask; those without one left out. */
function byHolder(
  versions: readonly Version[],
  holderOf: (version: Version) => string | undefined,
): Map<string, Version[]> {
  const wanted = new Map<string, Version[]>();
  for (const version of versions) {
    const holder = holderOf(version);
    if (holder === undefined) continue;
    const list = wanted.get(holder);
    if (list === undefined) wanted.set(holder, [version]);
    else list.push(version);
  }
  return wanted;
}
