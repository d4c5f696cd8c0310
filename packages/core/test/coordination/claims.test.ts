// Claims: lone commits that go without a counter round. Every event comes by hand, in the order that a test wants.
import { describe, expect, test } from 'vitest';
import type { WriteLevel } from '../../src/consistency.js';
import type { WriteOrder, WriteOutcome } from '../../src/coordination/write.js';
import { WriteCoordinator } from '../../src/coordination/write-coordinator.js';
import { LIMITS } from '../../src/limits.js';
import { type PackedGroup, packItems } from '../../src/protocol/packed.js';
import { encodeDraft } from '../../src/record.js';
import { utf8 } from '../bytes.js';
import { HeldWritePorts, hintOf, INCARNATION, recordsOf, WriteEvents } from './held-write-ports.js';

const drafts = (partition: string, ...values: string[]): PackedGroup =>
  packItems(
    partition,
    values.map((value) => encodeDraft({ value: utf8(value) })),
  );

/** A coordinator that has had one commit at a time, so that the next one is a claim where it may be. */
function setUp(primaries: Readonly<Record<string, readonly string[]>> = {}) {
  const ports = new HeldWritePorts(primaries);
  const writes = new WriteCoordinator(ports);
  const events = new WriteEvents(ports, writes);
  const write = (
    groups: readonly PackedGroup[],
    { level = 'QUORUM', order }: { level?: WriteLevel; order?: WriteOrder } = {},
  ) => {
    const outcomes: WriteOutcome[] = [];
    writes.submit({ groups, order, levelOf: () => level }, (answered) => outcomes.push(...answered));
    events.turn();
    return outcomes;
  };
  for (let i = 1; i < LIMITS.aloneBeforeClaim; i++) {
    write([drafts('before', 'x')], { order: 'causal' });
    for (const node of ['a', 'b', 'c']) events.store(node);
  }
  const sent = () => ports.stores.map(({ node, isClaim, groups }) => [node, isClaim, recordsOf(groups)]);
  const asked = () => ports.questions.map(({ question }) => question.node);
  return { ports, writes, events, write, sent, asked };
}

const acknowledged = (firstCounter: number, acks: number) => ({
  ok: true,
  firstCounter,
  origin: INCARNATION,
  acks,
});
const refused = (code: string) => ({ ok: false, error: { code } });

