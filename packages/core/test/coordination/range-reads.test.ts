// The state machine of reads of ranges: whom it asks, what it answers, and what becomes of failures.
import { describe, expect, test } from 'vitest';
import type { RangeReadResult } from '../../src/coordination/range-read.js';
import { LIMITS } from '../../src/limits.js';
import { encodeFrame, frameVersion } from '../../src/record.js';
import { versionAfter, versionBefore } from '../../src/version.js';
import { utf8, version } from '../bytes.js';
import { EVERYTHING, NODES, RangeCluster } from './held-range-ports.js';

const record = (counter: number, value = '') =>
  encodeFrame({ version: version(counter), timeMs: 1, value: utf8(value) });
const put = (counter: number, key = 'k') =>
  encodeFrame({ version: version(counter), timeMs: 1, key, value: utf8(`${counter}`) });

const shown = (result: RangeReadResult | undefined) => {
  if (result?.ok !== true) return result?.error.code;
  return result.outcomes.map(({ frames }) => frames.map((frame) => frameVersion(frame).counter));
};
const only = (result: RangeReadResult | undefined) => (result?.ok === true ? result.outcomes[0] : undefined);

function filled(...counters: number[]): RangeCluster {
  const cluster = new RangeCluster();
  cluster.put(NODES, ...counters.map((counter) => record(counter)));
  return cluster;
}

describe('range reads: replicas that hold the same', () => {
  test('range reads: one page, a few bytes of each of the others, no listing (n=3, r=2 and r=3)', () => {
    const cluster = filled(1, 2, 3);
    expect(shown(cluster.read())).toEqual([[1, 2, 3]]);
    expect(cluster.log).toEqual(['a pages', 'b digests']);
    expect(shown(cluster.read({ level: 'ALL' }))).toEqual([[1, 2, 3]]);
    expect(cluster.log.slice(2)).toEqual(['a pages', 'b digests', 'c digests']);
    expect(shown(cluster.read({ level: 'ONE' }))).toEqual([[1, 2, 3]]);
    expect(cluster.log.slice(5)).toEqual(['a pages']);
    expect(cluster.ports.timers.size).toBe(0);
  });

  test('range reads: pages follow each other in either order', () => {
    const cluster = filled(1, 2, 3);
    const first = only(cluster.read({ ranges: [{ ...EVERYTHING, limit: 2 }] }));
    expect(first?.next).toEqual(versionAfter(version(2)));
    const last = only(cluster.read({ ranges: [{ ...EVERYTHING, limit: 2, descending: true }] }));
    expect(last?.frames.map((frame) => frameVersion(frame).counter)).toEqual([3, 2]);
    expect(last?.next).toEqual(versionBefore(version(2)));
    const rest = { ...EVERYTHING, to: last?.next ?? version(0), limit: 2, descending: true };
    expect(shown(cluster.read({ ranges: [rest] }))).toEqual([[1]]);
    expect(cluster.log.filter((line) => line.includes('listings'))).toEqual([]);
  });

  test('range reads: what follows the proven page does not count, and a lagging watermark does not', () => {
    const cluster = filled(1, 2, 3);
    cluster.put(['b'], record(9));
    expect(shown(cluster.read({ ranges: [{ ...EVERYTHING, limit: 2 }] }))).toEqual([[1, 2]]);
    void cluster.store('a').trim('p', 1);
    expect(shown(cluster.read({ ranges: [{ ...EVERYTHING, limit: 1 }] }))).toEqual([[2]]);
    expect(cluster.log).toEqual(['a pages', 'b digests', 'a pages', 'b digests']);
  });

  test('range reads: an unknown partition is not known, a known one without records in the range is', () => {
    const cluster = filled();
    expect(only(cluster.read())).toMatchObject({ frames: [], next: undefined, isKnown: false });
    cluster.put(NODES, record(5));
    const range = { from: version(1), to: version(3), limit: 10 };
    expect(only(cluster.read({ ranges: [range] }))).toMatchObject({ frames: [], isKnown: true });
    expect(shown(cluster.read({ ranges: [] }))).toEqual([]);
  });
});

