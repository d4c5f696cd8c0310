/**
 * Follows the records of a partition as they arrive at this replica. A page is read only when one is asked for, so a
 * consumer who is slow, or gone, holds nothing here but a cursor and a listener.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  compareVersions,
  frameVersion,
  MendlogError,
  ROW_BYTES,
  type Store,
  type TailPage,
} from '@mendlog/core';
import type { Service } from '../api/service.js';
import type { Placement } from '../membership/placement.js';
import { ArrivalWatch } from './arrival-watch.js';

export interface TailsOptions {
  readonly store: Store;
  readonly placement: Placement;
  readonly self: string;
}

/** What one item of a subscription holds: well below its window, so that several are under way. */
const PAGE_LIMITS = { recordsMax: 1000, bytesMax: 128 * 1024 };
const NOTHING = new Uint8Array(ROW_BYTES);

export function createTails({ store, placement, self }: TailsOptions): Pick<Service, 'tail' | 'tailEnd'> {
  const primariesOf = (partition: string): readonly string[] => {
    const primaries = placement.primaries(partition);
    if (!primaries.includes(self)) throw notReplica(`node ${self}`, partition, primaries);
    return primaries;
  };

  return {
    async *tail({ partition, after, fromVersion }, signal): AsyncGenerator<TailPage, void, undefined> {
      primariesOf(partition);
      using watch = new ArrivalWatch(store, partition, after);
      while (signal?.aborted !== true) {
        const page = watch.next(PAGE_LIMITS);
        const records =
          fromVersion === undefined
            ? page.records
            : page.records.filter(({ frame }) => compareVersions(frameVersion(frame), fromVersion) >= 0);
        if (records.length > 0) yield { ...page, records };
        // Whoever looks through many arrivals of others lets everyone else have a turn.
        else if (!page.atEnd) await nextTurn();
        await watch.arrival(signal);
      }
    },

    async tailEnd(partition, after) {
      const primaries = primariesOf(partition);
      const end = store.arrivalEnd();
      const { head = 0, root = NOTHING } = store.summary(partition) ?? {};
      return { primaries, end, head, root, isAllSeen: after !== undefined && isBehindAll(partition, after) };
    },
  };

  function isBehindAll(partition: string, after: NonNullable<Parameters<Service['tailEnd']>[1]>): boolean {
    const page = store.tail({ after, partitions: new Set([partition]), recordsMax: 1, bytesMax: 1 });
    return page.atEnd && page.records.length === 0;
  }
}

export function notReplica(who: string, partition: string, primaries: readonly string[]): MendlogError {
  return new MendlogError(
    'NOT_REPLICA',
    `${who} holds no replica of ${partition}: ask ${primaries.join(', ')}`,
    {
      details: { primaries },
    },
  );
}
