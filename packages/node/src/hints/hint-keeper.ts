/**
 * Keeps the hints of this coordinator and replays them when their target is alive.
 *
 * A hint is a target and versions; the payload is in this node's own log, or in the hint where this node is no
 * replica and carries the records for those that are. Replay goes target by
 * target, in the order of writing, one batch at a time, and never makes hints itself. What becomes of
 * each hint is decided by core's policy; hints that end without their record at the target are
 * reported, so that anti-entropy brings it.
 */
import {
  decideHint,
  decodePacked,
  encodePacked,
  formatVersion,
  frameVersion,
  type HintBatch,
  type HintPolicy,
  hintAfterFailure,
  itemsOf,
  LIMITS,
  MendlogError,
  type PackedGroup,
  packItems,
  readVersion,
  type Store,
  type StoredHintBatch,
  toMendlogError,
  VERSION_BYTES,
  type Version,
} from '@mendlog/core';
import type { HintStats, HintsPage, PageQuery } from '../api/service.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';

export interface HintKeeperOptions {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'nodeIds' | 'isAlive' | 'connectionTo' | 'onAlive'>;
  readonly policy: HintPolicy;
  readonly log: Log;
  /** This node has more to do than it can: hints wait. */
  readonly isBusy: () => boolean;
  /** Partitions whose hints ended without replay, with the target that lacks records. */
  readonly onLost: (target: string, partitions: readonly string[]) => void;
}

type Ending = 'replayed' | 'expired' | 'dropped' | 'failed';

const TICK_MS = 500;
const BATCHES_PER_READ = 16;

export class HintKeeper {
  readonly #options: HintKeeperOptions;
  readonly #pending = new Map<string, number>();
  /** Bytes of records that lie in hints, those on their way to the disk included. */
  #carriedBytes = 0;
  readonly #counts = { stored: 0, replayed: 0, expired: 0, dropped: 0, failed: 0 };
  readonly #replaying = new Map<string, Promise<void>>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(options: HintKeeperOptions) {
    this.#options = options;
    this.#forEach((hint) => {
      this.#count(hint, 1);
      this.#carriedBytes += carriedBytesOf([hint]);
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    options.peers.onAlive((target) => this.#replay(target));
  }

