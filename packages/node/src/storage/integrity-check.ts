/**
 * Checks what lies on disk against itself, in small steps that each see one moment: frames against their
 * tags, tables of entries against their checksums, the index against the log, digest rows and keys against
 * the records, and records that nothing points to against what made them so.
 *
 * One after another the steps go through everything; whoever runs them decides how fast. What is written
 * meanwhile may be seen or not.
 */
import {
  childRanges,
  compareTags,
  compareVersions,
  DIGEST_LAYOUT,
  type DigestKernel,
  formatVersion,
  LIMITS,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  ROW_BYTES,
  rowIndexOf,
  segmentCounters,
  TAG_BYTES,
  toMendlogError,
} from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import type { IntegrityFinding, IntegrityStep } from './integrity-finding.js';
import { isSuperseded } from './key-holders.js';
import { keyOfFrame } from './key-text.js';
import { liveRecordsOf } from './live-records.js';
import type { LocatedRecord } from './located-record.js';
import type { LogEntry } from './log-entry.js';
import type { PartitionState } from './partition-state.js';
import { EMPTY_ROW } from './row-changes.js';
import { isSoundFrame } from './sound-frame.js';
import type { VersionIndex } from './version-index.js';

interface CheckOptions {
  readonly log: ArrivalLog;
  readonly index: VersionIndex;
  readonly kernel: DigestKernel;
  readonly states: () => Iterable<PartitionState>;
}

/** Bytes of frames that one step looks at; one record may go beyond. */
const STEP_BYTES = 128 * 1024;
/** Keys that one step looks at. */
const STEP_KEYS = 512;

export class IntegrityCheck {
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  readonly #kernel: DigestKernel;
  readonly #states: () => Iterable<PartitionState>;

  constructor({ log, index, kernel, states }: CheckOptions) {
    this.#log = log;
    this.#index = index;
    this.#kernel = kernel;
    this.#states = states;
  }

