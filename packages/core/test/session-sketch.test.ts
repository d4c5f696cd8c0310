// Sessions that compare segments by sketches: exact where they decode, and no worse than listings where they do not.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SegmentRound } from '../src/anti-entropy/segment-round.js';
import { CELL_BYTES, ROW_BYTES, symbolsBytesMax } from '../src/digest/kernel.js';
import { LIMITS } from '../src/limits.js';
import { LISTING_ENTRY_BYTES, type ListingEntry } from '../src/protocol/listing.js';
import { formatVersion, type Version } from '../src/version.js';
import { listing } from './listings.js';
import { MemoryReplica, type Peer, peerWith, record, runSession } from './memory-replica.js';
import { oracleKernel } from './oracle-kernel.js';

const REPAIR = { preview: false };

const counters = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const countersOf = (versions: readonly Version[]) => versions.map(({ counter }) => counter);
const recordsOf = (list: readonly number[], value = '', origin = 1) =>
  list.map((counter) => record(counter, value, origin));
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
const without = (entries: readonly ListingEntry[], lost: readonly number[]) =>
  entries.filter(({ version }) => !lost.includes(version.counter));

const ALL = recordsOf(counters(1, 2499));
const LOST = [17, 300, 301, 777, 1250, 1499, 1500, 2020, 2498];

describe('session: sketches find the difference', () => {
  test.each([
    ['a record of one segment', [1234], []],
    ['scattered records that are missing here', LOST, []],
    ['scattered records that are missing there', [], LOST],
    ['scattered records of both sides', LOST.slice(0, 5), LOST.slice(5)],
    ['a hundred records', counters(1, 100).map((i) => i * 24), counters(1, 60).map((i) => i * 40 + 3)],
  ])('session: a sketch finds %s, for a fraction of a listing', (_, lostHere, lostThere) => {
    const here = new MemoryReplica(without(ALL, lostHere));
    const there = new MemoryReplica(without(ALL, lostThere));
    const differing = new Set([...lostHere, ...lostThere].map((counter) => Math.floor(counter / 250)));
    const { outcome, needed, bytes, pulled, pushed } = runSession(here, there, REPAIR);
    const [missingHere, missingThere] = [lostHere.length, lostThere.length];
    expect(outcome).toMatchObject({ equal: true, isWhole: true, rounds: 1, missingHere, missingThere });
    expect(sorted(countersOf(pulled))).toEqual(sorted(lostHere));
    expect(sorted(countersOf(pushed))).toEqual(sorted(lostThere));
    expect(needed).toMatchObject({ held: 1, listings: 0, transfer: 1 });
    expect(needed.symbols).toBeLessThanOrEqual(2);
    expect(bytes).toBeLessThan((differing.size * 250 * LISTING_ENTRY_BYTES) / 5);
    expect(here.records).toEqual(there.records);
  });

  test('session: a preview counts what a sketch finds, and moves nothing', () => {
    const [here, there] = [new MemoryReplica(without(ALL, LOST)), new MemoryReplica(without(ALL, [5, 6]))];
    const { outcome, needed } = runSession(here, there, { preview: true });
    expect(outcome).toMatchObject({
      equal: false,
      isWhole: false,
      missingHere: LOST.length,
      missingThere: 2,
    });
    expect(needed).toMatchObject({ held: 1, listings: 0, transfer: 0 });
    expect(here.records).toHaveLength(ALL.length - LOST.length);
  });

  test('session: what is missing as a whole is listed beside what is sketched', () => {
    const lost = [...counters(500, 999), 2020];
    const [here, there] = [new MemoryReplica(without(ALL, lost)), new MemoryReplica(ALL)];
    const { outcome, needed, pulled } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: lost.length });
    expect(needed).toMatchObject({ held: 1, symbols: 1, listings: 1 });
    expect(sorted(countersOf(pulled))).toEqual(sorted(lost));
  });

  test('session: of two records of one version the higher tag ends on both sides, by a sketch too', () => {
    const here = new MemoryReplica([...without(ALL, [100, 2000]), record(100, 'a'), record(2000, 'b')]);
    const there = new MemoryReplica([...without(ALL, [100, 2000]), record(100, 'c'), record(2000, 'd')]);
    const { outcome, needed } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1 });
    expect(needed).toMatchObject({ held: 1, listings: 0 });
    expect(here.records).toEqual(there.records);
  });

  test('session: exactly what differs is found, by sketches and listings together (random sets)', () => {
    const lost = fc.oneof(
      fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 30 }),
      fc
        .tuple(fc.integer({ min: 1, max: 999 }), fc.nat(400))
        .map(([from, length]) => counters(from, Math.min(999, from + length))),
    );
    const shared = recordsOf(counters(1, 999));
    fc.assert(
      fc.property(lost, lost, fc.nat(3), (lostHere, lostThere, otherOrigins) => {
        const more = recordsOf(counters(1, otherOrigins), 'x', 2);
        const here = new MemoryReplica(without(shared, lostHere));
        const there = new MemoryReplica([...without(shared, lostThere), ...more]);
        const toPull = there.records.filter((entry) => here.get(entry.version) === undefined);
        const toPush = here.records.filter((entry) => there.get(entry.version) === undefined);
        const { outcome, pulled, pushed } = runSession(here, there, REPAIR);
        expect(outcome.equal).toBe(true);
        const text = (versions: readonly Version[]) => versions.map(formatVersion).sort();
        expect(text(pulled)).toEqual(text(toPull.map(({ version }) => version)));
        expect(text(pushed)).toEqual(text(toPush.map(({ version }) => version)));
        expect(here.records).toEqual(there.records);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

describe('session: sketches under writes', () => {
  test('session: a peer whose records change between two messages is asked anew', () => {
    // Its counts are the same, so that the first symbols are too few.
    const moved = counters(501, 530);
    const here = new MemoryReplica(ALL);
    const there = new MemoryReplica([...without(ALL, moved), ...recordsOf(moved, 'other', 2)]);
    const asked: number[] = [];
    const busy = peerWith(there, {
      symbols: (question) => {
        asked.push(question.first);
        if (asked.length === 2) there.apply(record(501, 'late', 3));
        return there.symbols(question);
      },
    });
    const { outcome, needed } = runSession(here, busy, REPAIR);
    expect(asked.slice(0, 3)).toEqual([0, 16, 0]);
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: 31, missingThere: 30 });
    expect(needed).toMatchObject({ held: 2, listings: 0 });
  });

  test('session: a peer whose records change with every message, by more than was asked for, has them listed', () => {
    const moved = [500, 1000, 1500, 2000].flatMap((from) => counters(from, from + 9));
    const here = new MemoryReplica(ALL);
    const there = new MemoryReplica([...without(ALL, moved), ...recordsOf(moved, 'other', 2)]);
    let origin = 3;
    const busy = peerWith(there, {
      symbols: (question) => {
        for (const each of recordsOf(moved, 'more', origin++)) there.apply(each);
        for (const each of recordsOf(moved, 'more', origin++)) there.apply(each);
        return there.symbols(question);
      },
    });
    const { outcome, needed } = runSession(here, busy, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1 });
    expect(needed).toMatchObject({ held: 3, listings: 1 });
    expect(here.records).toEqual(there.records);
  });

  test('session: what is written here while the peer makes its symbols is found in the next round at the latest', () => {
    const here = new MemoryReplica(without(ALL, LOST));
    const there = new MemoryReplica(ALL);
    let isWritten = false;
    const busy = peerWith(there, {
      symbols: (question) => {
        if (!isWritten) here.apply(record(778, 'here alone', 2));
        isWritten = true;
        return there.symbols(question);
      },
    });
    const { outcome } = runSession(here, busy, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 2, missingHere: LOST.length, missingThere: 1 });
  });

  test('session: not all is here where a record has gone before it was asked for', () => {
    const here = new MemoryReplica(without(ALL, LOST));
    const there = new MemoryReplica(ALL);
    // As if 777 were superseded by what lies in no segment that is compared.
    const vanishing = peerWith(there, {
      find: (item) => (item.counter === 777 ? undefined : there.find(item)),
    });
    const { outcome, pulled } = runSession(here, vanishing, REPAIR);
    expect(outcome).toMatchObject({ equal: false, isWhole: false, rounds: LIMITS.sessionRoundsMax });
    expect(countersOf(pulled)).toEqual(LOST.filter((counter) => counter !== 777));
  });
});

