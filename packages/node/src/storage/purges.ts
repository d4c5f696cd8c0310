/**
 * Takes tombstones out of a store. The order is what keeps them from being missed, whatever a crash undoes:
 *
 *   refuse what is not there --> all is in the index --> entries are written anew without what only the tombstones
 *   keep dead --flush--> the watermark is in the log --flush--> the tombstones leave the index, their entries later
 *
 * An index that is made anew leaves out what the watermark has taken: nothing lies in the log by then that would show
 * without it. A replica that had no part in the proof drops all that it holds, which the log notes with the last
 * arrival that it goes for: what a session brings later arrives above that.
 */
import { LIMITS, ORIGIN_HIGHEST, ORIGIN_LOWEST, type Version, versionAfter } from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import { CoveredRecords, type CoveredRecordsOptions } from './covered-records.js';
import type { IndexFollower } from './index-follower.js';
import type { PartitionState } from './partition-state.js';
import type { VersionIndex } from './version-index.js';

interface PurgesOptions extends CoveredRecordsOptions {
  readonly log: ArrivalLog;
  readonly index: VersionIndex;
  readonly follower: IndexFollower;
  /** Resolves, with the last arrival number, when everything is flushed that was given to the log. */
  readonly settled: () => Promise<number>;
}

export class Purges {
  readonly #options: PurgesOptions;
  readonly #covered: CoveredRecords;

  constructor(options: PurgesOptions) {
    this.#options = options;
    this.#covered = new CoveredRecords(options);
  }

  async purge(state: PartitionState, counter: number): Promise<void> {
    if (counter > state.purgedTo) await this.#raise(state, counter);
    // Also where nothing rose: an earlier removal may have met a full disk.
    await this.remove(state);
  }

  /** Removes from the index what is purged, some records a step. */
  async remove(state: PartitionState): Promise<void> {
    const { index, follower } = this.#options;
    const { purgedTo: to, dropped } = state;
    const done = index.partition(state.id).purgedTo;
    if (done >= to) return;
    let from: Version | undefined = versionFrom(dropped.counter > done ? 0 : done + 1);
    await follower.alone(0, async () => {
      if (from === undefined) return false;
      const range = { from, to, limit: LIMITS.trimStepRecords };
      const { removed, after, next } = await index.purge(state.id, (record) => state.isPurged(record), range);
      for (const record of removed) {
        state.leaving.delete(record);
        state.damaged.delete(record.version);
      }
      state.indexed(after);
      from = next;
      return next !== undefined;
    });
  }

  async #raise(state: PartitionState, counter: number): Promise<void> {
    const { log, follower, settled } = this.#options;
    const hadPart = state.fencedTo >= counter;
    state.purgingTo = Math.max(state.purgingTo, counter);
    state.submittedHead = Math.max(state.submittedHead, counter);
    const arrival = await settled();
    if (hadPart) await this.#uncover(state, { counter, arrival });
    else {
      // A retry below the watermark may have superseded an append above it, whose entry is outworn by that: it leaves
      // the log first, else the append would be back without what is dropped.
      await follower.alone(arrival, () => follower.rewriteOutworn(arrival));
      // With one commit, below: a fence without the rest would tell of a part in the proof.
      state.dropped = { counter, arrival };
      state.fencingTo = counter;
    }
    state.purgeLoggedTo = counter;
    await log.commit(() => log.putPartition(state.name, state.toLog()));
    state.logged = true;
    state.purgedTo = counter;
    state.fencedTo = Math.max(state.fencedTo, counter);
    state.head = Math.max(state.head, counter);
  }

  /** Writes those entries anew in which something lies that only the tombstones keep dead. */
  async #uncover(
    state: PartitionState,
    { counter, arrival }: { counter: number; arrival: number },
  ): Promise<void> {
    const { index, follower } = this.#options;
    let from: Version | undefined = versionFrom(state.purgedTo + 1);
    let hasTombstone = false;
    await follower.alone(arrival, async () => {
      if (from === undefined) return false;
      const range = { from, to: { counter, origin: ORIGIN_HIGHEST }, limit: LIMITS.trimStepRecords };
      const looked = index.range(state.id, range);
      hasTombstone = looked.some(({ isTombstone }) => isTombstone);
      const last = looked.length < range.limit ? undefined : looked.at(-1)?.version;
      from = hasTombstone ? undefined : last && versionAfter(last);
      return from !== undefined;
    });
    if (!hasTombstone) return;
    let after: number | undefined = 0;
    await follower.alone(arrival, async () => {
      if (after === undefined) return false;
      const { entries, next } = this.#covered.step(after, { partitionId: state.id, counter, arrival });
      await follower.rewrite(entries);
      after = next;
      return next !== undefined;
    });
  }
}

function versionFrom(counter: number): Version {
  return { counter, origin: ORIGIN_LOWEST };
}