  /** Once through everything. */
  *steps(): Generator<IntegrityStep> {
    for (const state of [...this.#states()]) {
      yield* guarded(state.name, this.#segments(state));
      yield* guarded(state.name, this.#rowSums(state));
      yield* guarded(state.name, this.#keys(state));
    }
    yield* guarded('the log', this.#entries());
  }

  /** Segment by segment: those that have records or a row. */
  *#segments(state: PartitionState): Generator<IntegrityStep> {
    for (let next = 0; ; ) {
      const segment = this.#segmentFrom(state, next);
      if (segment === undefined) return;
      yield* this.#segment(state, segment);
      next = segment + 1;
    }
  }

  #segmentFrom({ id }: PartitionState, least: number): number | undefined {
    const { from } = segmentCounters(least);
    const [record] = this.#index.range(id, {
      from: { counter: from, origin: ORIGIN_LOWEST },
      to: { counter: Number.MAX_SAFE_INTEGER, origin: ORIGIN_HIGHEST },
      limit: 1,
    });
    const row = this.#index.firstRow(id, 0, least);
    const ofRecord = record === undefined ? Number.POSITIVE_INFINITY : rowIndexOf(record.version.counter, 0);
    const segment = Math.min(ofRecord, row ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(segment) ? segment : undefined;
  }

  /** Its row in one step, then its records, so many bytes a step. */
  *#segment(state: PartitionState, segment: number): Generator<IntegrityStep> {
    const { from, to } = segmentCounters(segment);
    const records = this.#index.range(state.id, {
      from: { counter: from, origin: ORIGIN_LOWEST },
      to: { counter: to, origin: ORIGIN_HIGHEST },
      limit: LIMITS.batchRecordsMax,
    });
    const findings: IntegrityFinding[] = [];
    // A segment that holds more, as of very many writers, is left to the sums above it.
    if (records.length < LIMITS.batchRecordsMax) {
      const row = new Uint8Array(ROW_BYTES);
      this.#kernel.addTags(row, new Uint32Array(records.length), packedTags(records), 1);
      if (Buffer.compare(row, this.#row(state, 0, segment)) !== 0)
        findings.push(
          indexFinding(`the row of segment ${segment} of ${state.name} is not that of its records`),
        );
    }
    for (let start = 0; start < records.length; ) {
      let end = start;
      let bytes = 0;
      for (; end < records.length && bytes < STEP_BYTES; end++)
        bytes += (records[end] as LocatedRecord).length;
      // In a later step some may have gone since.
      const part = records
        .slice(start, end)
        .filter((record) => start === 0 || this.#index.isThere(state.id, record));
      findings.push(...this.#records(state, part));
      yield { records: part.length, bytes, findings: findings.splice(0) };
      start = end;
    }
    if (records.length === 0) yield { records: 0, bytes: 0, findings };
  }

  /** Records that the index has, against the log. */
  #records(state: PartitionState, records: readonly LocatedRecord[]): IntegrityFinding[] {
    const findings: IntegrityFinding[] = [];
    const ends = new Uint32Array(records.length);
    const bytes = Buffer.alloc(records.reduce((sum, { length }) => sum + length, 0));
    const isRead = records.map(() => false);
    let end = 0;
    let peeked: { arrival: number; entry: LogEntry | undefined } | undefined;
    for (const [i, record] of records.entries()) {
      if (peeked?.arrival !== record.arrival)
        peeked = { arrival: record.arrival, entry: this.#log.readWhole(record.arrival) };
      const { entry } = peeked;
      const place = entry?.placeOf(record.ordinal);
      if (entry !== undefined && (place === undefined || !isSame(entry, place, record))) {
        const { version, arrival } = record;
        findings.push(
          indexFinding(`${state.name} ${formatVersion(version)} is not in entry ${arrival} of the log`),
        );
      } else if (entry !== undefined && place !== undefined) {
        bytes.set(entry.frame(place), end);
        isRead[i] = true;
      }
      end += record.length;
      ends[i] = end;
    }
    const tags = new Uint8Array(records.length * TAG_BYTES);
    this.#kernel.tags(state.tagKey, bytes, ends, tags);
    for (const [i, record] of records.entries()) {
      const { version } = record;
      const isSound = isRead[i] === true && compareTags(tags.subarray(i * TAG_BYTES), record.tag) === 0;
      if (!isSound) {
        if (version.counter > state.trimmedTo)
          findings.push({ kind: 'record', partition: state.name, version });
        continue;
      }
      const start = (ends[i] as number) - record.length;
      // What is trimmed holds no key, and goes.
      if (!record.hasKey || version.counter <= state.trimmedTo) continue;
      const holder = this.#index.holder(state.id, keyOfFrame(bytes, start).key);
      if (holder === undefined || compareVersions(holder.version, version) !== 0)
        findings.push(indexFinding(`the key of ${state.name} ${formatVersion(version)} is not held by it`));
    }
    return findings;
  }

  /** Each level sums up to the root, and each row to those below it. */
  *#rowSums(state: PartitionState): Generator<IntegrityStep> {
    const findings: IntegrityFinding[] = [];
    const { root } = this.#index.partition(state.id);
    for (let level = DIGEST_LAYOUT.levels - 1; level > 0; level--) {
      for (const { index, row } of this.#rowsOf(state, level)) {
        const below = this.#index.rows(state.id, level - 1, childRanges([index]));
        if (Buffer.compare(this.#sum(below.values()), row) !== 0)
          findings.push(
            indexFinding(`row ${index} of level ${level} of ${state.name} is not the sum of its rows`),
          );
      }
    }
    const top = [...this.#rowsOf(state, DIGEST_LAYOUT.levels - 1)];
    if (Buffer.compare(this.#sum(top.map(({ row }) => row)), root) !== 0)
      findings.push(indexFinding(`the root of ${state.name} is not the sum of its rows`));
    yield { records: 0, bytes: 0, findings };
  }

  *#rowsOf(state: PartitionState, level: number): Generator<{ index: number; row: Uint8Array }> {
    for (let index = this.#index.firstRow(state.id, level, 0); index !== undefined; ) {
      yield { index, row: this.#row(state, level, index) };
      index = this.#index.firstRow(state.id, level, index + 1);
    }
  }

  #row({ id }: PartitionState, level: number, index: number): Uint8Array {
    return this.#index.rows(id, level, [{ from: index, to: index }]).get(index) ?? EMPTY_ROW;
  }

  #sum(rows: Iterable<Uint8Array>): Uint8Array {
    const sum = new Uint8Array(ROW_BYTES);
    this.#kernel.sumRows(Buffer.concat([...rows]), sum);
    return sum;
  }

  /** Every key is held by a record that is there. */
  *#keys(state: PartitionState): Generator<IntegrityStep> {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = this.#index.holders(state.id, after, STEP_KEYS);
      const findings: IntegrityFinding[] = [];
      for (const { key, claim } of page) {
        if (claim.version.counter <= state.trimmedTo) continue;
        if (this.#index.find(state.id, claim.version)?.hasKey === true) continue;
        const holder = `${state.name} ${formatVersion(claim.version)}`;
        findings.push(
          indexFinding(`the key ${JSON.stringify(key)} is held by ${holder}, which is not there`),
        );
      }
      yield { records: 0, bytes: 0, findings };
      after = page.length < STEP_KEYS ? undefined : page.at(-1)?.key;
    }
  }

  *#entries(): Generator<IntegrityStep> {
    const states = new Map([...this.#states()].map((state) => [state.id, state]));
    for (let arrival = this.#log.nextArrival(0); arrival !== undefined; ) {
      yield { records: 0, bytes: 0, findings: this.#entry(arrival, states) };
      arrival = this.#log.nextArrival(arrival);
    }
  }

  /** An entry's table, and why the index does not point to some of its records. */
  #entry(arrival: number, states: ReadonlyMap<number, PartitionState>): IntegrityFinding[] {
    const entry = this.#log.readWhole(arrival);
    if (entry === undefined) return [{ kind: 'entry', arrival }];
    const findings: IntegrityFinding[] = [];
    // What made its records dead may be gone already: it is about to be written anew.
    if (this.#index.isOutworn(arrival)) return findings;
    // What is live of it is written with the end of the step that brings it.
    if (this.#index.applied >= arrival && !this.#isShareSound(arrival, entry))
      findings.push(
        indexFinding(`what the index has of entry ${arrival} of the log is not what it says of it`),
      );
    for (const { partitionId, from, to } of entry.groups()) {
      const state = states.get(partitionId);
      // What is not applied yet is not there to be compared.
      if (state === undefined || this.#index.partition(partitionId).applied < arrival) continue;
      for (let place = from; place < to; place++) {
        if (this.#isAccountedFor(state, { arrival, entry, place })) continue;
        const text = formatVersion(entry.version(place));
        findings.push(indexFinding(`${state.name} ${text} is in the log, and the index has lost it`));
      }
    }
    return findings;
  }

  #isShareSound(arrival: number, entry: LogEntry): boolean {
    const share = this.#index.live(arrival);
    const { records, bytes } = liveRecordsOf(this.#index, arrival, entry);
    const bytesInLog = entry.frameBytes(0, entry.records);
    return share?.records === records && share.bytes === bytes && share.bytesInLog === bytesInLog;
  }

  #isAccountedFor(
    state: PartitionState,
    { arrival, entry, place }: { arrival: number; entry: LogEntry; place: number },
  ): boolean {
    const version = entry.version(place);
    if (version.counter <= state.trimmedTo) return true;
    if (state.isPurged({ version, arrival, isTombstone: entry.isTombstone(place) })) return true;
    const indexed = this.#index.find(state.id, version);
    if (indexed?.arrival === arrival && indexed.ordinal === entry.ordinal(place)) return true;
    // Of one version the higher tag stays, and of equal ones the later.
    if (indexed !== undefined && compareTags(indexed.tag, entry.tag(place)) >= 0) return true;
    // Of a record that the index does not know, and whose frame the disk has changed, nothing can be said.
    const { tagKey } = state;
    if (!isSoundFrame(this.#kernel, entry.frame(place), { tagKey, tag: entry.tag(place) })) return true;
    if (!entry.hasKey(place)) return false;
    const { key, attempt } = entry.key(place);
    return isSuperseded({ attempt, version }, this.#index.holder(state.id, key));
  }
}

function isSame(
  entry: LogEntry,
  place: number,
  { version, tag, length, hasKey, isTombstone }: LocatedRecord,
): boolean {
  return (
    entry.compareVersion(place, version) === 0 &&
    compareTags(entry.tag(place), tag) === 0 &&
    entry.length(place) === length &&
    entry.hasKey(place) === hasKey &&
    entry.isTombstone(place) === isTombstone
  );
}

function packedTags(records: readonly LocatedRecord[]): Uint8Array {
  const tags = new Uint8Array(records.length * TAG_BYTES);
  for (const [i, { tag }] of records.entries()) tags.set(tag, i * TAG_BYTES);
  return tags;
}

/** What cannot even be read is a finding as well: the rest of that part is left out. */
function* guarded(what: string, steps: Generator<IntegrityStep>): Generator<IntegrityStep> {
  try {
    yield* steps;
  } catch (cause) {
    if (cause instanceof MendlogError && cause.code === 'CLOSED') throw cause;
    const { message } = toMendlogError(cause);
    yield {
      records: 0,
      bytes: 0,
      findings: [indexFinding(`${what} cannot be read in the index: ${message}`)],
    };
  }
}

function indexFinding(what: string): IntegrityFinding {
  return { kind: 'index', what };
}