describe('session: what sketches fail at is listed', () => {
  const sides = () => ({
    here: new MemoryReplica(without(ALL, LOST)),
    there: new MemoryReplica(without(ALL, [5, 6, 7])),
  });

  /** Symbols of what a replica holds in the segments that were asked for, and of more beside it. */
  function symbolsOf(replica: MemoryReplica, ...more: ListingEntry[]): Peer['symbols'] {
    return ({ segments, first, symbols }) => {
      const isAsked = (counter: number) =>
        segments.some(({ from, to }) => from * 250 <= counter && counter < (to + 1) * 250);
      const held = replica.records.filter(({ version }) => isAsked(version.counter));
      const entries = [...held, ...more];
      const cells = new Uint8Array(symbols * CELL_BYTES);
      const tags = Uint8Array.from(entries.flatMap(({ tag }) => [...tag]));
      const list = Float64Array.from(entries, ({ version }) => version.counter);
      oracleKernel.addToSketch(cells, first, list, tags, 1);
      return messageOf(cells, first);
    };
  }

  function messageOf(cells: Uint8Array, first: number) {
    const message = new Uint8Array(symbolsBytesMax(cells.length / CELL_BYTES));
    const length = oracleKernel.encodeSymbols(cells, first, message);
    return { message: message.slice(0, length), row: new Uint8Array(ROW_BYTES) };
  }

  const honest = sides().there;
  const fails: [string, Peer['symbols']][] = [
    ['says that it holds too much', () => undefined],
    ['sends nothing', () => ({ message: new Uint8Array(0), row: new Uint8Array(ROW_BYTES) })],
    ['sends garbage', () => ({ message: new Uint8Array(500).fill(7), row: new Uint8Array(ROW_BYTES) })],
    [
      'sends fewer symbols than were asked for',
      (question) => honest.symbols({ ...question, symbols: question.symbols - 1 }),
    ],
    ['sends more', (question) => honest.symbols({ ...question, symbols: question.symbols + 1 })],
    [
      'sends symbols without a row',
      (question) => ({
        message: honest.symbols(question)?.message ?? new Uint8Array(0),
        row: new Uint8Array(0),
      }),
    ],
    ['shows a record outside the segments', symbolsOf(honest, record(9999))],
    ['hides that it holds a record twice', symbolsOf(honest, record(1250), record(1250))],
    [
      'shows random cells',
      (question) => {
        const cells = new Uint8Array(question.symbols * CELL_BYTES);
        for (let at = 0, seed = 7; at < cells.length; at++) {
          seed = (seed * 48_271) % 0x7fff_ffff;
          cells[at] = seed % 256;
        }
        return messageOf(cells, question.first);
      },
    ],
  ];
  test.each(fails)('session: a peer that %s has its segments listed', (_, symbols) => {
    const { here, there } = sides();
    const { outcome, needed } = runSession(here, peerWith(there, { symbols }), REPAIR);
    expect(outcome).toMatchObject({
      equal: true,
      isWhole: true,
      rounds: 1,
      missingHere: LOST.length,
      missingThere: 3,
    });
    expect(needed.listings).toBe(1);
    expect(here.records).toEqual(there.records);
  });

  test('session: a peer that claims to hold the same is found out by its root, and left at the bound', () => {
    const { here, there } = sides();
    const lying = peerWith(there, { symbols: symbolsOf(here) });
    const { outcome, needed } = runSession(here, lying, REPAIR);
    expect(outcome).toMatchObject({
      equal: false,
      rounds: LIMITS.sessionRoundsMax,
      missingHere: 0,
      isWhole: false,
    });
    expect(needed).toMatchObject({ symbols: LIMITS.sessionRoundsMax, listings: 0 });
  });

  test('session: a record that a peer shows and does not give is not missed for ever', () => {
    const { here, there } = sides();
    const lying = peerWith(there, { symbols: symbolsOf(there, record(301, 'none', 5)) });
    const { outcome, needed, pulled } = runSession(here, lying, REPAIR);
    // Each time it is one record more that has gone; but the roots are equal after the first.
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: LOST.length + 1 });
    expect(needed).toMatchObject({ listings: 0 });
    expect(sorted(countersOf(pulled))).toEqual(LOST);
  });

  test('session: more differences than a listing costs are listed, and the next sketches are not begun', () => {
    // All are other records, as many as before: nothing tells beforehand that a sketch is in vain.
    const here = new MemoryReplica(ALL);
    const there = new MemoryReplica(recordsOf(counters(1, 2499), 'other', 2));
    const { outcome, needed } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: 2499, missingThere: 2499 });
    expect(needed).toMatchObject({ held: 1, listings: 1 });
    expect(needed.symbols).toBeLessThanOrEqual(15);
  }, 60_000);

  test('session: where one sketch of a round fails, the segments of the others are listed too, each once', () => {
    const segments = counters(1, 200).map((segment) => ({ segment, recordsHere: 250, recordsThere: 249 }));
    const round = new SegmentRound(oracleKernel, segments, { trimmedTo: 0, usesSketches: true });
    const first = round.next();
    if (first.need !== 'held') throw new Error(`a sketch is next, not ${first.need}`);
    expect(first.segments.flatMap(({ from, to }) => counters(from, to)).length).toBeLessThan(100);
    let step = round.held(undefined);
    const listed: number[] = [];
    while (step.need !== 'end') {
      if (step.need === 'listings') {
        listed.push(...step.ranges.map(({ from }) => from.counter / 250));
        step = round.listings(
          step.ranges.map(() => listing([])),
          step.ranges.map(() => listing([])),
        );
      } else {
        expect(step.need).toBe('differences');
        step = round.next();
      }
    }
    expect(step).toEqual({ need: 'end', isWhole: true, hasSketchFailed: true });
    expect(sorted(listed)).toEqual(counters(1, 200));
  });

  test('session: a sketch that failed is the last one of the session', () => {
    const { here, there } = sides();
    let turn = 0;
    const lying = peerWith(there, {
      root: () => ({ ...there.root(), root: new Uint8Array(ROW_BYTES).fill(++turn) }),
      symbols: () => undefined,
      apply: () => {},
    });
    const { outcome, needed } = runSession(here, lying, REPAIR);
    expect(outcome.rounds).toBe(LIMITS.sessionRoundsMax);
    expect(needed).toMatchObject({ held: 1, symbols: 1 });
  });
});
