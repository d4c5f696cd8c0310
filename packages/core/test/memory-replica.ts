// A replica as sets of versions and tags, and a session between two of them, with everything that travels counted.
import {
  answerSymbols,
  type HeldQuestion,
  type HeldRecords,
  heldRecords,
  type SymbolsAnswer,
  type SymbolsQuestion,
} from '../src/anti-entropy/answer-symbols.js';
import {
  AntiEntropySession,
  type SessionOutcome,
  type SessionStep,
  type SideSummary,
} from '../src/anti-entropy/session.js';
import { INDEXED_ROW_BYTES, ROW_BYTES, TAG_BYTES } from '../src/digest/kernel.js';
import { type IndexRange, rowIndexOf } from '../src/digest/layout.js';
import { compareTags, type Listing, type ListingEntry, type VersionRange } from '../src/protocol/listing.js';
import { hasPrefix, type RecordItem } from '../src/protocol/record-items.js';
import { encodeFrame } from '../src/record.js';
import { compareVersions, formatVersion, type Version } from '../src/version.js';
import { utf8, version } from './bytes.js';
import { listing } from './listings.js';
import { oracleKernel } from './oracle-kernel.js';

const KEY = new Uint8Array(32).fill(7);

export function record(counter: number, value = '', origin: number | bigint = 1): ListingEntry {
  const made = version(counter, origin);
  const frame = encodeFrame({ version: made, timeMs: 1, value: utf8(value) });
  const tag = new Uint8Array(TAG_BYTES);
  oracleKernel.tags(KEY, frame, Uint32Array.of(frame.length), tag);
  return { version: made, tag };
}

export class MemoryReplica {
  readonly #records = new Map<string, ListingEntry>();
  #trimmedTo = 0;
  #purgedTo = 0;

  constructor(records: readonly ListingEntry[] = []) {
    for (const entry of records) this.apply(entry);
  }

