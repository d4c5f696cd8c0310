/**
 * Retention: how much of a partition is kept. What is more goes from the oldest end, by raising the
 * trim watermark, so that all replicas throw the same records away.
 */

export interface Retention {
  /** By the wall clock of the coordinator that wrote a record. */
  readonly maxAgeMs?: number | undefined;
  readonly maxRecords?: number | undefined;
  /** Bytes of values and their frames. */
  readonly maxBytes?: number | undefined;
}

/** What retention has to know of a record. */
export interface RetainedRecord {
  readonly counter: number;
  readonly timeMs: number;
  readonly bytes: number;
}

/**
 * The counter up to which the oldest records are to be trimmed, or undefined where all stay. `oldest`
 * ascend from the partition's first record; `held` is what the partition holds in all. It stops at the
 * first record that stays, and never takes one that shares its counter with a record that stays.
 */
export function retentionCut(
  oldest: readonly RetainedRecord[],
  held: { readonly records: number; readonly bytes: number },
  retention: Retention,
  nowMs: number,
): number | undefined {
  const { maxAgeMs = Infinity, maxRecords = Infinity, maxBytes = Infinity } = retention;
  let { records, bytes } = held;
  let expired = 0;
  for (const record of oldest) {
    const goes = records > maxRecords || bytes > maxBytes || nowMs - record.timeMs > maxAgeMs;
    if (!goes) break;
    records--;
    bytes -= record.bytes;
    expired++;
  }
  const last = oldest[expired - 1];
  if (last === undefined) return undefined;
  const firstKept = oldest[expired];
  const cut = firstKept?.counter === last.counter ? last.counter - 1 : last.counter;
  return cut >= (oldest[0]?.counter ?? Infinity) ? cut : undefined;
}