describe('range reads: replicas that differ', () => {
  test('range reads: what one replica holds is shown and given to the other before the answer (blocking)', () => {
    const cluster = filled(1);
    cluster.put(['b'], record(2));
    const told = cluster.submit();
    for (let i = 0; i < 5; i++) cluster.next();
    expect(cluster.log).toEqual(['a pages', 'b digests', 'a listings', 'b listings', 'a frames']);
    cluster.next();
    expect(told.result).toBeUndefined();
    expect(cluster.ports.held.map(({ node }) => node)).toEqual(['a']);
    cluster.next();
    expect(shown(told.result)).toEqual([[1, 2]]);
    expect(only(told.result)?.repaired).toBe(true);
    expect(cluster.ports.repairsCounted).toBe(1);
    expect(cluster.store('a').readVersions('p', [version(2)], 1)).toHaveLength(1);
  });

  test.each(['async', 'off'] as const)('range reads: the answer does not wait for repair (%s)', (repair) => {
    const cluster = filled(1);
    cluster.put(['b'], record(2));
    const told = cluster.submit({ repair });
    for (let i = 0; i < 6; i++) cluster.next();
    expect(shown(told.result)).toEqual([[1, 2]]);
    expect(only(told.result)?.repaired).toBe(false);
    expect(cluster.ports.held.map(({ node }) => node)).toEqual(repair === 'async' ? ['a'] : []);
    cluster.settle();
  });

  test('range reads: what any asked replica has trimmed is not shown, also where only that is in a page', () => {
    const cluster = filled(1, 2, 3);
    void cluster.store('b').trim('p', 2);
    expect(shown(cluster.read({ ranges: [{ ...EVERYTHING, limit: 1 }] }))).toEqual([[3]]);
    const downward = cluster.read({ ranges: [{ ...EVERYTHING, limit: 1, descending: true }] });
    expect(shown(downward)).toEqual([[3]]);
    // Below that there may be a record of the same counter, and then nothing.
    const rest = { ...EVERYTHING, to: only(downward)?.next ?? version(0), descending: true };
    expect(rest.to.counter).toBe(3);
    expect(only(cluster.read({ ranges: [rest] }))).toMatchObject({ frames: [], next: undefined });
  });

  test('range reads: a key of which somebody lacks a record is looked up, and its winner shown in its place', () => {
    const cluster = new RangeCluster();
    cluster.put(['a', 'b'], put(1), put(2, 'other'));
    cluster.put(['b', 'c'], put(7));
    expect(shown(cluster.read())).toEqual([[2, 7]]);
    expect(cluster.keysAsked).toHaveLength(1);
    const downward = { ...EVERYTHING, descending: true };
    cluster.put(['c', 'b'], put(9));
    expect(shown(cluster.read({ ranges: [downward] }))).toEqual([[9, 2]]);
    // Its winner lies behind the range.
    cluster.put(['c', 'b'], put(11));
    expect(shown(cluster.read({ ranges: [{ ...EVERYTHING, to: version(9) }] }))).toEqual([[2]]);
  });

  test('range reads: what the look-up of a key fails with, the read fails with', () => {
    const cluster = new RangeCluster();
    cluster.put(['b'], put(1));
    cluster.keyFailure = { ok: false, error: { code: 'OVERLOADED', message: 'too many' } };
    expect(shown(cluster.read())).toBe('OVERLOADED');
    expect(cluster.ports.timers.size).toBe(0);
  });

  test('range reads: several ranges are asked together, those that are equal are settled by digests', () => {
    const cluster = filled(1, 2, 3);
    cluster.put(['b'], record(4));
    const ranges = [1, 2, 3, 4, 5].map((counter) => ({
      from: version(counter),
      to: version(counter),
      limit: 1,
    }));
    expect(shown(cluster.read({ ranges }))).toEqual([[1], [2], [3], [4], []]);
    expect(cluster.log).toEqual(['a pages', 'b digests', 'a listings', 'b listings', 'b frames', 'a gift']);
  });
});