describe('claims', () => {
  test('claim: a lone commit is sent at once, and stored here when a peer has taken it', () => {
    const { ports, writes, events, write, sent, asked } = setUp();
    const outcomes = write([drafts('p', 'x', 'y')]);
    const records = [
      ['p', 1, 'x'],
      ['p', 2, 'y'],
    ];
    expect([asked(), sent()]).toEqual([
      [],
      [
        ['b', true, records],
        ['c', true, records],
      ],
    ]);
    events.store('c');
    expect(sent()).toEqual([
      ['b', true, records],
      ['a', false, records],
    ]);
    expect(outcomes).toEqual([]);
    events.store('b');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
    events.store('a');
    expect([writes.isIdle, ports.timers.size, ports.keptHints]).toEqual([true, 0, []]);
  });

  test('claim: it is acknowledged by one peer and this node too', () => {
    const { events, write } = setUp();
    const outcomes = write([drafts('p', 'x')]);
    events.store('b');
    events.store('a');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
  });

  test('claim: one after another, each above the last (commits=3)', () => {
    const { events, write, asked } = setUp();
    for (let i = 1; i <= 3; i++) {
      const outcomes = write([drafts('p', 'x')]);
      for (const node of ['b', 'c', 'a']) events.store(node);
      expect([outcomes, asked()]).toMatchObject([[acknowledged(i, 2)], []]);
    }
  });

  test.each([
    ['its level needs all', { level: 'ALL' }, {}],
    ['it has two replicas', {}, { p: ['a', 'b'] }],
    ['this node is no replica', {}, { p: ['b', 'c', 'd'] }],
    ['it has five replicas', {}, { p: ['a', 'b', 'c', 'd', 'e'] }],
  ] as const)('claim: none is made where %s', (_why, asked, primaries) => {
    const { write, sent, ports } = setUp(primaries);
    write([drafts('p', 'x')], asked);
    expect(sent()).toEqual([]);
    expect(ports.questions.length).toBeGreaterThan(0);
  });

  test('claim: none is made while a replica is down or has no vote', () => {
    for (const why of ['down', 'newStores'] as const) {
      const { write, sent, asked, ports } = setUp();
      ports[why].add('c');
      write([drafts('p', 'x')]);
      expect([sent(), asked()]).toEqual([[], ['b']]);
    }
  });

  test('claim: none is made while another commit waits for its outcome, nor soon after', () => {
    const { events, write, sent, asked } = setUp();
    write([drafts('p', 'x')], { order: 'causal' });
    write([drafts('p', 'y')]);
    expect(asked()).toEqual(['b']);
    for (const node of ['a', 'b', 'c']) events.store(node);
    events.tell('b');
    for (const node of ['a', 'b', 'c']) events.store(node);
    for (let i = 1; i < LIMITS.aloneBeforeClaim; i++) {
      write([drafts('p', 'z')]);
      expect([asked(), sent()]).toEqual([['b'], []]);
      events.tell('b');
      for (const node of ['a', 'b', 'c']) events.store(node);
    }
    write([drafts('p', 'z')]);
    expect([asked(), sent().length]).toEqual([[], 2]);
  });

  test('claim: refused by all, it gets its versions after a counter round, above what that tells', () => {
    const { writes, ports, events, write, sent, asked } = setUp();
    const outcomes = write([drafts('p', 'x', 'y')]);
    events.refuseClaim('b');
    expect(asked()).toEqual([]);
    events.refuseClaim('c');
    expect([asked(), sent()]).toEqual([['b'], []]);
    events.tell('b', 40);
    const records = [
      ['p', 41, 'x'],
      ['p', 42, 'y'],
    ];
    expect(sent()).toEqual([
      ['b', false, records],
      ['c', false, records],
      ['a', false, records],
    ]);
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect(outcomes).toMatchObject([acknowledged(41, 2)]);
    expect([writes.isIdle, ports.timers.size, ports.inDoubt]).toEqual([true, 0, []]);
  });

  test('claim: what a peer has refused for want of room may be sent again', () => {
    const { events, write, asked } = setUp();
    write([drafts('p', 'x')]);
    events.failStore('b', 'OVERLOADED');
    events.refuseClaim('c');
    expect(asked()).toEqual(['b']);
  });

  test('claim: a peer that was behind is given what the other has taken, and one that failed gets a hint', () => {
    const { ports, events, write, sent } = setUp();
    const outcomes = write([drafts('p', 'x')]);
    events.refuseClaim('b');
    events.store('c');
    expect(sent()).toEqual([
      ['a', false, [['p', 1, 'x']]],
      ['b', false, [['p', 1, 'x']]],
    ]);
    // Refused once more, after the claim is proven: given as usual.
    events.store('b');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
    events.store('a');

    const later = write([drafts('p', 'y')]);
    events.failStore('b');
    expect(ports.keptHints).toEqual([]);
    events.store('c');
    expect(ports.keptHints.map(hintOf)).toEqual([{ target: 'b', versions: [['p', 2, INCARNATION]] }]);
    events.store('a');
    expect(later).toMatchObject([acknowledged(2, 2)]);
  });

  test('claim: a peer that refuses it after another has taken it is given it as usual', () => {
    const { events, write, sent } = setUp();
    write([drafts('p', 'x')]);
    events.store('c');
    events.refuseClaim('b');
    expect(sent()).toEqual([
      ['a', false, [['p', 1, 'x']]],
      ['b', false, [['p', 1, 'x']]],
    ]);
  });

  test('claim: where nobody has it for certain and one may, its outcome is unknown and nothing is kept here', () => {
    for (const end of ['refuseClaim', 'failStore'] as const) {
      const { writes, ports, events, write, sent } = setUp();
      const outcomes = write([drafts('p', 'x'), drafts('q', 'y')]);
      events.failStore('b');
      expect([outcomes, ports.inDoubt]).toEqual([[], []]);
      events[end]('c');
      expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT'), refused('WRITE_TIMEOUT')]);
      expect([sent(), ports.keptHints, ports.inDoubt]).toEqual([[], [], ['p', 'q']]);
      expect([writes.isIdle, ports.timers.size]).toEqual([true, 0]);
    }
  });

  test('claim: commits behind it get their versions when it is decided, and above its own', () => {
    const { events, write, sent } = setUp();
    write([drafts('p', 'x')]);
    write([drafts('p', 'y')], { order: 'causal' });
    expect(sent().map(([node]) => node)).toEqual(['b', 'c']);
    events.refuseClaim('b');
    events.refuseClaim('c');
    expect(sent()).toEqual([]);
    events.tell('b');
    expect(sent().filter(([node]) => node === 'a')).toEqual([
      ['a', false, [['p', 2, 'x']]],
      ['a', false, [['p', 3, 'y']]],
    ]);
  });

  test('claim: a slow one holds others up for a moment only, and is not begun anew behind them', () => {
    const { ports, events, write, sent } = setUp();
    const slow = write([drafts('p', 'x')]);
    write([drafts('p', 'y')], { order: 'causal' });
    events.fire('slow');
    expect(sent().filter(([node]) => node === 'a')).toEqual([['a', false, [['p', 2, 'y']]]]);
    events.refuseClaim('b');
    events.refuseClaim('c');
    expect(slow).toMatchObject([refused('WRITE_TIMEOUT')]);
    expect(ports.inDoubt).toEqual(['p']);
  });

  test('claim: what is taken after its time is up is stored here too', () => {
    const { writes, ports, events, write, sent } = setUp();
    const outcomes = write([drafts('p', 'x')]);
    events.fire('slow');
    events.fire('time-up');
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    events.store('b');
    events.failStore('c');
    expect(sent()).toEqual([['a', false, [['p', 1, 'x']]]]);
    events.store('a');
    expect([writes.isIdle, ports.keptHints.map(({ target }) => target)]).toEqual([true, ['c']]);
  });

  test('claim: a peer whose store is replaced may have taken it', () => {
    const { writes, ports, events, write } = setUp();
    const outcomes = write([drafts('p', 'x')]);
    writes.storeReplaced('b');
    events.refuseClaim('c');
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    // Its answer comes all the same.
    events.store('b');
    expect([writes.isIdle, ports.inDoubt]).toEqual([true, ['p']]);
  });

  test('claim: one that loses all its writes before it is sent holds nobody up', () => {
    const { writes, ports, events, write, sent } = setUp();
    const again = drafts('p', 'x');
    write([again]);
    for (const node of ['b', 'c', 'a']) events.store(node);
    expect(write([again])).toMatchObject([refused('MALFORMED')]);
    expect(writes.isIdle).toBe(true);
    write([drafts('p', 'y')]);
    expect(sent().map(([node, isClaim]) => [node, isClaim])).toEqual([
      ['b', true],
      ['c', true],
    ]);
    expect(ports.questions).toEqual([]);
  });

  test('claim: a peer takes it where it has a vote and knows no counter as high', () => {
    const stamped = (counter: number) => {
      const { events, write, ports } = setUp();
      ports.storedHeads.set('p', counter - 1);
      write([drafts('p', 'x')]);
      return events.store('b').groups;
    };
    const { ports, writes, write } = setUp();
    ports.storedHeads.set('p', 9);
    expect([stamped(9), stamped(10)].map((groups) => writes.takesClaim(groups))).toEqual([false, true]);
    // It has given that counter itself, to a write under way.
    write([drafts('p', 'x')]);
    expect([stamped(10), stamped(11)].map((groups) => writes.takesClaim(groups))).toEqual([false, true]);
    ports.newStores.add('a');
    expect(writes.takesClaim(stamped(11))).toBe(false);
    const garbage = { partition: 'p', bytes: new Uint8Array(7), ends: Uint32Array.of(7) };
    expect(() => {
      ports.newStores.clear();
      writes.takesClaim([garbage]);
    }).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});
