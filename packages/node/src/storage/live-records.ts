/** What of an entry of the log the index points to, looked up record by record: shares of entries are to say the same. */
import { FoundRecords } from './found-records.js';
import type { LogEntry } from './log-entry.js';
import type { VersionIndex } from './version-index.js';

export interface LiveRecords {
  /** By partition, in the order of the entry; those without such a record are left out. */
  readonly groups: readonly { readonly partitionId: number; readonly places: readonly number[] }[];
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
}

export function liveRecordsOf(index: VersionIndex, arrival: number, entry: LogEntry): LiveRecords {
  const groups: { partitionId: number; places: number[] }[] = [];
  const found = new FoundRecords(entry.records);
  let records = 0;
  let bytes = 0;
  for (const { partitionId, from, to } of entry.groups()) {
    // Those of a group lie in few blocks, each of which is looked up once.
    for (let place = from; place < to; place++) found.seek(place, entry.version(place));
    index.locate(partitionId, found, found.soughtByCounter(from, to));
    const places: number[] = [];
    for (let place = from; place < to; place++) {
      if (!found.isAt(place, arrival, entry.ordinal(place))) continue;
      places.push(place);
      bytes += entry.length(place);
    }
    if (places.length > 0) groups.push({ partitionId, places });
    records += places.length;
  }
  return { groups, records, bytes };
}
