// Anti-entropy sessions: they find and move exactly the difference, at a cost that follows it, and always end.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AntiEntropySession, type SessionStep } from '../src/anti-entropy/session.js';
import { ROW_BYTES } from '../src/digest/kernel.js';
import { allRows, DIGEST_LAYOUT } from '../src/digest/layout.js';
import { MendlogError } from '../src/errors.js';
import { LIMITS } from '../src/limits.js';
import { LISTING_ENTRY_BYTES, type ListingEntry, sameTag } from '../src/protocol/listing.js';
import { formatVersion, type Version } from '../src/version.js';
import { version } from './bytes.js';
import { entry, listing, tag } from './listings.js';
import { indexedRows, MemoryReplica, type Peer, peerWith, record, runSession } from './memory-replica.js';
import { oracleKernel } from './oracle-kernel.js';

const REPAIR = { preview: false };
const PREVIEW = { preview: true };
const SEGMENT = DIGEST_LAYOUT.segmentSize;

const counters = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const countersOf = (versions: readonly Version[]) => versions.map(({ counter }) => counter);

/** Versions that `from` holds and `to` lacks, or holds with a tag that loses. */
function lacking(to: MemoryReplica, from: MemoryReplica): string[] {
  const winner = (a: ListingEntry, b: ListingEntry) => new MemoryReplica([a, b]).get(a.version);
  return from.records
    .filter((entry) => {
      const own = to.get(entry.version);
      if (own === undefined) return true;
      return !sameTag(own.tag, entry.tag) && winner(own, entry) === entry;
    })
    .map(({ version }) => formatVersion(version));
}