describe('range reads: replicas that fail', () => {
  test('range reads: whoever fails is replaced, and when nobody is left it is READ_TIMEOUT', () => {
    const cluster = filled(1);
    const told = cluster.submit();
    cluster.next('a', 'fail');
    cluster.next('b');
    cluster.next('c', 'fail');
    expect(shown(told.result)).toBe('READ_TIMEOUT');
    expect(only(cluster.read())?.frames).toHaveLength(1);
  });

  test('range reads: a replica that fails with its digest, its listing, a record or a gift is replaced', () => {
    for (const failing of ['digests', 'listings', 'frames', 'gift']) {
      const cluster = filled(1);
      cluster.put(['b'], record(2));
      cluster.put(['c'], record(2), record(3));
      const told = cluster.submit();
      let isFailed = false;
      while (cluster.ports.held.length > 0) {
        const [one] = cluster.ports.held;
        const what = one !== undefined && 'question' in one ? one.question.ask : 'gift';
        const fails: boolean = !isFailed && what === failing && (one?.node === 'b' || failing === 'gift');
        isFailed ||= fails;
        cluster.next(undefined, fails ? 'fail' : 'answer');
      }
      expect(isFailed).toBe(true);
      expect(shown(told.result), failing).toEqual([[1, 2, 3]]);
    }
  });

  test('range reads: with too few replicas alive, or with a vote, it is UNAVAILABLE and says who is missing', () => {
    for (const self of ['a', 'c'])
      for (const voteless of ['a', 'c']) {
        const cluster = filled(1);
        cluster.ports.self = self;
        cluster.ports.down.add('b');
        cluster.ports.voteless.add(voteless);
        expect(cluster.read()).toMatchObject({
          ok: false,
          error: {
            code: 'UNAVAILABLE',
            details: {
              needed: 2,
              missing: ['a', 'b', 'c'].filter((node) => node === 'b' || node === voteless),
              withoutVote: [voteless],
            },
          },
        });
        // This node knows of itself.
        if (self === voteless) expect(cluster.log).toEqual([]);
      }
  });

  test('range reads: a replica that may have no vote is asked last, and another one in its place', () => {
    const cluster = filled(1);
    cluster.ports.voteless.add('a');
    expect(shown(cluster.read())).toEqual([[1]]);
    expect(cluster.log).toEqual(['b pages', 'c digests']);
    cluster.ports.self = 'b';
    cluster.ports.voteless.add('c');
    expect(cluster.read()).toMatchObject({ ok: false, error: { details: { withoutVote: ['a', 'c'] } } });
    expect(cluster.log.slice(2)).toEqual(['b pages', 'a digests', 'c digests']);
  });

  test('range reads: whatever a read is at, a node whose store is replaced meanwhile counts no more', () => {
    for (let step = 0; ; step++) {
      const cluster = filled(1);
      cluster.put(['b'], record(2), put(3));
      cluster.put(['c'], record(4));
      const told = cluster.submit();
      for (let i = 0; i < step && cluster.ports.held.length > 0; i++) cluster.next();
      if (told.result !== undefined) {
        expect(step).toBeGreaterThan(4);
        break;
      }
      const before = cluster.log.length;
      const isAsked = [...cluster.log, ...cluster.ports.held.map(({ node }) => node)].some((line) =>
        line.startsWith('b'),
      );
      if (!isAsked) continue;
      cluster.reads.storeReplaced('b');
      cluster.settle();
      expect(cluster.log.slice(before).filter((line) => line.startsWith('b'))).toEqual([]);
      const [counters = []] = shown(told.result) ?? [];
      expect(counters).toContain(1);
      for (const counter of counters)
        for (const node of ['a', 'c'])
          expect(cluster.store(node).read('p', { counter: Number(counter) })).toHaveLength(1);
      expect(cluster.ports.timers.size).toBe(0);
    }
  });

  test('range reads: a store that was replaced matters to nobody who has not asked it', () => {
    const cluster = filled(1);
    const told = cluster.submit();
    cluster.reads.storeReplaced('c');
    cluster.settle();
    expect(shown(told.result)).toEqual([[1]]);
    expect(cluster.log).toEqual(['a pages', 'b digests']);
  });

  test('range reads: while one is slow another one is asked as well, and the first answers count', () => {
    const cluster = filled(1);
    const told = cluster.submit();
    cluster.reads.isSlow(told.id);
    cluster.next('b');
    expect(cluster.ports.dropped).toHaveLength(1);
    // Those that were slow are asked last.
    expect(cluster.ports.held.map(({ node }) => node)).toEqual(['c']);
    cluster.next('c');
    expect(shown(told.result)).toEqual([[1]]);
  });

  test('range reads: when time is up it is READ_TIMEOUT, and what comes later is nothing to it', () => {
    const cluster = filled(1);
    const told = cluster.submit();
    const [page] = cluster.ports.held;
    cluster.next('a');
    cluster.reads.timeUp(told.id);
    expect(told.result).toMatchObject({
      ok: false,
      error: { code: 'READ_TIMEOUT', message: 'b did not answer in time' },
    });
    expect(cluster.ports.held).toEqual([]);
    cluster.reads.failed(page?.id ?? 0);
    cluster.reads.isSlow(told.id);
    cluster.reads.timeUp(told.id);
  });

  test('range reads: one whose caller has gone ends as REQUEST_TIMEOUT, and its asks are dropped', () => {
    const cluster = filled(1);
    const told = cluster.submit();
    cluster.reads.cancel(told.id);
    expect(cluster.ports.held).toEqual([]);
    expect(cluster.ports.timers.size).toBe(0);
    cluster.reads.cancel(told.id);
    expect(shown(told.result)).toBe('REQUEST_TIMEOUT');
    // Whoever goes without a word is noticed at the next event, and before anything is begun.
    const caller = { isGone: false, deadlineMs: 5 };
    for (const event of ['next', 'isSlow'] as const) {
      caller.isGone = false;
      cluster.put(['b'], record(2));
      const other = cluster.submit({ caller });
      caller.isGone = true;
      if (event === 'next') cluster.next();
      else cluster.reads.isSlow(other.id);
      expect(shown(other.result)).toBe('REQUEST_TIMEOUT');
      expect(cluster.ports.held).toEqual([]);
    }
    expect(shown(cluster.submit({ caller }).result)).toBe('REQUEST_TIMEOUT');
    expect(cluster.reads.isIdle).toBe(true);
  });

  test('range reads: a damaged record is read elsewhere and given back, and is never absent', () => {
    const cluster = filled(1, 2);
    const damaged = record(2);
    cluster.damage('a', damaged);
    expect(shown(cluster.read({ level: 'ALL', repair: 'off' }))).toEqual([[1, 2]]);
    expect(cluster.log.filter((line) => line.endsWith('gift'))).toEqual(['a gift']);
    // Alone with it, a replica has no vote on what it cannot read: it is replaced by another one.
    const only2 = { from: version(2), to: version(2), limit: 1 };
    expect(shown(cluster.read({ level: 'ONE', ranges: [only2] }))).toEqual([[2]]);
    cluster.damage('b', damaged);
    cluster.damage('c', damaged);
    expect(shown(cluster.read({ ranges: [only2] }))).toBe('READ_TIMEOUT');
    // What comes before it can be read still.
    const before = only(cluster.read());
    expect(before?.frames).toHaveLength(1);
    expect(before?.next).toEqual(version(2));
  });

  test('range reads: an answer that is none to its question is as a failure', () => {
    for (const asked of ['pages', 'digests', 'listings', 'frames'] as const) {
      const cluster = filled(1);
      cluster.put(['b', 'c'], record(2));
      const told = cluster.submit();
      let isSpoilt = false;
      while (cluster.ports.held.length > 0) {
        const [one] = cluster.ports.held;
        if (!isSpoilt && one !== undefined && 'question' in one && one.question.ask === asked) {
          isSpoilt = true;
          cluster.ports.held.shift();
          const other = asked === 'digests' ? 'pages' : 'digests';
          cluster.reads.answered(
            one.id,
            cluster.answerOf(one.node, { ask: other, partition: 'p', ranges: [EVERYTHING] }),
          );
        } else cluster.next();
      }
      expect(isSpoilt).toBe(true);
      expect(shown(told.result), asked).toEqual([[1, 2]]);
    }
  });
});

