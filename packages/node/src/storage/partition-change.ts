/**
 * What the records that arrived change of a partition in the index: of one version the higher tag stays, of
 * one key the higher claim.
 *
 * The result is that of taking the records one after another in the order of arrival, which is the order in
 * which they were taken when they came: so the index made anew from the log is the same. As a rule they
 * are above all that is there and their keys are new; only where they are not is each one looked up.
 */
import { APPEND_NAMESPACE } from '@mendlog/core';
import { ContestedRecords } from './contested-records.js';
import { type IndexedClaim, markAt } from './keys.js';
import { type Run, recordsOf } from './located-record.js';
import type { PartitionChange, PartitionView } from './partition-view.js';

const NO_ENTRY: ReadonlySet<number> = new Set();

/** `runs` are in the order of arrival. */
export function changeOf(runs: readonly Run[], view: PartitionView): PartitionChange {
  const keys = newKeys(runs, view);
  return keys === undefined
    ? oneByOne(runs, view)
    : { added: runs, removed: [], dead: [], keys, outworn: NO_ENTRY };
}

/** The keys of runs of which nothing can be there, nor of their keys; undefined where something may. */
function newKeys(runs: readonly Run[], view: PartitionView): Map<string, IndexedClaim> | undefined {
  const keys = new Map<string, IndexedClaim>();
  let below = Math.max(view.head, view.purgedTo);
  for (const { entry, from, to } of runs) {
    if (entry.counter(from) <= below) return undefined;
    below = entry.counter(to - 1);
    for (let place = from; place < to; place++) {
      if (!entry.hasKey(place)) continue;
      const { key, attempt } = entry.key(place);
      if (keys.has(key) || mayBeHeld(key, view)) return undefined;
      keys.set(key, {
        attempt,
        version: entry.version(place),
        mark: markAt(entry.bytes, entry.tagAt(place)),
      });
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
  const records = new ContestedRecords(view);
  for (const run of runs) {
    const mayBePurged = run.entry.counter(run.from) <= view.purgedTo;
    for (const record of recordsOf(run)) {
      if (mayBePurged && view.isPurged(record)) records.leaveOut(record);
      else records.take(record);
    }
  }
  return records.result();
}