describe('session: finds the difference', () => {
  test('session: equal replicas are done after their roots (0, 1, 1000 records)', () => {
    for (const count of [0, 1, 1000]) {
      const records = counters(1, count).map((counter) => record(counter));
      const run = runSession(new MemoryReplica(records), new MemoryReplica(records), REPAIR);
      expect(run.outcome).toMatchObject({
        equal: true,
        rounds: 0,
        missingHere: 0,
        missingThere: 0,
        differences: [],
      });
      expect(run.bytes).toBe(ROW_BYTES);
    }
  });

  test('session: one lost record among many costs one row list a level and one listing', () => {
    const records = counters(1, 3000).map((counter) => record(counter));
    const here = new MemoryReplica(records.filter(({ version }) => version.counter !== 1234));
    const run = runSession(here, new MemoryReplica(records), REPAIR);
    expect(run.outcome).toMatchObject({
      equal: true,
      rounds: 1,
      missingHere: 1,
      missingThere: 0,
      recordsCompared: 250,
    });
    expect(run.outcome.differences).toEqual([{ from: 1000, to: 1249 }]);
    expect(countersOf(run.pulled)).toEqual([1234]);
    expect(run.pushed).toEqual([]);
    // Two roots; per level the rows of 3,000 records; the listing of one segment.
    expect(run.bytes).toBeLessThanOrEqual(
      2 * ROW_BYTES + (1 + 1 + 1 + 13) * 32 + SEGMENT * LISTING_ENTRY_BYTES,
    );
  });

  test('session: an outage is a range, and both sides give what they have', () => {
    const here = new MemoryReplica(counters(1, 1000).map((counter) => record(counter)));
    const there = new MemoryReplica([
      ...counters(1, 600).map((counter) => record(counter)),
      ...counters(1001, 1100).map((counter) => record(counter, '', 2)),
    ]);
    const { outcome, pulled, pushed } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: 100, missingThere: 400 });
    expect(outcome.differences).toEqual([{ from: 500, to: 1249 }]);
    expect(countersOf(pulled)).toEqual(counters(1001, 1100));
    expect(countersOf(pushed)).toEqual(counters(601, 1000));
    expect(here.records).toEqual(there.records);
  });

  test('session: an empty replica gets everything, a full one gives it', () => {
    const records = [...counters(1, 40), ...counters(100_000, 100_040), 2 ** 40, 2 ** 50].map((n) =>
      record(n),
    );
    for (const [here, there] of [
      [new MemoryReplica(), new MemoryReplica(records)],
      [new MemoryReplica(records), new MemoryReplica()],
    ] as const) {
      const { outcome } = runSession(here, there, REPAIR);
      expect(outcome).toMatchObject({ equal: true, rounds: 1 });
      expect(outcome.missingHere + outcome.missingThere).toBe(records.length);
      expect(here.records).toEqual(there.records);
    }
  });

  test('session: of two records of one version the higher tag ends on both sides', () => {
    const here = new MemoryReplica([record(1), record(2, 'left'), record(3, 'a')]);
    const there = new MemoryReplica([record(1), record(2, 'right'), record(3, 'b')]);
    const { outcome } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1 });
    expect(outcome.missingHere + outcome.missingThere).toBe(2);
    expect(here.records).toEqual(there.records);
  });

  test('session: exactly what differs is found and moved, and a second session finds nothing (random sets)', () => {
    const counter = fc.oneof(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: SEGMENT - 2, max: SEGMENT + 2 }),
      fc.integer({ min: 256 * SEGMENT - 2, max: 256 * SEGMENT + 2 }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    );
    const made = fc
      .tuple(counter, fc.constantFrom('', 'x'), fc.constantFrom(1, 2))
      .map(([n, value, origin]) => record(n, value, origin));
    const some = fc.array(made, { maxLength: 25 });
    fc.assert(
      fc.property(some, some, some, (shared, onlyHere, onlyThere) => {
        const here = new MemoryReplica([...shared, ...onlyHere]);
        const there = new MemoryReplica([...shared, ...onlyThere]);
        const toPull = lacking(here, there);
        const toPush = lacking(there, here);
        // A sketch tells of both records of one version, and the one that loses is moved too.
        const losers = here.records.filter(({ version, tag }) => {
          const other = there.get(version);
          return other !== undefined && !sameTag(other.tag, tag);
        });
        const { missingHere, missingThere } = runSession(here, there, PREVIEW).outcome;
        const inVain = missingHere + missingThere - toPull.length - toPush.length;
        expect(inVain).toBeGreaterThanOrEqual(0);
        expect(inVain).toBeLessThanOrEqual(losers.length);
        expect([lacking(here, there), lacking(there, here)]).toEqual([toPull, toPush]);
        const { outcome, pulled, pushed } = runSession(here, there, REPAIR);
        expect(pulled.map(formatVersion)).toEqual(expect.arrayContaining(toPull));
        expect(pushed.map(formatVersion)).toEqual(expect.arrayContaining(toPush));
        // What was pulled has replaced it before it was to be pushed, or not.
        expect(pulled.length).toBe(missingHere);
        expect(pushed.length).toBeLessThanOrEqual(missingThere);
        expect(outcome.equal).toBe(true);
        expect(here.records).toEqual(there.records);
        const again = runSession(here, there, REPAIR);
        expect(again.outcome).toMatchObject({ equal: true, rounds: 0 });
      }),
      { numRuns: 60 },
    );
  });
});

describe('session: preview', () => {
  test('session: a preview counts the difference once and moves nothing', () => {
    const here = new MemoryReplica(counters(1, 600).map((counter) => record(counter)));
    const there = new MemoryReplica(counters(301, 900).map((counter) => record(counter)));
    const { outcome, pulled, pushed } = runSession(here, there, PREVIEW);
    expect(outcome).toMatchObject({ equal: false, rounds: 1, missingHere: 300, missingThere: 300 });
    expect([...pulled, ...pushed]).toEqual([]);
    expect([here.records.length, there.records.length]).toEqual([600, 600]);
  });

  test('session: a preview of equal replicas says so', () => {
    const records = [record(1), record(2)];
    expect(runSession(new MemoryReplica(records), new MemoryReplica(records), PREVIEW).outcome).toMatchObject(
      {
        equal: true,
        rounds: 0,
      },
    );
  });
});

