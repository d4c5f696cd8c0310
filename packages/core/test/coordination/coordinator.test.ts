// Writes and reads of keys together: appends that are made again.
import { describe, expect, test } from 'vitest';
import type { Level } from '../../src/consistency.js';
import { Coordinator } from '../../src/coordination/coordinator.js';
import type { WriteOutcome } from '../../src/coordination/write.js';
import { TAG_BYTES } from '../../src/digest/kernel.js';
import type { KeyState } from '../../src/protocol/key-claims.js';
import { type PackedGroup, packItems } from '../../src/protocol/packed.js';
import { encodeDraft, encodeFrame } from '../../src/record.js';
import { utf8, version } from '../bytes.js';
import { HeldReadPorts, ReadEvents } from './held-read-ports.js';
import { HeldWritePorts, recordsOf, WriteEvents } from './held-write-ports.js';

const id = new Uint8Array(16).fill(5);
const appendOf = (attempt: number, value = 'x') =>
  packItems('p', [encodeDraft({ value: utf8(value), append: { id, attempt } })]);
const plain = (...values: string[]) =>
  values.map((value) => packItems('p', [encodeDraft({ value: utf8(value) })]));

function setUp() {
  const ports = { writes: new HeldWritePorts(), reads: new HeldReadPorts() };
  const coordinator = new Coordinator(ports);
  const writes = new WriteEvents(ports.writes, coordinator.writes);
  const reads = new ReadEvents(ports.reads, coordinator.reads);
  const write = (groups: readonly PackedGroup[], level: Level = 'QUORUM') => {
    const outcomes: WriteOutcome[] = [];
    coordinator.write({ groups, levelOf: () => level }, (answered) => outcomes.push(...answered));
    writes.turn();
    reads.turn();
    return outcomes;
  };
  /** The oldest ask of this node is answered with an attempt that it holds. */
  const hold = (node: string, counter: number, attempt = 0) => {
    const place = ports.reads.asks.findIndex((ask) => ask.node === node);
    const [ask] = ports.reads.asks.splice(place, 1);
    if (ask === undefined) throw new Error(`nothing is asked of ${node}`);
    const state: KeyState = { attempt, version: version(counter), tag: new Uint8Array(TAG_BYTES) };
    const frame = encodeFrame({
      version: version(counter),
      timeMs: 1,
      value: utf8('x'),
      append: { id, attempt },
    });
    coordinator.reads.answered(ask.id, {
      states: [state],
      trimmedTo: [0],
      purgedTo: [0],
      frames: [ask.withRecords ? frame : undefined],
    });
  };
  const acknowledge = () => {
    writes.tell('b');
    for (const node of ['a', 'b', 'c']) writes.store(node);
  };
  return { ports, writes, reads, write, hold, acknowledge };
}

describe('coordinator: appends that are made again', () => {
  test('coordinator: a first retry completes what it finds, on as many replicas as its level (SPEC I9)', () => {
    const { ports, reads, write, hold } = setUp();
    const outcomes = write([appendOf(1)]);
    expect(ports.writes.stores).toEqual([]);
    hold('a', 4);
    reads.answer('b', 'absent');
    expect(outcomes).toEqual([]);
    expect(reads.accept('b').node).toBe('b');
    expect(outcomes).toMatchObject([{ ok: true, firstCounter: 4, origin: version(4).origin, acks: 2 }]);
    expect(ports.writes.isScheduled).toBe(false);
  });

  test('coordinator: what is found is completed on all replicas at ALL, and on a majority at ONE', () => {
    for (const [level, asked] of [
      ['ALL', 3],
      ['ONE', 2],
    ] as const) {
      const { ports, write } = setUp();
      write([appendOf(1)], level);
      expect(ports.reads.asks).toHaveLength(asked);
    }
  });

  test('coordinator: a first retry that finds nothing writes anew', () => {
    const { writes, reads, write, acknowledge } = setUp();
    const outcomes = write([appendOf(1)]);
    for (const node of ['a', 'b']) reads.answer(node, 'absent');
    writes.turn();
    acknowledge();
    expect(outcomes).toMatchObject([{ ok: true, firstCounter: 1, acks: 2 }]);
  });

  test('coordinator: a look-up that fails is WRITE_TIMEOUT, since the attempt before may have been written', () => {
    const { ports, reads, write } = setUp();
    const outcomes = write([appendOf(1)]);
    ports.reads.down.add('c');
    reads.failAsk('b');
    expect(outcomes).toMatchObject([{ ok: false, error: { code: 'WRITE_TIMEOUT' } }]);
    expect(ports.writes.isScheduled).toBe(false);
  });

  test('coordinator: a look-up that nobody can answer is WRITE_TIMEOUT too, and other groups are written', () => {
    const { ports, writes, write } = setUp();
    ports.reads.down.add('b').add('c');
    const outcomes = write([appendOf(1), ...plain('y')]);
    writes.tell('b');
    for (const node of ['a', 'b', 'c']) writes.store(node);
    expect(outcomes).toMatchObject([
      { ok: false, error: { code: 'WRITE_TIMEOUT' } },
      { ok: true, firstCounter: 1 },
    ]);
  });

  test.each([0, 2, 3])('coordinator: attempt %i is written without a look-up', (attempt) => {
    const { ports, write, acknowledge } = setUp();
    const outcomes = write([appendOf(attempt)]);
    expect(ports.reads.isScheduled).toBe(false);
    acknowledge();
    expect(outcomes).toMatchObject([{ ok: true, firstCounter: 1 }]);
  });
});

describe('coordinator: groups of one request', () => {
  test('coordinator: groups keep their order, and so do their outcomes (SPEC I10)', () => {
    const { ports, write, writes } = setUp();
    const outcomes = write(plain('1', '2', '3'));
    writes.tell('b');
    const [store] = ports.writes.stores;
    expect(recordsOf(store?.groups ?? [])).toEqual([
      ['p', 1, '1'],
      ['p', 2, '2'],
      ['p', 3, '3'],
    ]);
    for (const node of ['a', 'b', 'c']) writes.store(node);
    expect(outcomes).toMatchObject([1, 2, 3].map((firstCounter) => ({ ok: true, firstCounter })));
  });

  test('coordinator: what is no draft is refused by itself, before anything is asked', () => {
    const { ports, write, acknowledge } = setUp();
    const stamped = packItems('p', [encodeFrame({ version: version(5), timeMs: 1, value: utf8('x') })]);
    const empty = packItems('p', []);
    const outcomes = write([stamped, ...plain('y'), empty]);
    acknowledge();
    expect(outcomes).toMatchObject([
      { ok: false, error: { code: 'MALFORMED' } },
      { ok: true, firstCounter: 1 },
      { ok: false, error: { code: 'BAD_REQUEST' } },
    ]);
    expect(ports.reads.isScheduled).toBe(false);
  });

  test('coordinator: a request without groups, or without keys, is answered at once', () => {
    const { write } = setUp();
    const coordinator = new Coordinator({ writes: new HeldWritePorts(), reads: new HeldReadPorts() });
    let answered = 0;
    coordinator.write({ groups: [], levelOf: () => 'ONE' }, (outcomes) => {
      answered += 1 + outcomes.length;
    });
    coordinator.readKeys({ questions: [], levelOf: () => 'ONE', repair: 'off' }, (outcomes) => {
      answered += 1 + outcomes.length;
    });
    expect(answered).toBe(2);
    expect(write([])).toEqual([]);
  });
});