  /** As a store does: of two records of one version the one with the higher tag stays. */
  apply(entry: ListingEntry): void {
    if (entry.version.counter <= this.#trimmedTo) return;
    const key = formatVersion(entry.version);
    const known = this.#records.get(key);
    if (known === undefined || compareTags(known.tag, entry.tag) < 0) this.#records.set(key, entry);
  }

  get records(): ListingEntry[] {
    return [...this.#records.values()].sort((a, b) => compareVersions(a.version, b.version));
  }

  get(version: Version): ListingEntry | undefined {
    return this.#records.get(formatVersion(version));
  }

  root(): SideSummary {
    return { root: sumOf(this.records), trimmedTo: this.#trimmedTo, purgedTo: this.#purgedTo };
  }

  trim(counter: number): void {
    this.#trimmedTo = Math.max(this.#trimmedTo, counter);
    for (const [key, { version }] of this.#records) if (version.counter <= counter) this.#records.delete(key);
  }

  purge(counter: number): void {
    this.#purgedTo = Math.max(this.#purgedTo, counter);
  }

  rows(level: number, ranges: readonly IndexRange[]): Uint8Array {
    const byIndex = new Map<number, ListingEntry[]>();
    for (const entry of this.records) {
      const index = rowIndexOf(entry.version.counter, level);
      if (!ranges.some(({ from, to }) => index >= from && index <= to)) continue;
      const row = byIndex.get(index);
      if (row === undefined) byIndex.set(index, [entry]);
      else row.push(entry);
    }
    return indexedRows([...byIndex].map(([index, entries]) => [index, sumOf(entries)]));
  }

  /** The record behind an item, where it is held. */
  find({ counter, tagPrefix }: RecordItem): ListingEntry | undefined {
    return this.records.find(({ version, tag }) => version.counter === counter && hasPrefix(tag, tagPrefix));
  }

  held(question: Omit<HeldQuestion, 'partition'>): HeldRecords | undefined {
    return atOnce(heldRecords(this.#store, { partition: '', ...question }));
  }

  symbols(question: Omit<SymbolsQuestion, 'partition'>): SymbolsAnswer | undefined {
    return atOnce(answerSymbols(this.#store, oracleKernel, { partition: '', ...question }));
  }

  get #store() {
    return { list: (_: string, range: VersionRange) => this.list(range) };
  }

  list({ from, to, limit }: VersionRange): Listing {
    const within = this.records.filter(
      (entry) => compareVersions(entry.version, from) >= 0 && compareVersions(entry.version, to) <= 0,
    );
    const page = listing(within.slice(0, limit), within.length > limit);
    return {
      ...page,
      trimmedTo: this.#trimmedTo,
      head: Math.max(this.#trimmedTo, this.records.at(-1)?.version.counter ?? 0),
    };
  }
}

function atOnce<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}

function sumOf(entries: readonly ListingEntry[]): Uint8Array {
  const row = new Uint8Array(ROW_BYTES);
  const tags = Uint8Array.from(entries.flatMap(({ tag }) => [...tag]));
  oracleKernel.addTags(row, new Uint32Array(entries.length), tags, 1);
  return row;
}

/** Rows with their indexes, ascending, as they travel. */
export function indexedRows(rows: readonly (readonly [index: number, row: Uint8Array])[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * INDEXED_ROW_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, [index, row]] of [...rows].sort(([a], [b]) => a - b).entries()) {
    view.setBigUint64(i * INDEXED_ROW_BYTES, BigInt(index), true);
    bytes.set(row, i * INDEXED_ROW_BYTES + 8);
  }
  return bytes;
}

/** The other side of a session: a replica, or something that only claims to be one. */
export type Peer = Pick<
  MemoryReplica,
  'root' | 'trim' | 'purge' | 'rows' | 'list' | 'symbols' | 'find' | 'apply'
>;

/** A peer that holds what this replica does, and answers some questions in its own way. */
export function peerWith(replica: MemoryReplica, answers: Partial<Peer> = {}): Peer {
  return {
    root: () => replica.root(),
    trim: (counter) => replica.trim(counter),
    purge: (counter) => replica.purge(counter),
    rows: (level, ranges) => replica.rows(level, ranges),
    list: (range) => replica.list(range),
    symbols: (question) => replica.symbols(question),
    find: (item) => replica.find(item),
    apply: (entry) => replica.apply(entry),
    ...answers,
  };
}

export interface SessionRun {
  readonly outcome: SessionOutcome;
  readonly steps: number;
  /** Digests, symbols and listings that the peer sent. */
  readonly bytes: number;
  /** Steps by what they needed. */
  readonly needed: Readonly<Record<SessionStep['need'], number>>;
  readonly pulled: readonly Version[];
  readonly pushed: readonly Version[];
}

/** Throws where the session takes more steps than it may at most. */
export function runSession(here: MemoryReplica, there: Peer, options: { preview: boolean }): SessionRun {
  const stepsMax = 5000;
  const session = new AntiEntropySession(oracleKernel, options);
  const pulled: Version[] = [];
  const pushed: Version[] = [];
  let bytes = 0;
  const needed = {
    roots: 0,
    trim: 0,
    purge: 0,
    rows: 0,
    held: 0,
    symbols: 0,
    listings: 0,
    transfer: 0,
    nothing: 0,
  };
  const received = (answer: Uint8Array) => {
    bytes += answer.length;
    return answer;
  };
  const summarised = (summary: SideSummary) => {
    received(summary.root);
    return summary;
  };
  let step: SessionStep = session.start();
  for (let steps = 1; steps <= stepsMax; steps++) {
    needed[step.need]++;
    switch (step.need) {
      case 'roots':
        step = session.roots(here.root(), summarised(there.root()));
        break;
      case 'trim':
        here.trim(step.trimTo);
        there.trim(step.trimTo);
        step = session.raised();
        break;
      case 'purge':
        here.purge(step.purgeTo);
        there.purge(step.purgeTo);
        step = session.raised();
        break;
      case 'rows':
        step = session.rows(
          here.rows(step.level, step.ranges),
          received(there.rows(step.level, step.ranges)),
        );
        break;
      case 'held':
        step = session.held(here.held(step));
        break;
      case 'symbols': {
        const theirs = there.symbols(step);
        if (theirs !== undefined) {
          received(theirs.message);
          received(theirs.row);
        }
        step = session.symbols(theirs);
        break;
      }
      case 'listings': {
        const theirs = step.ranges.map((range) => there.list(range));
        for (const { entries } of theirs) received(entries);
        step = session.listings(
          step.ranges.map((range) => here.list(range)),
          theirs,
        );
        break;
      }
      case 'transfer': {
        const vanished = move(step.pull, there, here, pulled);
        move(step.push, here, there, pushed);
        step = session.transferred(vanished);
        break;
      }
      case 'nothing':
        return { outcome: step.outcome, steps, bytes, needed, pulled, pushed };
    }
  }
  throw new Error(`the session did not end in ${stepsMax} steps`);
}

/** Returns how many were not there any more. */
function move(items: readonly RecordItem[], from: Peer, to: Peer, moved: Version[]): number {
  let vanished = 0;
  for (const item of items) {
    const entry = from.find(item);
    if (entry === undefined) {
      vanished++;
      continue;
    }
    moved.push(entry.version);
    to.apply(entry);
  }
  return vanished;
}
