// All that the storage port tells of a store with little in it, to be compared with what another one tells.
import {
  allRows,
  DIGEST_LAYOUT,
  decodeFrame,
  LIMITS,
  type RecordKey,
  type Store,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { expect } from 'vitest';
import { version } from './records.js';
import { framesOf, hex, UNBOUNDED } from './store-digests.js';

/** What may be in the store. */
export interface Asked {
  readonly partitions: readonly string[];
  readonly counters: readonly number[];
  readonly keys: readonly RecordKey[];
}

/** Everything but how far a trim has come. */
export function toldBy(store: Store, { partitions, counters, keys }: Asked) {
  return partitions.map((partition) => {
    const { cleanedTo: _, root, ...summary } = store.summary(partition) ?? {};
    const everything = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 5 };
    const part = { from: version(3, 2), to: version(250, 1), limit: LIMITS.batchRecordsMax };
    const pages = [everything, part].flatMap((range) =>
      [false, true].map((descending) => {
        const { frames, truncated } = store.readRange(partition, { ...range, descending }, 120);
        return [...frames.map(hex), truncated];
      }),
    );
    const { entries, ...listing } = store.list(partition, part);
    return {
      partition,
      summary: root === undefined ? undefined : { ...summary, root: hex(root) },
      head: store.head(partition),
      pages,
      listing: { ...listing, entries: hex(entries) },
      keys: keys.map((key) => store.readKeys(partition, [key], UNBOUNDED).map(hex)),
      allKeys: store.readKeys(partition, keys, 100).map(hex),
      counters: counters.map((counter) => store.read(partition, { counter }).map(hex)),
      rows: Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) =>
        hex(store.rows(partition, level, [allRows(level)])),
      ),
    };
  });
}

/** All that is held, in the order of arrival, read in pages of a few records. */
export function arrivedIn(store: Store, { partitions }: Asked): string[] {
  const held = new Set(
    partitions.flatMap((partition) =>
      framesOf(store, partition).map((bytes) => `${partition} ${hex(bytes)}`),
    ),
  );
  const found: string[] = [];
  let page = store.tail({ recordsMax: 3, bytesMax: 100 });
  for (;;) {
    found.push(...page.records.map(({ partition, frame }) => `${partition} ${hex(frame)}`));
    if (page.atEnd) return found.filter((record) => held.has(record));
    page = store.tail({ after: page.cursor, recordsMax: 3, bytesMax: 100 });
  }
}

/** Ranges of a time leave out no record of it that is held. */
export function expectTimesFound(store: Store, { partitions }: Asked): void {
  for (const partition of partitions) {
    const held = framesOf(store, partition).map(decodeFrame);
    for (const fromMs of [0, 1000, 2000, 3000]) {
      const time = { fromMs, toMs: fromMs + 10 };
      const { ranges } = store.timeRanges(partition, time, { from: 0, limit: 100 });
      for (const { version, timeMs } of held) {
        if (timeMs < time.fromMs || timeMs > time.toMs) continue;
        const isFound = ranges.some(({ from, to }) => version.counter >= from && version.counter <= to);
        expect({ partition, version, timeMs, isFound }).toMatchObject({ isFound: true });
      }
    }
  }
}