  /** Takes the room that the payloads of these hints need, before they are stored. Throws OVERLOADED where there is none. */
  takeRoom(hints: readonly HintBatch[]): void {
    const bytes = carriedBytesOf(hints);
    if (bytes > 0 && this.#carriedBytes + bytes > LIMITS.carriedBytesMax)
      throw new MendlogError(
        'OVERLOADED',
        'this node carries as much for others as it may: nothing was written',
      );
    this.#carriedBytes += bytes;
  }

  /** They were not stored. */
  giveRoom(hints: readonly HintBatch[]): void {
    this.#carriedBytes -= carriedBytesOf(hints);
  }

  /** Hints that were stored together with their records. */
  noteStored(hints: readonly HintBatch[]): void {
    for (const hint of hints) {
      this.#counts.stored += recordsOf(hint);
      this.#count(hint, 1);
    }
  }

  /** Stores a hint by itself: its target was believed alive and did not acknowledge. Never rejects. */
  async keep(hint: HintBatch): Promise<void> {
    const kept = this.#kept(hint).finally(() => this.#keeping.delete(kept));
    this.#keeping.add(kept);
    await kept;
  }

  async #kept(hint: HintBatch): Promise<void> {
    try {
      this.takeRoom([hint]);
      await this.#options.store.apply([], [hint]).catch((error: unknown) => {
        this.giveRoom([hint]);
        throw error;
      });
      this.noteStored([hint]);
    } catch (error) {
      this.#options.log.warn('a hint could not be stored', { target: hint.target, error });
      this.#options.onLost(hint.target, partitionsOf(hint));
    }
  }

  stats(): HintStats {
    const byTarget = Object.fromEntries([...this.#pending].filter(([, count]) => count > 0));
    const agesMs = Object.values(this.agesMs());
    return {
      pending: Object.values(byTarget).reduce((sum, count) => sum + count, 0),
      byTarget,
      ...this.#counts,
      oldestAgeMs: agesMs.length > 0 ? Math.max(...agesMs) : null,
    };
  }

  /** The age of the oldest pending hint of each target that has any. */
  agesMs(): Record<string, number> {
    const ages: Record<string, number> = {};
    for (const [target, count] of this.#pending) {
      const [oldest] = count > 0 ? this.#options.store.hints({ target, limit: 1 }) : [];
      if (oldest !== undefined) ages[target] = Math.max(0, Date.now() - oldest.createdAtMs);
    }
    return ages;
  }

  /** The pending hints in order of target and writing, a record each. The cursor names the last one shown. */
  pending(query: PageQuery): HintsPage {
    const [afterTarget = '', afterSequence = 0, afterRecord = -1] = parseCursor(query.cursor);
    const page: HintsPage['hints'] = [];
    for (const target of [...this.#options.peers.nodeIds].sort()) {
      if (target < afterTarget) continue;
      const resumes = target === afterTarget;
      let after = resumes ? afterSequence - 1 : 0;
      for (;;) {
        const batches = this.#options.store.hints({ target, after, limit: BATCHES_PER_READ });
        for (const hint of batches) {
          const skip = resumes && hint.sequence === afterSequence ? afterRecord + 1 : 0;
          for (const [i, item] of hintItems(hint).entries()) {
            if (i < skip) continue;
            page.push({ node: this.#options.peers.self, ...item, ...this.#times(hint) });
            if (page.length === query.limit) return { hints: page, next: `${target}:${hint.sequence}:${i}` };
          }
        }
        const last = batches.at(-1);
        if (last === undefined) break;
        after = last.sequence;
      }
    }
    return { hints: page };
  }

  /** Throws away a share of the pending hints, spread evenly. Returns how many records they stood for. */
  async drop(target: string | undefined, fraction: number): Promise<number> {
    let dropped = 0;
    let owed = 0;
    const batches: StoredHintBatch[] = [];
    this.#forEach((hint) => {
      if (target === undefined || hint.target === target) batches.push(hint);
    });
    for (const hint of batches) {
      await this.#replaying.get(hint.target);
      const groups = hint.groups.map(({ partition, versions }) => {
        const kept: Uint8Array[] = [];
        for (let at = 0; at < versions.length; at += VERSION_BYTES) {
          owed += fraction;
          if (owed >= 1) owed -= 1;
          else kept.push(versions.subarray(at, at + VERSION_BYTES));
        }
        return { partition, versions: Buffer.concat(kept) };
      });
      const rest = keptOf(
        hint,
        groups.filter(({ versions }) => versions.length > 0),
      );
      if (recordsOf(rest) === recordsOf(hint)) continue;
      if (rest.groups.length === 0) await this.#options.store.deleteHints([hint]);
      else await this.#options.store.putHint(rest);
      this.#carriedBytes -= carriedBytesOf([hint]) - carriedBytesOf([rest]);
      dropped += recordsOf(hint) - recordsOf(rest);
      this.#count(hint, -1);
      this.#count(rest, 1);
      this.#options.onLost(hint.target, partitionsOf(hint));
    }
    this.#counts.dropped += dropped;
    return dropped;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#replaying.values(), ...this.#keeping]);
  }

  #times(
    hint: StoredHintBatch,
  ): Pick<HintsPage['hints'][number], 'createdAt' | 'expiresAt' | 'attempts' | 'nextAttemptAt'> {
    return {
      createdAt: new Date(hint.createdAtMs).toISOString(),
      expiresAt: new Date(hint.createdAtMs + this.#options.policy.expiryMs).toISOString(),
      attempts: hint.attempts,
      nextAttemptAt: hint.nextAttemptAtMs === 0 ? null : new Date(hint.nextAttemptAtMs).toISOString(),
    };
  }

  #tick(): void {
    for (const [target, count] of this.#pending) if (count > 0) this.#replay(target);
  }

  #replay(target: string): void {
    if (this.#closed || this.#replaying.has(target)) return;
    const run = this.#replayAll(target)
      .catch((error: unknown) => this.#options.log.warn('hint replay ended early', { target, error }))
      .finally(() => this.#replaying.delete(target));
    this.#replaying.set(target, run);
  }

  async #replayAll(target: string): Promise<void> {
    for (;;) {
      if (this.#closed || this.#options.isBusy()) return;
      const alive = this.#options.peers.isAlive(target);
      const hints = this.#options.store.hints({ target, limit: BATCHES_PER_READ });
      let bytes = 0;
      let records = 0;
      const due: StoredHintBatch[] = [];
      for (const hint of hints) {
        const decision = decideHint(hint, Date.now(), this.#options.policy);
        if (decision.do === 'end') await this.#end([hint], decision.as);
        else if (decision.do === 'wait' || !alive) break;
        else {
          bytes += this.#payloadOf([hint]).reduce((sum, group) => sum + group.bytes.length, 0);
          records += recordsOf(hint);
          // One hint by itself always fits a message; several must not become too many for one.
          const full = bytes > LIMITS.batchBytesTarget || records > LIMITS.batchRecordsMax;
          if (full && due.length > 0) break;
          due.push(hint);
        }
      }
      if (due.length === 0) return;
      if (!(await this.#attempt(target, due))) return;
    }
  }

  async #attempt(target: string, hints: readonly StoredHintBatch[]): Promise<boolean> {
    const { peers, policy, store } = this.#options;
    try {
      const groups = this.#payloadOf(hints);
      const packed = encodePacked(groups);
      const { fenced } = await peers.connectionTo(target).call.peer.replay.mutate({ packed });
      await this.#end(hints, 'replayed');
      if (fenced.length > 0) {
        // What other replicas have of them sessions bring; what was kept at ANY nobody else has.
        const partitions = fenced.map(({ partition }) => partition);
        const keptAtAny = hints.some(({ payload }) => payload !== undefined);
        this.#options.log.warn('hints came too late for a fence', { target, partitions, keptAtAny });
        this.#options.onLost(target, partitions);
      }
      const sent = groups.reduce((sum, { ends }) => sum + ends.length, 0);
      const hinted = hints.reduce((sum, hint) => sum + recordsOf(hint), 0);
      // What was trimmed is not missed. What could not be read here is for anti-entropy to find elsewhere.
      const unread = sent < hinted ? hints.flatMap((hint) => this.#unreadOf(hint)) : [];
      if (unread.length > 0) this.#options.onLost(target, unread);
      return true;
    } catch (thrown) {
      const { code, message } = toMendlogError(thrown);
      // A target that is down, or busy, costs no attempt: its hints wait as they are.
      if (!peers.isAlive(target) || code === 'OVERLOADED') return false;
      this.#options.log.warn('a hint batch failed', { target, error: message });
      for (const hint of hints) {
        await store.putHint({ ...hint, ...hintAfterFailure(hint, Date.now(), Math.random(), policy) });
      }
      return false;
    }
  }

  /** Partitions of which this node holds records of the hint that it cannot read. */
  #unreadOf({ groups, payload }: HintBatch): string[] {
    const { store } = this.#options;
    if (payload !== undefined) return [];
    const isUnread = ({ partition, versions }: HintBatch['groups'][number]) => {
      const { trimmedTo = 0 } = store.summary(partition) ?? {};
      const held = unpackVersions(versions).filter(({ counter }) => counter > trimmedTo);
      return store.readVersions(partition, held, LIMITS.messageBytesMax).length < held.length;
    };
    return groups.filter(isUnread).map(({ partition }) => partition);
  }

  /** The frames of the hints' records, as far as this node still holds them. */
  #payloadOf(hints: readonly HintBatch[]): PackedGroup[] {
    return hints.flatMap(({ groups, payload }) =>
      payload !== undefined
        ? decodePacked(payload)
        : groups.map(({ partition, versions }) =>
            packItems(
              partition,
              this.#options.store.readVersions(partition, unpackVersions(versions), LIMITS.messageBytesMax),
            ),
          ),
    );
  }

  async #end(hints: readonly StoredHintBatch[], as: Ending): Promise<void> {
    await this.#options.store.deleteHints(hints);
    this.giveRoom(hints);
    for (const hint of hints) {
      this.#counts[as] += recordsOf(hint);
      this.#count(hint, -1);
      if (as !== 'replayed') this.#options.onLost(hint.target, partitionsOf(hint));
    }
  }

  #count(hint: HintBatch, sign: 1 | -1): void {
    this.#pending.set(hint.target, (this.#pending.get(hint.target) ?? 0) + sign * recordsOf(hint));
  }

  #forEach(visit: (hint: StoredHintBatch) => void): void {
    for (const target of this.#options.peers.nodeIds) {
      let after = 0;
      for (;;) {
        const page = this.#options.store.hints({ target, after, limit: BATCHES_PER_READ });
        for (const hint of page) visit(hint);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.sequence;
      }
    }
  }
}

function hintItems(
  hint: StoredHintBatch,
): Pick<HintsPage['hints'][number], 'target' | 'partitionId' | 'version'>[] {
  return hint.groups.flatMap(({ partition, versions }) =>
    unpackVersions(versions).map((version) => ({
      target: hint.target,
      partitionId: partition,
      version: formatVersion(version),
    })),
  );
}

/** Reads `target:sequence:record`; node ids may hold colons. Throws BAD_REQUEST. */
function parseCursor(cursor: string | undefined): [] | [target: string, sequence: number, record: number] {
  if (cursor === undefined) return [];
  const match = /^(.+):([0-9]{1,15}):([0-9]{1,9})$/.exec(cursor);
  if (match === null)
    throw new MendlogError('BAD_REQUEST', 'the cursor is not one that a page of hints ended with');
  return [match[1] ?? '', Number(match[2]), Number(match[3])];
}

/** The hint with these versions alone. */
function keptOf<Hint extends HintBatch>(hint: Hint, groups: HintBatch['groups']): Hint {
  if (hint.payload === undefined || groups.length === 0) return { ...hint, groups, payload: undefined };
  const kept = new Set(
    groups.flatMap(({ partition, versions }) =>
      unpackVersions(versions).map((version) => `${partition} ${formatVersion(version)}`),
    ),
  );
  const records = decodePacked(hint.payload).map((group) =>
    packItems(
      group.partition,
      [...itemsOf(group)].filter((frame) =>
        kept.has(`${group.partition} ${formatVersion(frameVersion(frame))}`),
      ),
    ),
  );
  return { ...hint, groups, payload: encodePacked(records.filter(({ ends }) => ends.length > 0)) };
}

function carriedBytesOf(hints: readonly HintBatch[]): number {
  return hints.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
}

function recordsOf(hint: HintBatch): number {
  return hint.groups.reduce((sum, { versions }) => sum + versions.length / VERSION_BYTES, 0);
}

function partitionsOf(hint: HintBatch): string[] {
  return hint.groups.map(({ partition }) => partition);
}

function unpackVersions(packed: Uint8Array): Version[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const versions: Version[] = [];
  for (let at = 0; at < packed.length; at += VERSION_BYTES) versions.push(readVersion(view, at));
  return versions;
}
