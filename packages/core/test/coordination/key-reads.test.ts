// The state machine of reads of keys: every event comes by hand, in the order that a test wants.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Level } from '../../src/consistency.js';
import { type KeyOutcome, KeyReads, type ReadRepairMode } from '../../src/coordination/key-reads.js';
import { LIMITS } from '../../src/limits.js';
import { itemsOf } from '../../src/protocol/packed.js';
import { putKey, type RecordKey } from '../../src/record-key.js';
import { type Held, HeldReadPorts, putFrame, ReadEvents } from './held-read-ports.js';

interface Asked {
  readonly keys?: readonly RecordKey[];
  readonly level?: Level;
  readonly repair?: ReadRepairMode;
  readonly bytesMax?: number;
}

const K = putKey('k');
const OLD: Held = { counter: 3 };
const NEW: Held = { counter: 9 };

function setUp(primaries?: readonly string[]) {
  const ports = new HeldReadPorts(primaries);
  const reads = new KeyReads(ports);
  const events = new ReadEvents(ports, reads);
  /** Outcomes come into the array when the request is answered. */
  const submit = ({ keys = [K], level = 'QUORUM', repair = 'blocking', bytesMax }: Asked = {}) => {
    const outcomes: KeyOutcome[] = [];
    const questions = keys.map((key) => ({ partition: 'p', key }));
    const bounded = bytesMax === undefined ? {} : { bytesMax };
    reads.submit({ questions, levelOf: () => level, repair, ...bounded }, (answered) =>
      outcomes.push(...answered),
    );
    return outcomes;
  };
  const read = (asked: Asked = {}) => {
    const outcomes = submit(asked);
    events.turn();
    return outcomes;
  };
  return { ports, reads, events, submit, read };
}

const found = (held: { counter: number; value?: string }, repaired = false) => ({
  ok: true,
  frame: putFrame(held),
  repaired,
});
const ABSENT = { ok: true, frame: undefined, repaired: false };
const failed = (code: string) => ({ ok: false, error: { code } });