describe('session: trim watermarks', () => {
  test('session: what one side has trimmed goes from the other, and does not come back (SPEC I5)', () => {
    const records = counters(1, 600).map((counter) => record(counter));
    for (const trimmedFirst of [true, false]) {
      const [here, there] = [new MemoryReplica(records), new MemoryReplica(records)];
      (trimmedFirst ? here : there).trim(400);
      (trimmedFirst ? there : here).apply(record(601));
      const { outcome, pulled, pushed } = runSession(here, there, REPAIR);
      expect(outcome).toMatchObject({ equal: true, missingHere: trimmedFirst ? 1 : 0 });
      expect(countersOf([...pulled, ...pushed])).toEqual([601]);
      expect(here.records.map(({ version }) => version.counter)).toEqual(counters(401, 601));
      expect(here.records).toEqual(there.records);
      expect(there.root()).toEqual(here.root());
    }
  });

  test('session: the lower purge watermark is raised before anything is compared (SPEC I5)', () => {
    for (const isHere of [true, false]) {
      const [here, there] = [new MemoryReplica([record(1)]), new MemoryReplica([record(2)])];
      (isHere ? here : there).purge(40);
      const session = new AntiEntropySession(oracleKernel, REPAIR);
      session.start();
      expect(session.roots(here.root(), there.root())).toEqual({ need: 'purge', purgeTo: 40 });
      expect(session.raised()).toEqual({ need: 'roots' });
      const { outcome } = runSession(here, there, REPAIR);
      expect(outcome).toMatchObject({ equal: true, missingHere: 1, missingThere: 1 });
      expect([here, there].map((side) => side.root().purgedTo)).toEqual([40, 40]);
    }
  });

  test('session: what is moved comes from a side that has purged as much as both have', () => {
    const [here, there] = [new MemoryReplica(), new MemoryReplica([record(1)])];
    for (const side of [here, there]) side.purge(7);
    const session = new AntiEntropySession(oracleKernel, REPAIR);
    let step = session.start();
    while (step.need !== 'transfer' && step.need !== 'nothing') {
      if (step.need === 'rows')
        step = session.rows(here.rows(step.level, step.ranges), there.rows(step.level, step.ranges));
      else if (step.need === 'listings')
        step = session.listings(
          step.ranges.map((range) => here.list(range)),
          step.ranges.map((range) => there.list(range)),
        );
      else step = session.roots(here.root(), there.root());
    }
    expect(step).toMatchObject({ need: 'transfer', push: [], purgedTo: 7 });
  });

  test('session: a preview trims nothing, and counts nothing that was trimmed as missing', () => {
    const here = new MemoryReplica(counters(1, 10).map((counter) => record(counter)));
    const there = new MemoryReplica(counters(1, 11).map((counter) => record(counter)));
    here.trim(4);
    const { outcome } = runSession(here, there, PREVIEW);
    expect(outcome).toMatchObject({ missingHere: 1, missingThere: 0 });
    expect(there.records).toHaveLength(11);
  });
});

