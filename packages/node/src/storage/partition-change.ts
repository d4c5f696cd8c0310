/**
 * What the records that arrived change of a partition in the index: of one version the higher tag stays, of
 * one key the higher claim.
 *
 * The result is that of taking the records one after another in the order of arrival, which is the order in
 * which they were taken when they came: so the index made anew from the log is the same. As a rule they
 * are above all that is there and their keys are new; only where they are not is each one looked up.
 */
import { compareAppendKeys, compareAppendKeyTo } from './append-keys.js';
import { ContestedRecords } from './contested-records.js';
import { isAboveAppends } from './key-text.js';
import { type IndexedClaim, markAt } from './keys.js';
import { type Run, recordsOf } from './located-record.js';
import type { PartitionChange, PartitionView } from './partition-view.js';

const NO_ENTRY: ReadonlySet<number> = new Set();
const NO_KEYS: ReadonlyMap<string, IndexedClaim> = new Map();

/** `runs` are in the order of arrival. */
export function changeOf(runs: readonly Run[], view: PartitionView): PartitionChange {
  if (view.hasDamaged) return oneByOne(runs, view);
  const nothingElse = { added: runs, removed: [], dead: [], outworn: NO_ENTRY };
  if (areNewAppends(runs, view)) return { ...nothingElse, keys: NO_KEYS, hasNewAppends: true };
  const keys = newKeys(runs, view);
  return keys === undefined ? oneByOne(runs, view) : { ...nothingElse, keys, hasNewAppends: false };
}

/** Whether all records are above what is there, and so are their append keys, which ascend: as a rule they do. */
function areNewAppends(
  runs: readonly Run[],
  { head, purgedTo, appendHead }: Pick<PartitionView, 'head' | 'purgedTo' | 'appendHead'>,
): boolean {
  let below = Math.max(head, purgedTo);
  let last: Uint8Array | undefined;
  let lastAt = 0;
  for (const { entry, from, to } of runs) {
    if (entry.counter(from) <= below) return false;
    below = entry.counter(to - 1);
    const { bytes } = entry;
    for (let place = from; place < to; place++) {
      const at = entry.hasKey(place) ? entry.appendKeyAt(place) : 0;
      if (at === 0) return false;
      const order =
        last === undefined
          ? compareAppendKeyTo(bytes, at, appendHead)
          : compareAppendKeys(bytes, at, last, lastAt);
      if (order <= 0) return false;
      last = bytes;
      lastAt = at;
    }
  }
  return true;
}

/** The keys of runs of which nothing can be there, nor of their keys; undefined where something may. */
function newKeys(runs: readonly Run[], view: PartitionView): Map<string, IndexedClaim> | undefined {
  const keys = new Map<string, IndexedClaim>();
  let below = Math.max(view.head, view.purgedTo);
  for (const { entry, from, to, isKeyless } of runs) {
    if (entry.counter(from) <= below) return undefined;
    below = entry.counter(to - 1);
    if (isKeyless) continue;
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

/** Whether the index may know a key. */
function mayBeHeld(key: string, { appendHead, holder }: PartitionView): boolean {
  return !isAboveAppends(key, appendHead) && holder(key) !== undefined;
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