describe('key reads: whom they ask and what they answer', () => {
  test('key reads: as many replicas as the level asks, this node first and for records alone (n=3, r=2)', () => {
    const { ports, events, read } = setUp(['b', 'c', 'a']);
    const outcomes = read();
    expect(ports.asks.map(({ node, withRecords }) => [node, withRecords])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    events.answer('a', NEW);
    expect(outcomes).toEqual([]);
    events.answer('b', NEW);
    expect(outcomes).toEqual([found(NEW)]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: a store that may have no vote is asked last (n=3, r=2)', () => {
    const { ports, read } = setUp();
    ports.newStores.add('a');
    read();
    expect(ports.asks.map(({ node }) => node)).toEqual(['b', 'c']);
    ports.asks.length = 0;
    ports.down.add('b');
    read();
    expect(ports.asks.map(({ node }) => node)).toEqual(['c', 'a']);
  });

  test('key reads: "no vote" is no answer: another is asked, and else the read says who has none (n=3, r=2)', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.answer('a', NEW);
    events.answer('b', 'no vote');
    events.turn();
    expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
    events.answer('a', NEW);
    events.answer('c', 'no vote');
    events.turn();
    expect(outcomes).toMatchObject([
      {
        ok: false,
        error: { code: 'UNAVAILABLE', details: { needed: 2, missing: ['b', 'c'], withoutVote: ['b', 'c'] } },
      },
    ]);
    expect([ports.asks, ports.timers.size]).toEqual([[], 0]);
  });

  test('key reads: of keys in one read those without a vote alone are asked elsewhere (n=3, r=2)', () => {
    const { ports, events, read } = setUp();
    const outcomes = read({ keys: [K, putKey('l')] });
    events.answer('a', 'absent');
    events.answer('b', (place) => (place === 0 ? 'no vote' : 'absent'));
    events.turn();
    expect(ports.asks.map(({ node, questions }) => [node, questions.length])).toEqual([
      ['a', 1],
      ['c', 1],
    ]);
    for (const node of ['a', 'c']) events.answer(node, NEW);
    expect(outcomes).toEqual([found(NEW), ABSENT]);
  });

  test('key reads: a read is made anew without the node whose store was replaced, whatever it was at', () => {
    const stages: readonly ((events: ReadEvents) => void)[] = [
      () => {},
      (events) => events.answer('b', NEW),
      (events) => {
        events.answer('b', NEW);
        events.answer('a', OLD);
      },
    ];
    for (const stage of stages) {
      const { ports, reads, events, read } = setUp();
      const outcomes = read();
      stage(events);
      ports.asks.length = 0;
      ports.gifts.length = 0;
      reads.storeReplaced('b');
      events.turn();
      expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
      for (const node of ['a', 'c']) events.answer(node, OLD);
      expect(outcomes).toEqual([found(OLD)]);
      expect(ports.timers.size).toBe(0);
    }
  });

  test('key reads: a store that was replaced matters to nobody who has not asked it', () => {
    const { ports, reads, events, read } = setUp();
    const outcomes = read();
    reads.storeReplaced('c');
    expect(ports.isScheduled).toBe(false);
    for (const node of ['a', 'b']) events.answer(node, OLD);
    expect(outcomes).toEqual([found(OLD)]);
  });

  test('key reads: absent is an answer', () => {
    const { events, read } = setUp();
    const outcomes = read();
    for (const node of ['a', 'b']) events.answer(node, 'absent');
    expect(outcomes).toEqual([ABSENT]);
  });

  test('key reads: what is asked in one turn goes out together, by level', () => {
    const { ports, submit, events } = setUp();
    for (const level of ['QUORUM', 'ONE', 'QUORUM'] as const) submit({ level });
    events.turn();
    expect(ports.asks.map(({ node, questions }) => [node, questions.length])).toEqual([
      ['a', 2],
      ['b', 2],
      ['a', 1],
    ]);
  });

  test('key reads: a record at or below the trim watermark of any asked replica is gone (SPEC I5)', () => {
    const { events, read } = setUp();
    const outcomes = read();
    events.answer('a', NEW);
    events.answer('b', 'absent', { trimmedTo: 9 });
    expect(outcomes).toEqual([ABSENT]);
  });

  test('key reads: a record that another asked replica has purged past and does not hold is gone (SPEC I3 I5)', () => {
    const { events, ports, read } = setUp();
    const outcomes = read();
    // Told before the purge, and after it: the tombstone between them is found nowhere.
    events.answer('a', NEW);
    events.answer('b', 'absent', { purgedTo: NEW.counter });
    expect(outcomes).toEqual([ABSENT]);
    expect(ports.gifts).toEqual([]);
  });

  test('key reads: a record above a purge watermark is there, and one below that somebody who purged holds', () => {
    const { events, read } = setUp();
    const above = read();
    events.answer('a', NEW);
    events.answer('b', 'absent', { purgedTo: NEW.counter - 1 });
    events.accept('b');
    const held = read();
    events.answer('a', NEW, { purgedTo: NEW.counter });
    events.answer('b', 'absent', { purgedTo: NEW.counter });
    events.accept('b');
    for (const outcomes of [above, held])
      expect(outcomes).toMatchObject([{ ok: true, frame: putFrame(NEW) }]);
  });

  test('key reads: UNAVAILABLE where too few are alive, TOO_FEW_NODES where there are too few', () => {
    const { ports, read } = setUp();
    ports.down.add('b').add('c');
    expect(read()).toMatchObject([
      { ok: false, error: { code: 'UNAVAILABLE', details: { needed: 2, missing: ['b', 'c'] } } },
    ]);
    expect(read({ level: { r: 4, w: 1 } })).toMatchObject([failed('TOO_FEW_NODES')]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: a replica that fails, or answers too little, is replaced, and READ_TIMEOUT when none is left', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.failAsk('b');
    events.answer('c', NEW);
    events.failAsk('a');
    expect(outcomes).toMatchObject([failed('READ_TIMEOUT')]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: unknown is no vote and never absent (SPEC I3)', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.answer('a', 'unknown');
    events.answer('b', 'absent');
    expect(outcomes).toEqual([]);
    events.turn();
    expect(ports.asks.map(({ node }) => node)).toEqual(['b', 'c']);
    events.answer('b', 'absent');
    events.answer('c', NEW);
    events.answer('c', NEW);
    events.accept('b');
    expect(outcomes).toEqual([found(NEW, true)]);
  });

  test('key reads: with two that do not know, a quorum of three fails', () => {
    const { events, read } = setUp();
    const outcomes = read();
    events.answer('a', 'unknown');
    events.answer('b', 'unknown');
    events.turn();
    events.answer('b', 'unknown');
    events.answer('c', NEW);
    events.turn();
    expect(outcomes).toMatchObject([failed('READ_TIMEOUT')]);
  });

  test('key reads: those that one replica does not know are read elsewhere, the others are answered', () => {
    const { ports, events, submit } = setUp();
    const [first, second] = [submit(), submit()];
    events.turn();
    events.answer('a', (place) => (place === 0 ? 'unknown' : NEW));
    events.answer('b', NEW);
    expect([first, second]).toEqual([[], [found(NEW)]]);
    events.turn();
    expect(ports.asks.map(({ node, questions }) => [node, questions.length])).toEqual([
      ['b', 1],
      ['c', 1],
    ]);
    for (const node of ['b', 'c']) events.answer(node, NEW);
    expect(first).toEqual([found(NEW)]);
  });
});

describe('key reads: the holder and repair', () => {
  test('key reads: the record comes from its holder, and who lacks it has it before the answer (SPEC I4)', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.answer('a', OLD);
    events.answer('b', NEW);
    expect(ports.asks.map(({ node, withRecords }) => [node, withRecords])).toEqual([['b', true]]);
    events.answer('b', NEW);
    expect(outcomes).toEqual([]);
    const gift = events.accept('a');
    expect(gift.groups.flatMap((group) => [...itemsOf(group)])).toEqual([putFrame(NEW)]);
    expect(outcomes).toEqual([found(NEW, true)]);
  });

  test('key reads: something newer that the fetch finds is given to all others that were asked (SPEC I4)', () => {
    const { ports, events, read } = setUp(['a', 'b', 'c', 'd', 'e']);
    const outcomes = read();
    events.answer('a', OLD);
    events.answer('b', NEW);
    events.answer('c', NEW);
    events.answer('b', { counter: 12 });
    expect(ports.gifts.map(({ node }) => node)).toEqual(['a', 'c']);
    for (const node of ['c', 'a']) events.accept(node);
    expect(outcomes).toEqual([found({ counter: 12 }, true)]);
  });

  test('key reads: a holder that fails, or has the record no more, is left out of what is read anew', () => {
    for (const leave of [
      (events: ReadEvents) => events.failAsk('b'),
      (events: ReadEvents) => events.answer('b', 'absent'),
      (events: ReadEvents) => events.answer('b', NEW, { withoutFrames: () => true }),
      (events: ReadEvents) => events.answer('b', OLD),
    ]) {
      const { ports, events, read } = setUp();
      const outcomes = read();
      events.answer('a', OLD);
      events.answer('b', NEW);
      leave(events);
      events.turn();
      expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
      events.answer('a', OLD);
      events.answer('c', OLD);
      expect(outcomes).toEqual([found(OLD)]);
      expect(ports.timers.size).toBe(0);
    }
  });

  test('key reads: a gift that fails is read anew without that node', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.answer('a', NEW);
    events.answer('b', OLD);
    events.answer('c', OLD);
    events.failGift('b');
    expect(outcomes).toEqual([]);
    events.turn();
    expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
    events.answer('a', NEW);
    events.answer('c', 'absent');
    events.accept('c');
    expect(outcomes).toEqual([found(NEW, true)]);
  });

  test('key reads: async repair answers first, and no repair gives nothing', () => {
    const { ports, events, read } = setUp();
    for (const [repair, gifts] of [
      ['async', 1],
      ['off', 0],
    ] as const) {
      ports.gifts.length = 0;
      const outcomes = read({ repair });
      events.answer('a', NEW);
      events.answer('b', OLD);
      expect(outcomes).toEqual([found(NEW)]);
      expect(ports.gifts).toHaveLength(gifts);
    }
    // What becomes of such a gift is nobody's concern.
    ports.gifts.push({ id: 1000, node: 'b', groups: [] });
    events.failGift('b');
    expect(ports.timers.size).toBe(0);
  });
});

describe('key reads: one replica more is asked while another is given what it lacks', () => {
  /** A read of each key that `a` holds and `b` is being given. */
  function repairing(asked: Asked = {}) {
    const set = setUp();
    const outcomes = set.read(asked);
    set.events.answer('a', NEW);
    set.events.answer('b', OLD);
    return { ...set, outcomes };
  }

  test.each(['stored', 'failed', 'never told of'])(
    'key reads: where it holds the record, nobody waits for the flush (SPEC I4) (the gift is %s)',
    (fate) => {
      const { ports, events, outcomes } = repairing();
      expect(ports.asks.map(({ node, withRecords }) => [node, withRecords])).toEqual([['c', false]]);
      events.answer('c', NEW);
      expect(outcomes).toEqual([found(NEW, true)]);
      expect(ports.timers.size).toBe(0);
      if (fate === 'stored') events.accept('b');
      else if (fate === 'failed') events.failGift('b');
      events.turn();
      expect([outcomes.length, ports.asks]).toEqual([1, []]);
    },
  );

  const lacks: readonly [string, (events: ReadEvents) => void][] = [
    ['it lacks it', (events) => events.answer('c', 'absent')],
    ['it holds something older', (events) => events.answer('c', OLD)],
    ['it holds something newer', (events) => events.answer('c', { counter: 12 })],
    ['it holds what it has trimmed', (events) => events.answer('c', NEW, { trimmedTo: 9 })],
    ['it does not know', (events) => events.answer('c', 'unknown')],
    ['it has no vote', (events) => events.answer('c', 'no vote')],
    ['it fails', (events) => events.failAsk('c')],
    ['it is silent', () => {}],
  ];
  test.each(lacks)('key reads: the answer waits for the flush (SPEC I4) (%s)', (_, answer) => {
    const { ports, events, outcomes } = repairing();
    answer(events);
    events.turn();
    expect(outcomes).toEqual([]);
    events.accept('b');
    expect(outcomes).toEqual([found(NEW, true)]);
    expect([ports.timers.size, ports.gifts]).toEqual([0, []]);
    if (ports.asks.length > 0) events.answer('c', OLD);
    expect([outcomes.length, ports.isScheduled]).toEqual([1, false]);
  });

  test('key reads: it answers for fewer keys than it was asked: the answer waits for the flush', () => {
    const { ports, reads, events, outcomes } = repairing();
    reads.answered(ports.asks[0]?.id ?? 0, { states: [], trimmedTo: [], purgedTo: [], frames: [] });
    expect(outcomes).toEqual([]);
    events.accept('b');
    expect(outcomes).toEqual([found(NEW, true)]);
  });

  test('key reads: a gift that fails before it answers is read anew without that node', () => {
    const { ports, events, outcomes } = repairing();
    events.failGift('b');
    // What it holds counts no more: the read is made anew.
    events.answer('c', NEW);
    expect(outcomes).toEqual([]);
    events.turn();
    expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
    for (const node of ['a', 'c']) events.answer(node, NEW);
    expect(outcomes).toEqual([found(NEW)]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: it is asked of the keys alone that are lacked, and has to hold all of them (2 of 3 keys)', () => {
    for (const held of [2, 1]) {
      const { ports, events, read } = setUp();
      const outcomes = read({ keys: [K, K, K] });
      events.answer('a', NEW);
      events.answer('b', (place) => (place === 1 ? NEW : 'absent'));
      expect(ports.asks.map(({ questions }) => questions.length)).toEqual([2]);
      events.answer('c', (place) => (place < held ? NEW : 'absent'));
      const done = [found(NEW, true), found(NEW), found(NEW, true)];
      expect(outcomes).toEqual(held === 2 ? done : []);
      events.accept('b');
      expect(outcomes).toEqual(done);
    }
  });

  test('key reads: what one of two has been given by then it need not hold (each lacks one key)', () => {
    const { events, read } = setUp();
    const outcomes = read({ keys: [K, K] });
    events.answer('a', (place) => (place === 0 ? NEW : OLD));
    events.answer('b', (place) => (place === 0 ? OLD : NEW));
    events.answer('b', NEW);
    events.accept('a');
    expect(outcomes).toEqual([]);
    events.answer('c', (place) => (place === 0 ? NEW : OLD));
    expect(outcomes).toEqual([found(NEW, true), found(NEW, true)]);
  });

  test('key reads: those whose gift fails are read anew, and it makes up for the others (each lacks one key)', () => {
    const { ports, events, read, submit } = setUp();
    const [first, second] = [submit(), submit()];
    events.turn();
    events.answer('a', (place) => (place === 0 ? NEW : OLD));
    events.answer('b', (place) => (place === 0 ? OLD : NEW));
    events.answer('b', NEW);
    events.failGift('b');
    events.answer('c', (place) => (place === 0 ? OLD : NEW));
    expect([first, second]).toEqual([[], [found(NEW, true)]]);
    events.turn();
    expect(ports.asks.map(({ node }) => node)).toEqual(['a', 'c']);
    for (const node of ['a', 'c']) events.answer(node, NEW);
    expect(first).toEqual([found(NEW)]);
    expect(read()).toEqual([]);
  });

  test('key reads: beside many gifts that nobody waits for, reads wait for theirs again (SPEC I8)', () => {
    const { ports, events, read } = setUp();
    const answerWith = (held: Held) => {
      const outcomes = read();
      events.answer('a', NEW);
      events.answer('b', held);
      return outcomes;
    };
    for (let gift = 0; gift < LIMITS.unansweredReadRoundsMax; gift++) {
      answerWith(OLD);
      events.answer('c', NEW);
    }
    expect(ports.gifts).toHaveLength(LIMITS.unansweredReadRoundsMax);
    const outcomes = answerWith(OLD);
    expect([ports.asks, outcomes]).toEqual([[], []]);
    for (const end of [() => events.accept('b'), () => events.failGift('b')]) {
      end();
      answerWith(OLD);
      expect(ports.asks.map(({ node }) => node)).toEqual(['c']);
      events.answer('c', NEW);
    }
    expect(answerWith(NEW)).toEqual([found(NEW)]);
    while (ports.gifts.length > 0) events.accept('b');
    expect(outcomes).toEqual([found(NEW, true)]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: READ_TIMEOUT names who was given the record, and not the one more', () => {
    const { events, outcomes } = repairing();
    events.timeUp();
    expect(outcomes).toMatchObject([{ error: { message: 'b did not answer in time' } }]);
  });

  test('key reads: how fast it answers says nothing of when an answer is late', () => {
    const { ports, events, read } = setUp();
    for (let round = 0; round < 200; round++) {
      read();
      events.answer('a', NEW);
      ports.elapsed += 20;
      events.answer('b', OLD);
      ports.elapsed += 500;
      events.answer('c', NEW);
      events.accept('b');
    }
    read();
    expect(ports.lateAfterMs).toBeGreaterThanOrEqual(20);
    expect(ports.lateAfterMs).toBeLessThan(40);
  });

  test('key reads: a read is made anew where its store was replaced meanwhile', () => {
    const { ports, reads, events, outcomes } = repairing();
    reads.storeReplaced('c');
    events.answer('c', NEW);
    expect(outcomes).toEqual([]);
    events.turn();
    for (const node of ['a', 'b']) events.answer(node, NEW);
    expect(outcomes).toEqual([found(NEW)]);
    expect(ports.timers.size).toBe(0);
  });

  const nobody: readonly [string, () => readonly unknown[]][] = [
    ['all were asked', () => allAsked().ports.asks],
    ['nobody waits for the flush', () => repairing({ repair: 'async' }).ports.asks],
    ['nothing is given', () => repairing({ repair: 'off' }).ports.asks],
    ['two lack it', () => lackedByTwo().ports.asks],
    ['no other is alive', () => withOneDown().ports.asks],
  ];
  test.each(nobody)('key reads: nobody else is asked (%s)', (_, asks) => {
    expect(asks()).toEqual([]);
  });

  function allAsked() {
    const set = repairing({ level: 'ALL' });
    set.events.answer('c', NEW);
    expect(set.ports.gifts).toHaveLength(1);
    return set;
  }

  function lackedByTwo() {
    const set = setUp(['a', 'b', 'c', 'd', 'e']);
    set.read();
    for (const [node, held] of [
      ['a', NEW],
      ['b', OLD],
      ['c', OLD],
    ] as const)
      set.events.answer(node, held);
    expect(set.ports.gifts).toHaveLength(2);
    return set;
  }

  function withOneDown() {
    const set = setUp();
    set.ports.down.add('c');
    set.read();
    set.events.answer('a', NEW);
    set.events.answer('b', OLD);
    expect(set.ports.gifts).toHaveLength(1);
    return set;
  }
});

describe('key reads: time', () => {
  test('key reads: slow asks one more, for records too, and the first so many answers count', () => {
    const { ports, events, read } = setUp();
    const outcomes = read();
    events.isSlow();
    expect(ports.asks.map(({ node, withRecords }) => [node, withRecords])).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
    events.answer('c', NEW);
    events.answer('a', NEW);
    expect(outcomes).toEqual([found(NEW)]);
    // Too late for anything.
    events.answer('b', { counter: 20 });
    expect(ports.asks).toEqual([]);
  });

  test('key reads: slow with nobody left to ask changes nothing', () => {
    const { ports, events, read } = setUp();
    const outcomes = read({ level: 'ALL' });
    events.isSlow();
    expect(ports.asks).toHaveLength(3);
    for (const node of ['a', 'b', 'c']) events.answer(node, 'absent');
    expect(outcomes).toEqual([ABSENT]);
  });

  test.each(['asking', 'fetching', 'repairing'])(
    'key reads: READ_TIMEOUT says who did not answer, and late answers change nothing (%s)',
    (phase) => {
      const { ports, events, read } = setUp();
      const outcomes = read();
      if (phase !== 'asking')
        for (const [node, held] of [
          ['a', OLD],
          ['b', NEW],
        ] as const)
          events.answer(node, held);
      if (phase === 'repairing') {
        events.answer('b', NEW);
        events.failAsk('c');
      }
      events.timeUp();
      expect(outcomes).toMatchObject([failed('READ_TIMEOUT')]);
      expect(ports.timers.size).toBe(0);
      if (phase === 'repairing') events.accept('a');
      else events.answer('b', NEW);
      events.turn();
      expect(outcomes).toHaveLength(1);
      expect(ports.asks.length + ports.gifts.length).toBe(phase === 'asking' ? 1 : 0);
    },
  );
});

describe('key reads: late answers', () => {
  test('key reads: an answer is late after the 99th percentile of those before, this node apart', () => {
    const { ports, events, read } = setUp();
    for (let round = 0; round < 100; round++) {
      read();
      events.answer('a', 'absent');
      ports.elapsed += 8;
      events.answer('b', 'absent');
    }
    read();
    expect(ports.lateAfterMs).toBeGreaterThanOrEqual(8);
    expect(ports.lateAfterMs).toBeLessThan(10);
  });

  test('key reads: no more than a tenth of the rounds ask one replica more, but for silent ones', () => {
    const { ports, reads, events, read } = setUp();
    let rounds = 0;
    for (; rounds < 200; rounds++) {
      read();
      ports.elapsed += 30;
      reads.isSlow(rounds + 1);
      for (const node of ['a', 'b']) events.answer(node, 'absent');
      ports.asks.length = 0;
    }
    expect(reads.speculative).toBeGreaterThanOrEqual(20);
    expect(reads.speculative).toBeLessThanOrEqual(30);
    const outcomes = read();
    ports.elapsed += 60;
    reads.isSlow(rounds + 1);
    for (const node of ['a', 'c']) events.answer(node, 'absent');
    expect(outcomes).toEqual([ABSENT]);
  });
});

describe('key reads: bounds', () => {
  test('key reads: OVERLOADED at the reads that are not answered, in rounds too, until some are (SPEC I8)', () => {
    const { events, read } = setUp();
    const keys = new Array<RecordKey>(LIMITS.readQueueMax).fill(K);
    const outcomes = read({ keys });
    expect(read()).toMatchObject([failed('OVERLOADED')]);
    for (const node of ['a', 'b']) events.answer(node, 'absent');
    expect(read()).toEqual([]);
    expect(outcomes).toEqual([]);
  });

  test('key reads: what comes while many rounds are under way waits, and goes out together (SPEC I8)', () => {
    const { ports, events, read } = setUp();
    const first = Array.from({ length: LIMITS.readRoundsMax }, () => read({ level: 'ONE' }));
    const more = Array.from({ length: 3 }, () => read({ level: 'ONE' }));
    expect(ports.asks).toHaveLength(LIMITS.readRoundsMax);
    events.answer('a', 'absent');
    events.turn();
    expect(ports.asks.at(-1)?.questions).toHaveLength(3);
    while (ports.asks.length > 0) events.answer('a', 'absent');
    expect([...first, ...more]).toEqual(new Array(LIMITS.readRoundsMax + 3).fill([ABSENT]));
  });

  test('key reads: a slow round makes way for another one, up to those that are unanswered (SPEC I8)', () => {
    const { ports, reads, events, read } = setUp();
    for (let round = 0; round < LIMITS.unansweredReadRoundsMax; round++) {
      read();
      reads.isSlow(round + 1);
      events.turn();
    }
    expect(ports.timers.size).toBe(LIMITS.unansweredReadRoundsMax);
    read();
    expect(ports.timers.size).toBe(LIMITS.unansweredReadRoundsMax);
    reads.timeUp(1);
    events.turn();
    expect(ports.timers.size).toBe(LIMITS.unansweredReadRoundsMax);
    expect(reads.queued).toBe(0);
  });

  test('key reads: OVERLOADED while the oldest has waited too long, until it has its turn (SPEC I8)', () => {
    const { ports, reads, events, read } = setUp();
    for (let round = 0; round <= LIMITS.readRoundsMax; round++) read({ level: 'ONE' });
    ports.elapsed = LIMITS.queueWaitMsMax + 1;
    reads.pump();
    expect(reads.isOverloaded).toBe(true);
    expect(read()).toMatchObject([failed('OVERLOADED')]);
    events.answer('a', 'absent');
    events.turn();
    expect(reads.isOverloaded).toBe(false);
    expect(read()).toEqual([]);
  });

  test('key reads: no ask has more questions than a replica takes (SPEC I8)', () => {
    const { ports, read } = setUp();
    read({ keys: new Array<RecordKey>(LIMITS.rangesMax + 1).fill(K), level: 'ONE' });
    expect(ports.asks.map(({ questions }) => questions.length)).toEqual([LIMITS.rangesMax, 1]);
  });

  test.each([
    ['no bytes', 0, 0],
    ['no text', 1, 1],
    ['too long a text', 1, LIMITS.keyBytesMax + 2],
    ['too short an append key', 2, 16],
    ['an unknown namespace', 3, 5],
  ])(
    'key reads: bytes that are no key are BAD_REQUEST, and spoil no other read (%s)',
    (_, namespace, length) => {
      const { ports, read } = setUp();
      const bytes = new Uint8Array(length).fill(65);
      if (length > 0) bytes[0] = namespace;
      const outcomes = read({ keys: [bytes] });
      expect(outcomes).toMatchObject([failed('BAD_REQUEST')]);
      expect(ports.asks).toEqual([]);
    },
  );

  test('key reads: records that an answer has no room for are asked for again, of the same holder', () => {
    const { ports, events, submit } = setUp();
    const all = Array.from({ length: 5 }, () => submit());
    events.turn();
    // One record fits an answer.
    const oneFits = { withoutFrames: (place: number) => place > 0 };
    for (let turn = 0; turn < 3; turn++) {
      events.answer('a', NEW, oneFits);
      events.answer('b', NEW);
      if (ports.asks.length > 0) events.answer('a', NEW, oneFits);
      events.turn();
    }
    expect(all).toEqual(all.map(() => [found(NEW)]));
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: beyond the bytes of its request a key is TOO_LARGE, and one is always answered (SPEC I8)', () => {
    const { ports, events, read } = setUp();
    const outcomes = read({ keys: [K, K, K, K], bytesMax: 2 * putFrame(NEW).length });
    for (const node of ['a', 'b']) events.answer(node, NEW);
    expect(outcomes).toMatchObject([found(NEW), found(NEW), failed('TOO_LARGE'), failed('TOO_LARGE')]);
    const least = read({ keys: [K, K], bytesMax: 1 });
    events.answer('a', NEW, { withoutFrames: (place) => place > 0 });
    events.answer('b', NEW);
    events.answer('a', NEW, { withoutFrames: () => false });
    expect(least).toMatchObject([found(NEW), failed('TOO_LARGE')]);
    expect(ports.timers.size).toBe(0);
  });

  test('key reads: what is left out is not read when its request has enough', () => {
    const { ports, events, read } = setUp();
    const outcomes = read({ keys: [K, K, K], bytesMax: 1 });
    events.answer('a', NEW, { withoutFrames: (place) => place > 0 });
    events.answer('b', NEW);
    events.answer('a', NEW, { withoutFrames: (place) => place > 0 });
    events.turn();
    expect(outcomes).toMatchObject([found(NEW), failed('TOO_LARGE'), failed('TOO_LARGE')]);
    expect(ports.asks).toEqual([]);
  });

  test('key reads: gifts go in messages that a connection takes (SPEC I8)', () => {
    const { ports, events, read } = setUp();
    const large = { counter: 9, value: 'x'.repeat(LIMITS.valueBytesMax) };
    const outcomes = read({ keys: new Array<RecordKey>(5).fill(K) });
    events.answer('a', large);
    events.answer('b', 'absent');
    const bytes = ports.gifts.map(({ groups }) => groups.reduce((sum, group) => sum + group.bytes.length, 0));
    expect(Math.max(...bytes)).toBeLessThan(LIMITS.messageBytesMax / 2);
    expect(bytes.reduce((sum, one) => sum + one)).toBe(5 * putFrame(large).length);
    for (const { node } of [...ports.gifts]) events.accept(node);
    expect(outcomes).toMatchObject(outcomes.map(() => ({ ok: true, repaired: true })));
    expect(outcomes).toHaveLength(5);
  });
});

describe('key reads: any order of events', () => {
  const NAMES = ['read', 'turn', 'answer', 'failAsk', 'accept', 'failGift', 'slow', 'timeUp', 'flip'];
  const HELD: readonly Held[] = ['absent', 'unknown', OLD, NEW, { counter: 12 }];

  test('key reads: each read ends once and leaves nothing behind (random events, SPEC I8)', () => {
    const step = fc.tuple(fc.constantFrom(...NAMES), fc.nat(100));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { ports, events, submit } = setUp();
        const all: { readonly outcomes: KeyOutcome[]; readonly keys: number }[] = [];
        const perform = (what: string, pick: number) => {
          const asked = ports.asks[pick % ports.asks.length]?.node;
          const given = ports.gifts[pick % ports.gifts.length]?.node;
          const isHeld = (place: number) => HELD[(pick + place) % HELD.length] ?? 'absent';
          if (what === 'read') {
            const keys = 1 + (pick % 3);
            const level = (['ONE', 'QUORUM', 'ALL'] as const)[pick % 3] ?? 'ONE';
            const repair = (['blocking', 'async', 'off'] as const)[pick % 3] ?? 'off';
            all.push({
              outcomes: submit({ keys: new Array(keys).fill(K), level, repair, bytesMax: pick }),
              keys,
            });
          } else if (what === 'turn') events.turn();
          else if (what === 'answer' && asked !== undefined)
            events.answer(asked, isHeld, { trimmedTo: pick % 7, withoutFrames: (place) => place > pick % 3 });
          else if (what === 'failAsk' && asked !== undefined) events.failAsk(asked);
          else if (what === 'accept' && given !== undefined) events.accept(given);
          else if (what === 'failGift' && given !== undefined) events.failGift(given);
          else if (what === 'slow' && ports.timers.size > 0) events.isSlow();
          else if (what === 'timeUp' && ports.timers.size > 0) events.timeUp();
          else if (what === 'flip') {
            const node = pick % 2 === 0 ? 'b' : 'c';
            if (!ports.down.delete(node)) ports.down.add(node);
          }
        };
        for (const [what, pick] of steps) perform(what, pick);
        // What is asked is answered in any case.
        const isOver = () => ports.timers.size === 0 && !ports.isScheduled && ports.gifts.length === 0;
        for (let left = 2000; left > 0 && !isOver(); left--) {
          perform('turn', 0);
          perform(left % 5 === 0 ? 'failAsk' : 'answer', left);
          perform(left % 3 === 0 ? 'failGift' : 'accept', left);
        }
        expect(isOver()).toBe(true);
        for (const { outcomes, keys } of all) expect(outcomes).toHaveLength(keys);
      }),
      { numRuns: 300 },
    );
  });
});
