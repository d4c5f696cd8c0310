/**
 * Watches the cluster from above while it runs, as no client can.
 *
 *   I1  when a write is acknowledged, so many replicas have flushed it, or what took its place
 *   I4  when a scan with blocking repair answers, so many replicas have what it shows, or what took its place
 *   I5  who holds a key at a replica never gives way to a lower claim, and no scan shows what was trimmed
 *   I6  no two records of a partition have one version
 *   I8  no queue is longer than it may be
 *   I10 what a coordinator is sent one after another gets ascending versions
 */
import {
  compareClaims,
  compareVersions,
  decodePacked,
  formatVersion,
  frameKey,
  frameVersion,
  itemsOf,
  type KeyClaim,
  majorityOf,
  type PackedGroup,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  type WriteOutcome,
} from '@mendlog/core';
import { type NodeShell, nodeOf, type Watch } from '../node/cluster-context.js';
import type { Disk } from '../world/disk.js';
import type { Random } from '../world/random.js';

export interface Violation {
  readonly invariant: string;
  readonly message: string;
  readonly atUs: number;
  /** What to look for in a trace. */
  readonly words: readonly string[];
}

/** Of one invariant. */
const VIOLATIONS_KEPT_MAX = 10;

export class Monitor implements Watch {
  readonly #now: () => number;
  readonly #random: Random;
  readonly violations: Violation[] = [];
  /** By partition and version. */
  readonly #frames = new Map<string, Uint8Array>();
  /** Of each disk the claims that it held last, by partition and key. */
  readonly #claims = new WeakMap<Disk, Map<string, KeyClaim>>();

  constructor(now: () => number, random: Random) {
    this.#now = now;
    this.#random = random;
  }

  violated(invariant: string, message: string, words: readonly string[]): void {
    const known = this.violations.filter((one) => one.invariant === invariant).length;
    if (known < VIOLATIONS_KEPT_MAX) this.violations.push({ invariant, message, atUs: this.#now(), words });
  }

  /** What a node's disk calls with what has been flushed. */
  flushedAt(nodeId: string): (groups: readonly PackedGroup[], disk: Disk) => void {
    const claims = new Map<string, KeyClaim>();
    return (groups, disk) => {
      for (const group of groups) {
        const { partition } = group;
        for (const frame of itemsOf(group)) {
          this.#checkUnique(partition, frame);
          const key = frameKey(frame)?.key;
          if (key === undefined) continue;
          const [state = 'absent'] = disk.store.keyStates(partition, [key]);
          const name = claimName(partition, key);
          const before = claims.get(name);
          if (typeof state !== 'string') {
            claims.set(name, state);
            this.#claimsOf(disk).set(name, state);
          }
          if (before === undefined || before.version.counter <= disk.trimmedTo(partition)) continue;
          if (before.version.counter <= disk.droppedTo(partition)) continue;
          // A purged tombstone is absent, and what it had deleted stays so.
          if (state === 'absent' && before.version.counter <= disk.purgedTo(partition)) continue;
          if (typeof state === 'string' || compareClaims(before, state) > 0) {
            const after = typeof state === 'string' ? state : formatVersion(state.version);
            const what = `${nodeId} held ${formatVersion(before.version)} and then ${after}, of the same key`;
            this.violated('I5', what, [partition]);
          }
        }
      }
    };
  }

  /** A coordinator acknowledges this group at these versions. */
  acknowledged(
    group: PackedGroup,
    first: Version,
    { replicas, needed, carrier }: Parameters<Watch['acknowledged']>[2],
  ): void {
    const { partition } = group;
    for (const [i, frame] of [...itemsOf(group)].entries()) {
      const version = { counter: first.counter + i, origin: first.origin };
      const found = frameKey(frame);
      // A first retry that was completed is at the version of an attempt before it.
      const attempt = found?.attempt === 1 ? 0 : (found?.attempt ?? 0);
      // Also one that has lost its disk between.
      const holders = replicas.filter(({ disk, lostDisks }) =>
        [disk, ...lostDisks].some((one) =>
          this.#holds(one, partition, { version, attempt, key: found?.key }),
        ),
      );
      if (holders.length >= needed || (carrier !== undefined && carries(carrier.disk, partition, version)))
        continue;
      const held = holders.map(({ id }) => id).join(', ') || 'nobody';
      const what = `${partition}/${formatVersion(version)} was acknowledged, which needs ${needed}, and ${held} has flushed it`;
      this.violated('I1', what, [partition]);
    }
  }

  /** A scan answers with these records. */
  shown(
    partition: string,
    frames: readonly Uint8Array[],
    { replicas, needed }: { replicas: readonly NodeShell[]; needed: number },
  ): void {
    for (const frame of frames) {
      const version = frameVersion(frame);
      const { key, attempt = 0 } = frameKey(frame) ?? {};
      const holders = replicas.filter(({ disk, lostDisks }) =>
        [disk, ...lostDisks].some((one) => this.#holds(one, partition, { version, attempt, key })),
      );
      if (holders.length >= needed) continue;
      const held = holders.map(({ id }) => id).join(', ') || 'nobody';
      const what = `a scan shows ${partition}/${formatVersion(version)}, which ${needed} must have, and ${held} has it`;
      this.violated('I4', what, [partition]);
    }
  }

  /** A scan answers with these records; it asked somebody who had trimmed the partition so far. */
  notTrimmed(partition: string, frames: readonly Uint8Array[], trimmedTo: number): void {
    const trimmed = frames.map(frameVersion).find(({ counter }) => counter <= trimmedTo);
    if (trimmed === undefined) return;
    const what = `a scan shows ${partition}/${formatVersion(trimmed)}, trimmed to ${trimmedTo} before it began`;
    this.violated('I5', what, [partition]);
  }

  /** What one coordinator made of writes that came one after another. */
  inOrder(partition: string, outcomes: readonly (WriteOutcome | undefined)[]): void {
    const counters = outcomes.flatMap((outcome) => (outcome?.ok === true ? [outcome.firstCounter] : []));
    if (counters.some((counter, i) => counter <= (counters[i - 1] ?? 0)))
      this.violated('I10', `pipelined appends to ${partition} got the counters ${counters.join(', ')}`, [
        partition,
      ]);
  }

  within(what: string, seen: number, max: number): void {
    if (seen > max) this.violated('I8', `${what}: ${seen} of at most ${max}`, []);
  }

  /**
   * A record of this replica that may be damaged: however many of the others are asked, if they are a majority, one
   * of them has it soundly.
   */
  spareRecord(node: NodeShell, partition: string, { scarce }: { scarce: boolean }): Version | undefined {
    const { context, disk } = node;
    const replicas = node.primaries(partition).map((id) => nodeOf(context, id));
    const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: Number.MAX_SAFE_INTEGER };
    const spare: Version[] = [];
    for (const frame of disk.store.readRange(partition, range, Number.POSITIVE_INFINITY).frames) {
      if (scarce && frameKey(frame) === undefined) continue;
      const version = frameVersion(frame);
      const others = replicas.filter((one) => one !== node && !one.disk.isDamaged(partition, version));
      const sound = others.filter((one) => one.disk.readVersions(partition, [version]).length > 0).length;
      if (scarce && sound === replicas.length - 1) continue;
      if (sound > 0 && others.length - sound < majorityOf(replicas.length)) spare.push(version);
    }
    return spare.length === 0 ? undefined : this.#random.of(spare);
  }

  /** Another replica with which this one holds a record that most of the others lack. */
  sharesWith(node: NodeShell, partition: string): string | undefined {
    const replicas = node.primaries(partition).map((id) => nodeOf(node.context, id));
    const others = replicas.filter((one) => one !== node);
    if (others.length === replicas.length) return undefined;
    const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: Number.MAX_SAFE_INTEGER };
    for (const frame of node.disk.store.readRange(partition, range, Number.POSITIVE_INFINITY).frames) {
      const version = frameVersion(frame);
      const holders = others.filter(({ disk }) => disk.readVersions(partition, [version]).length > 0);
      if (holders.length > 0 && holders.length <= others.length / 2) return this.#random.of(holders).id;
    }
    return undefined;
  }

  #claimsOf(disk: Disk): Map<string, KeyClaim> {
    let claims = this.#claims.get(disk);
    if (claims === undefined) {
      claims = new Map();
      this.#claims.set(disk, claims);
    }
    return claims;
  }