describe('session: bounds', () => {
  test('session: a segment of more records than one listing is resolved to its end', () => {
    const made = (origins: number) =>
      counters(1, 2).flatMap((counter) => counters(1, origins).map((o) => entry(version(counter, o), 1)));
    const here = new MemoryReplica(made(LIMITS.batchRecordsMax));
    const there = new MemoryReplica(made(LIMITS.batchRecordsMax));
    // Behind two whole listings of equal records.
    there.apply(entry(version(3), 1));
    const { outcome, pulled } = runSession(here, there, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 1, missingHere: 1, missingThere: 0 });
    expect(countersOf(pulled)).toEqual([3]);
  });

  test('session: more differing segments than one round resolves take the next round', () => {
    const count = LIMITS.sessionSegmentsMax + 100;
    const records = counters(1, count).map((segment) => entry(version(segment * SEGMENT), segment % 256));
    const here = new MemoryReplica(records);
    const there = new MemoryReplica();
    let listed = 0;
    const peer = peerWith(there, {
      // Never asked for a segment that is equal by now.
      list: (range) => {
        listed++;
        return there.list(range);
      },
    });
    // The listings of one side are enough to see the rounds; all of them would take the oracle minutes.
    const lookUp = new Map(records.map((entry) => [Math.floor(entry.version.counter / SEGMENT), entry]));
    here.list = ({ from }) => {
      const held = lookUp.get(Math.floor(from.counter / SEGMENT));
      return listing(held === undefined ? [] : [held]);
    };
    there.list = ({ from }) => {
      const held = lookUp.get(Math.floor(from.counter / SEGMENT));
      return listing(held !== undefined && there.get(held.version) !== undefined ? [held] : []);
    };
    const { outcome } = runSession(here, peer, REPAIR);
    expect(outcome).toMatchObject({ equal: true, rounds: 2, missingThere: count, missingHere: 0 });
    expect(listed).toBe(count);
    expect(outcome.differences).toEqual([{ from: SEGMENT, to: (count + 1) * SEGMENT - 1 }]);
  }, 60_000);

  test('session: all is here that the other side held, also where both go on being written to', () => {
    const here = new MemoryReplica([record(1)]);
    const there = new MemoryReplica(counters(1, 3).map((counter) => record(counter)));
    let next = 1000;
    const busy = peerWith(there, {
      root: () => {
        there.apply(record(next++));
        return there.root();
      },
    });
    const { outcome } = runSession(here, busy, REPAIR);
    expect(outcome).toMatchObject({ equal: false, isWhole: true });
    expect(here.get(version(3))).toBeDefined();
    expect(runSession(here, there, REPAIR).outcome).toMatchObject({ equal: true, isWhole: true });
  });

  test('session: not all is here after rounds that left something out, nor after a preview', () => {
    const here = new MemoryReplica([record(1)]);
    const there = new MemoryReplica([record(1), record(2)]);
    const peer = (list: Peer['list']) => peerWith(there, { list, apply: () => {} });
    // As if it had more than it ever lists.
    const endless = peer(({ from }) => listing([{ version: from, tag: tag(1) }], true));
    expect(runSession(new MemoryReplica(), endless, REPAIR).outcome).toMatchObject({ isWhole: false });
    const preview = runSession(
      here,
      peer((range) => there.list(range)),
      PREVIEW,
    );
    expect(preview.outcome).toMatchObject({ equal: false, isWhole: false });
  });

  test('session: a peer that takes nothing is left after so many rounds', () => {
    const here = new MemoryReplica([record(1), record(2)]);
    const nothing = new MemoryReplica();
    const deaf: Peer = {
      root: () => nothing.root(),
      trim: () => {},
      purge: () => {},
      rows: () => new Uint8Array(0),
      list: () => listing([]),
      symbols: () => undefined,
      find: () => undefined,
      apply: () => {},
    };
    const { outcome, pushed } = runSession(here, deaf, REPAIR);
    expect(outcome).toMatchObject({ equal: false, rounds: LIMITS.sessionRoundsMax, missingHere: 0 });
    expect(pushed).toHaveLength(2 * LIMITS.sessionRoundsMax);
  });

  test('session: differences that never end are left after so many rounds and steps', () => {
    const here = new MemoryReplica([record(1)]);
    let turn = 0;
    // Every answer differs from the last, in every row that was asked for.
    const liar: Peer = {
      root: () => ({ root: new Uint8Array(ROW_BYTES).fill(++turn % 256), trimmedTo: 0, purgedTo: 0 }),
      trim: () => {},
      purge: () => {},
      rows: (_, ranges) => {
        const indexes = ranges.flatMap(({ from, to }) => counters(from, Math.min(to, from + 300)));
        turn++;
        return indexedRows(
          indexes.slice(0, 4096).map((index) => [index, new Uint8Array(ROW_BYTES).fill(turn % 256)]),
        );
      },
      list: ({ from }) =>
        listing([{ version: { ...from, counter: from.counter + 1 }, tag: tag(++turn % 256) }]),
      symbols: () => undefined,
      find: () => undefined,
      apply: () => {},
    };
    const { outcome, steps } = runSession(here, liar, REPAIR);
    expect(outcome).toMatchObject({ equal: false, rounds: LIMITS.sessionRoundsMax });
    const perRound = 1 + DIGEST_LAYOUT.levels + (2 * LIMITS.sessionSegmentsMax) / 16;
    expect(steps).toBeLessThanOrEqual(LIMITS.sessionRoundsMax * perRound + 2);
    expect(outcome.differences.length).toBeLessThanOrEqual(1000);
  });

  test('session: listed ranges and rows stay within what a message may ask for', () => {
    const here = new MemoryReplica([record(1)]);
    const asked = { ranges: 0, rows: 0 };
    const wide: Peer = {
      root: () => ({ root: new Uint8Array(ROW_BYTES), trimmedTo: 0, purgedTo: 0 }),
      trim: () => {},
      purge: () => {},
      rows: (_, ranges) => {
        asked.rows = Math.max(asked.rows, ranges.length);
        const indexes = ranges.flatMap(({ from, to }) => counters(from, Math.min(to, from + 999)));
        return indexedRows(indexes.slice(0, 20_000).map((index) => [index, tag24]));
      },
      list: () => {
        asked.ranges++;
        return listing([]);
      },
      symbols: () => undefined,
      find: () => undefined,
      apply: () => {},
    };
    const { outcome } = runSession(here, wide, PREVIEW);
    expect(outcome.equal).toBe(false);
    expect(asked.rows).toBeLessThanOrEqual(LIMITS.rowsMax / DIGEST_LAYOUT.fanout);
    expect(asked.ranges).toBeLessThanOrEqual(LIMITS.sessionSegmentsMax);
  });
});