describe('range reads: bounds', () => {
  test(`range reads: more than are allowed are OVERLOADED (${LIMITS.rangeReadsMax})`, () => {
    const cluster = filled(1);
    const reads = Array.from({ length: LIMITS.rangeReadsMax }, () => cluster.submit());
    const refused = cluster.submit();
    expect(shown(refused.result)).toBe('OVERLOADED');
    for (const { id } of reads) cluster.reads.cancel(id);
    expect(shown(cluster.read())).toEqual([[1]]);
  });

  test('range reads: a level that needs more replicas than there are is TOO_FEW_NODES', () => {
    expect(shown(filled().read({ level: { r: 4, w: 1 } }))).toBe('TOO_FEW_NODES');
  });

  test('range reads: a record that is gone whenever it is to be read ends as READ_TIMEOUT', () => {
    const cluster = filled();
    cluster.put(['b'], put(1));
    const told = cluster.submit();
    for (let counter = 2; told.result === undefined && counter < 100; counter++) {
      const [one] = cluster.ports.held;
      if (one !== undefined && 'question' in one && one.question.ask === 'frames')
        cluster.put(['b'], put(counter));
      cluster.next();
    }
    expect(told.result).toMatchObject({ ok: false, error: { code: 'READ_TIMEOUT' } });
  });

  test('range reads: records of many ranges that are over a message are TOO_LARGE', () => {
    const cluster = filled();
    const large = 'x'.repeat(LIMITS.valueBytesMax);
    const counters = Array.from({ length: 12 }, (_, i) => i + 1);
    for (const counter of counters) cluster.put(NODES, record(counter, large));
    const ranges = counters.map((counter) => ({ from: version(counter), to: version(counter), limit: 1 }));
    expect(shown(cluster.read({ ranges: ranges.slice(0, 7) }))).toEqual(
      counters.slice(0, 7).map((one) => [one]),
    );
    expect(shown(cluster.read({ ranges }))).toBe('TOO_LARGE');
  });

  test('range reads: by chance all live replicas are compared behind the answer', () => {
    const cluster = filled(1);
    cluster.put(['c'], record(2));
    cluster.ports.isDrawn = true;
    const told = cluster.submit({ repair: 'off' });
    cluster.next();
    cluster.next();
    expect(shown(told.result)).toEqual([[1]]);
    cluster.settle();
    for (const node of NODES) expect(cluster.store(node).summary('p')?.records).toBe(2);
  });
});