  /** Whether it has flushed the record, or has since let it go for good. */
  #holds(
    disk: Disk,
    partition: string,
    { version, attempt, key }: { version: Version; attempt: number; key: Uint8Array | undefined },
  ): boolean {
    const trimmedTo = disk.trimmedTo(partition);
    if (version.counter <= Math.max(trimmedTo, disk.purgedTo(partition))) return true;
    if (disk.store.readVersions(partition, [version], 1).length > 0) return true;
    if (key === undefined) return false;
    const [holder = 'absent'] = disk.store.keyStates(partition, [key]);
    if (typeof holder !== 'string') return compareClaims(holder, { version, attempt }) > 0;
    // A later attempt, at a lower version, took its place here and is trimmed.
    const last = this.#claimsOf(disk).get(claimName(partition, key));
    return (
      last !== undefined && last.version.counter <= trimmedTo && compareClaims(last, { version, attempt }) > 0
    );
  }

  #checkUnique(partition: string, frame: Uint8Array): void {
    const name = `${partition}/${formatVersion(frameVersion(frame))}`;
    const known = this.#frames.get(name);
    if (known === undefined) this.#frames.set(name, frame);
    else if (known !== frame && Buffer.compare(known, frame) !== 0)
      this.violated('I6', `${name} is the version of two different records`, [name]);
  }
}

/** Whether the record lies in one of its hints. */
function carries({ store }: Disk, partition: string, version: Version): boolean {
  return store
    .hints({ limit: Number.MAX_SAFE_INTEGER })
    .flatMap(({ payload }) => (payload === undefined ? [] : decodePacked(payload)))
    .filter((group) => group.partition === partition)
    .some((group) =>
      [...itemsOf(group)].some((frame) => compareVersions(frameVersion(frame), version) === 0),
    );
}

function claimName(partition: string, key: Uint8Array): string {
  return `${partition}/${String.fromCharCode(...key)}`;
}