const tag24 = new Uint8Array(ROW_BYTES).fill(9);
let watermark = 0;

describe('session: hostile answers', () => {
  const honest = () => new MemoryReplica([record(1), record(300)]);
  const answering = (answers: Partial<Peer>) => peerWith(honest(), answers);

  test.each<[string, Partial<Peer>]>([
    ['rows that end inside a row', { rows: () => new Uint8Array(33) }],
    [
      'rows that do not ascend',
      { rows: () => Uint8Array.from([...indexedRows([[5, tag24]]), ...indexedRows([[5, tag24]])]) },
    ],
    ['a row of index 2^64 - 1', { rows: () => new Uint8Array(32).fill(255) }],
    [
      'a listing that ends inside an entry',
      { list: () => ({ ...listing([]), entries: new Uint8Array(31) }) },
    ],
    ['a listing that does not ascend', { list: () => listing([entry(version(2)), entry(version(1))]) }],
    ['a truncated listing of nothing', { list: () => listing([], true) }],
    ['an empty root', { root: () => ({ root: new Uint8Array(0), trimmedTo: 0, purgedTo: 0 }) }],
    ['a watermark that is none', { root: () => ({ root: tag24, trimmedTo: 0, purgedTo: Number.NaN }) }],
    ['a row that was not asked for', { rows: () => indexedRows([[Number.MAX_SAFE_INTEGER, tag24]]) }],
    ['records outside the range', { list: () => listing([entry(version(2 ** 50), 3)]) }],
    ['a counter that is none', { list: () => ({ ...listing([]), entries: new Uint8Array(32).fill(255) }) }],
  ])('session: %s ends it with an error', (_, answers) => {
    expect(() => runSession(new MemoryReplica(), answering(answers), REPAIR)).toThrow();
  });

  test.each<[string, Partial<Peer>]>([
    ['no rows', { rows: () => new Uint8Array(0) }],
    [
      'records that it does not hold',
      { list: ({ from }) => listing([entry({ ...from, counter: from.counter + 9 })]), find: () => undefined },
    ],
    [
      'a watermark that rises for ever',
      { root: () => ({ root: tag24, trimmedTo: ++watermark, purgedTo: 0 }) },
    ],
    ['a purge that rises for ever', { root: () => ({ root: tag24, trimmedTo: 0, purgedTo: ++watermark }) }],
    ['a listing cut at its first entry, each time', { list: ({ from }) => listing([entry(from, 3)], true) }],
  ])('session: %s ends it at its bound', (_, answers) => {
    const { outcome } = runSession(new MemoryReplica([record(7)]), answering(answers), REPAIR);
    expect(outcome.rounds).toBeLessThanOrEqual(LIMITS.sessionRoundsMax);
    expect(outcome.equal).toBe(false);
  });

  test('session: too few listings leave the rest to another round', () => {
    const here = new MemoryReplica([record(1), record(1000)]);
    const session = new AntiEntropySession(oracleKernel, PREVIEW);
    session.roots(here.root(), new MemoryReplica().root());
    let step: SessionStep = { need: 'roots' };
    for (let level = DIGEST_LAYOUT.levels - 1; level >= 0; level--) {
      step = session.rows(here.rows(level, [allRows(level)]), new Uint8Array(0));
    }
    if (step.need !== 'listings') throw new Error(`listings are next, not ${step.need}`);
    const [first, second] = step.ranges.map((range) => here.list(range));
    if (first === undefined || second === undefined) throw new Error('two segments differ');
    // Only what both sides listed was compared.
    expect(session.listings([first, second], [listing([])])).toMatchObject({
      need: 'nothing',
      outcome: { equal: false, missingThere: 1, recordsCompared: 1 },
    });
  });

  test('session: whatever a peer answers, it ends with an error or its bound (random answers)', () => {
    const index = fc.oneof(fc.nat(20), fc.maxSafeNat());
    const rows = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc
        .uniqueArray(index, { maxLength: 8 })
        .map((indexes) => indexedRows(indexes.map((index) => [index, tag24]))),
    );
    const list = fc.oneof(
      fc.record({
        entries: fc.uint8Array({ maxLength: 70 }),
        truncated: fc.boolean(),
        trimmedTo: fc.nat(3),
        head: fc.nat(3),
      }),
      fc
        .tuple(fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }), fc.boolean(), fc.nat(2))
        .map(([found, truncated, byte]) =>
          listing(
            found.sort((a, b) => a - b).map((counter) => entry(version(counter), byte)),
            truncated,
          ),
        ),
    );
    const root = fc.record({
      root: fc.oneof(
        fc.uint8Array({ minLength: ROW_BYTES, maxLength: ROW_BYTES }),
        fc.uint8Array({ maxLength: 30 }),
      ),
      trimmedTo: fc.nat(3),
      purgedTo: fc.nat(3),
    });
    const answers = fc.record({
      roots: fc.infiniteStream(root),
      rows: fc.infiniteStream(rows),
      lists: fc.infiniteStream(list),
    });
    const next = <T>(stream: fc.Stream<T>): T => {
      const { value, done } = stream.next();
      if (done === true) throw new Error('the stream does not end');
      return value;
    };
    fc.assert(
      fc.property(answers, fc.boolean(), ({ roots, rows, lists }, preview) => {
        const hostile: Peer = {
          root: () => next(roots),
          trim: () => {},
          purge: () => {},
          rows: () => next(rows),
          list: () => next(lists),
          symbols: () => undefined,
          find: () => undefined,
          apply: () => {},
        };
        try {
          const { outcome } = runSession(honest(), hostile, { preview });
          expect(outcome.rounds).toBeLessThanOrEqual(LIMITS.sessionRoundsMax);
        } catch (error) {
          // The kernel calls malformed rows misuse; everything else has a code.
          if (!(error instanceof MendlogError)) expect(error).toBeInstanceOf(TypeError);
        }
      }),
      { numRuns: 150 },
    );
  });
});
