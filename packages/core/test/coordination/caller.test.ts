// Callers that go: what nobody waits for any more is not begun, and what has been sent goes on.
import { describe, expect, test } from 'vitest';
import type { Caller } from '../../src/coordination/caller.js';
import { KeyReads } from '../../src/coordination/key-reads.js';
import { WriteCoordinator } from '../../src/coordination/write-coordinator.js';
import { LIMITS } from '../../src/limits.js';
import { packItems } from '../../src/protocol/packed.js';
import { encodeDraft } from '../../src/record.js';
import { putKey } from '../../src/record-key.js';
import { utf8 } from '../bytes.js';
import { HeldReadPorts, ReadEvents } from './held-read-ports.js';
import { HeldWritePorts, recordsOf, WriteEvents } from './held-write-ports.js';

class LeavingCaller implements Caller {
  isGone = false;
  readonly deadlineMs: number;

  constructor(deadlineMs = Number.POSITIVE_INFINITY) {
    this.deadlineMs = deadlineMs;
  }
}

const GONE = { ok: false, error: { code: 'REQUEST_TIMEOUT' } };

describe('callers: writes', () => {
  function setUp() {
    const ports = new HeldWritePorts();
    const writes = new WriteCoordinator(ports);
    const events = new WriteEvents(ports, writes);
    const submit = (value: string, caller?: Caller) => {
      const outcomes: unknown[] = [];
      const groups = [packItems('p', [encodeDraft({ value: utf8(value) })])];
      writes.submit({ groups, levelOf: () => 'QUORUM', caller }, (answered) => outcomes.push(...answered));
      return outcomes;
    };
    return { ports, writes, events, submit };
  }

  test('callers: a queued write whose caller has gone is refused, takes no room, and is not asked about', () => {
    const { ports, writes, events, submit } = setUp();
    const callers = Array.from({ length: 3 }, () => new LeavingCaller());
    const outcomes = callers.map((caller, i) => submit(`${i}`, caller));
    for (const i of [0, 2]) (callers[i] as LeavingCaller).isGone = true;
    events.turn();
    expect(outcomes).toMatchObject([[GONE], [], [GONE]]);
    expect(writes.queuedBytes).toBe(0);
    events.tell('b');
    const { groups } = events.store('a');
    expect(recordsOf(groups).map(([, , value]) => value)).toEqual(['1']);
    events.store('b');
    expect(outcomes[1]).toMatchObject([{ ok: true, firstCounter: 1 }]);
    expect(ports.questions).toEqual([]);
  });

  test('callers: nothing is asked or stored where all callers of a group commit have gone', () => {
    const { ports, writes, events, submit } = setUp();
    const caller = new LeavingCaller();
    const outcomes = submit('x', caller);
    caller.isGone = true;
    events.turn();
    expect(outcomes).toMatchObject([GONE]);
    expect([ports.questions, ports.stores]).toEqual([[], []]);
    expect(writes.isIdle).toBe(true);
  });

  test('callers: a caller that goes while counters are asked for is refused, and no counter is given to its write', () => {
    const { ports, writes, events, submit } = setUp();
    const caller = new LeavingCaller();
    const [left, stayed] = [submit('x', caller), submit('y')];
    events.turn();
    caller.isGone = true;
    events.tell('b', 6);
    expect(left).toMatchObject([GONE]);
    expect(recordsOf(events.store('a').groups)).toEqual([['p', 7, 'y']]);
    for (const node of ['b', 'c']) events.store(node);
    expect(stayed).toMatchObject([{ ok: true, firstCounter: 7 }]);
    expect([ports.stores, writes.isIdle]).toEqual([[], true]);
  });

  test('callers: a write that was sent is stored to its end, and its outcome told, whoever has gone', () => {
    const { ports, events, submit } = setUp();
    const caller = new LeavingCaller();
    const outcomes = submit('x', caller);
    events.turn();
    events.tell('b');
    caller.isGone = true;
    events.failStore('c');
    for (const node of ['a', 'b']) events.store(node);
    expect(outcomes).toMatchObject([{ ok: true }]);
    expect(ports.keptHints).toHaveLength(1);
  });

  test.each([
    ['the last', [30, 20], 30],
    ['none', [30, Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY],
  ])('callers: heads are asked for until %s deadline of a group commit', (_, deadlines, expected) => {
    const { ports, events, submit } = setUp();
    for (const deadlineMs of deadlines) submit('x', new LeavingCaller(deadlineMs));
    events.turn();
    expect(ports.questions.map(({ deadlineMs }) => deadlineMs)).toEqual([expected]);
  });
});

describe('callers: reads of keys', () => {
  function setUp() {
    const ports = new HeldReadPorts();
    const reads = new KeyReads(ports);
    const events = new ReadEvents(ports, reads);
    const submit = (caller?: Caller) => {
      const outcomes: unknown[] = [];
      const questions = [{ partition: 'p', key: putKey('k') }];
      reads.submit({ questions, levelOf: () => 'QUORUM', repair: 'blocking', caller }, (answered) =>
        outcomes.push(...answered),
      );
      return outcomes;
    };
    return { ports, reads, events, submit };
  }

  test('callers: a queued read whose caller has gone is not asked', () => {
    const { ports, events, submit } = setUp();
    const caller = new LeavingCaller();
    const [left, stayed] = [submit(caller), submit()];
    caller.isGone = true;
    events.turn();
    expect([left, stayed]).toMatchObject([[GONE], []]);
    expect(ports.asks.map(({ questions }) => questions.length)).toEqual([1, 1]);
  });

  test.each<[when: string, ends: (events: ReadEvents) => void]>([
    ['an answer', (events) => events.answer('a', { counter: 1 })],
    ['a failure', (events) => events.failAsk('a')],
    ['slowness', (events) => events.isSlow()],
  ])('callers: a round that nobody waits for ends with %s, and asks nobody else', (_, ends) => {
    const { ports, events, submit } = setUp();
    const caller = new LeavingCaller();
    const outcomes = submit(caller);
    events.turn();
    const asked = ports.asks.length;
    caller.isGone = true;
    ends(events);
    expect(outcomes).toMatchObject([GONE]);
    expect(ports.asks.length).toBeLessThanOrEqual(asked);
    expect(ports.timers.size).toBe(0);
  });

  test('callers: what a round finds is not repaired for nobody', () => {
    const { ports, events, submit } = setUp();
    const caller = new LeavingCaller();
    const outcomes = submit(caller);
    events.turn();
    events.answer('a', { counter: 2 });
    caller.isGone = true;
    events.answer('b', { counter: 1 });
    expect(outcomes).toMatchObject([GONE]);
    expect(ports.gifts).toEqual([]);
  });

  test('callers: a round goes on while one of its callers waits', () => {
    const { events, submit } = setUp();
    const caller = new LeavingCaller(10);
    const [left, stayed] = [submit(caller), submit(new LeavingCaller(20))];
    events.turn();
    caller.isGone = true;
    for (const node of ['a', 'b']) events.answer(node, 'absent');
    expect([left, stayed]).toMatchObject([[{ ok: true }], [{ ok: true }]]);
  });

  test('callers: reads that nobody waits for make room for others (limit of open reads)', () => {
    const { events, submit } = setUp();
    const caller = new LeavingCaller();
    for (let i = 0; i < LIMITS.readQueueMax; i++) submit(caller);
    expect(submit()).toMatchObject([{ ok: false, error: { code: 'OVERLOADED' } }]);
    caller.isGone = true;
    events.turn();
    expect(submit()).toEqual([]);
  });

  test('callers: replicas are asked until the last deadline of a round', () => {
    const { ports, events, submit } = setUp();
    for (const deadlineMs of [20, 30]) submit(new LeavingCaller(deadlineMs));
    events.turn();
    expect(ports.asks.map(({ deadlineMs }) => deadlineMs)).toEqual([30, 30]);
    expect(ports.roundDeadlines).toEqual([30]);
  });
});
