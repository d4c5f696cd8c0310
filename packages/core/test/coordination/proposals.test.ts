// Proposals: lone commits that go without a counter round. Every event comes by hand, in the order that a test wants.
import { describe, expect, test } from 'vitest';
import { ALONE_AFTER_REFUSAL, ALONE_BEFORE_PROPOSAL } from '../../src/coordination/proposal.js';
import { LIMITS } from '../../src/limits.js';
import { packItems } from '../../src/protocol/packed.js';
import { encodeDraft } from '../../src/record.js';
import { hintOf, INCARNATION, recordsOf } from './held-write-ports.js';
import { acknowledged, groupOf, refused, setUp } from './write-harness.js';

/** A coordinator that has had one commit at a time, so that the next one is a proposal where it may be. */
function setUpAlone(primaries: Readonly<Record<string, readonly string[]>> = {}) {
  const { ports, writes, events, submitAlone } = setUp(primaries);
  for (let i = 1; i < ALONE_BEFORE_PROPOSAL; i++) {
    submitAlone([groupOf('before', 'x')], { order: 'causal' });
    for (const node of ['a', 'b', 'c']) events.store(node);
  }
  const sent = () =>
    ports.stores.map(({ node, isProposal, groups }) => [node, isProposal, recordsOf(groups)]);
  const asked = () => ports.questions.map(({ question }) => question.node);
  return { ports, writes, events, write: submitAlone, sent, asked };
}

describe('proposals', () => {
  test('proposal: a lone commit is sent at once, and stored here when a peer has accepted it', () => {
    const { ports, writes, events, write, sent, asked } = setUpAlone();
    const outcomes = write([groupOf('p', 'x', 'y')]);
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

  test('proposal: it is acknowledged by one peer and this node too', () => {
    const { events, write } = setUpAlone();
    const outcomes = write([groupOf('p', 'x')]);
    events.store('b');
    events.store('a');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
  });

  test('proposal: one after another, each above the last (commits=3)', () => {
    const { events, write, asked } = setUpAlone();
    for (let i = 1; i <= 3; i++) {
      const outcomes = write([groupOf('p', 'x')]);
      for (const node of ['b', 'c', 'a']) events.store(node);
      expect([outcomes, asked()]).toMatchObject([[acknowledged(i, 2)], []]);
    }
  });

  test.each([
    ['its level needs all', { level: 'ALL' }, {}],
    ['it has two replicas', {}, { p: ['a', 'b'] }],
    ['this node is no replica', {}, { p: ['b', 'c', 'd'] }],
    ['it has five replicas', {}, { p: ['a', 'b', 'c', 'd', 'e'] }],
  ] as const)('proposal: none is made where %s', (_why, asked, primaries) => {
    const { write, sent, ports } = setUpAlone(primaries);
    write([groupOf('p', 'x')], asked);
    expect(sent()).toEqual([]);
    expect(ports.questions.length).toBeGreaterThan(0);
  });

  test('proposal: none is made while a replica is down or has no vote', () => {
    for (const why of ['down', 'newStores'] as const) {
      const { write, sent, asked, ports } = setUpAlone();
      ports[why].add('c');
      write([groupOf('p', 'x')]);
      expect([sent(), asked()]).toEqual([[], ['b']]);
    }
  });

  test('proposal: none is made while another commit waits for its outcome, nor soon after', () => {
    const { events, write, sent, asked } = setUpAlone();
    write([groupOf('p', 'x')], { order: 'causal' });
    write([groupOf('p', 'y')]);
    expect(asked()).toEqual(['b']);
    for (const node of ['a', 'b', 'c']) events.store(node);
    events.tell('b');
    for (const node of ['a', 'b', 'c']) events.store(node);
    for (let i = 1; i < ALONE_BEFORE_PROPOSAL; i++) {
      write([groupOf('p', 'z')]);
      expect([asked(), sent()]).toEqual([['b'], []]);
      events.tell('b');
      for (const node of ['a', 'b', 'c']) events.store(node);
    }
    write([groupOf('p', 'z')]);
    expect([asked(), sent().length]).toEqual([[], 2]);
  });

  test('proposal: refused by all, it gets its versions after a counter round, above what that tells', () => {
    const { writes, ports, events, write, sent, asked } = setUpAlone();
    const outcomes = write([groupOf('p', 'x', 'y')]);
    events.refuseProposal('b');
    expect(asked()).toEqual([]);
    events.refuseProposal('c');
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

  test('proposal: what a peer has refused for want of room may be sent again', () => {
    const { events, write, asked } = setUpAlone();
    write([groupOf('p', 'x')]);
    events.failStore('b', 'OVERLOADED');
    events.refuseProposal('c');
    expect(asked()).toEqual(['b']);
  });

  test('proposal: a peer that refuses is given what the other has accepted, as usual', () => {
    const { events, write, sent } = setUpAlone();
    const outcomes = write([groupOf('p', 'x')]);
    events.refuseProposal('b');
    events.store('c');
    expect(sent()).toEqual([
      ['a', false, [['p', 1, 'x']]],
      ['b', false, [['p', 1, 'x']]],
    ]);
    events.store('b');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
  });

  test('proposal: a peer that failed gets a hint once the other has accepted, and none before', () => {
    const { ports, events, write } = setUpAlone();
    const outcomes = write([groupOf('p', 'x')]);
    events.failStore('b');
    expect(ports.keptHints).toEqual([]);
    events.store('c');
    expect(ports.keptHints.map(hintOf)).toEqual([{ target: 'b', versions: [['p', 1, INCARNATION]] }]);
    events.store('a');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
  });

  test('proposal: after a refusal none is made for a while, since another node may coordinate too', () => {
    const { events, write, asked, sent } = setUpAlone();
    write([groupOf('p', 'x')]);
    events.refuseProposal('b');
    events.store('c');
    for (const node of ['a', 'b']) events.store(node);
    for (let i = 1; i < ALONE_AFTER_REFUSAL + ALONE_BEFORE_PROPOSAL; i++) {
      write([groupOf('p', 'y')]);
      expect(asked()).toEqual(['b']);
      events.tell('b');
      for (const node of ['a', 'b', 'c']) events.store(node);
    }
    write([groupOf('p', 'z')]);
    expect([asked(), sent().map(([node, isProposal]) => [node, isProposal])]).toEqual([
      [],
      [
        ['b', true],
        ['c', true],
      ],
    ]);
  });

  test('proposal: a peer that refuses it after another has taken it is given it as usual', () => {
    const { events, write, sent } = setUpAlone();
    write([groupOf('p', 'x')]);
    events.store('c');
    events.refuseProposal('b');
    expect(sent()).toEqual([
      ['a', false, [['p', 1, 'x']]],
      ['b', false, [['p', 1, 'x']]],
    ]);
  });

  test('proposal: where nobody has it for certain and one may, its outcome is unknown and nothing is kept here', () => {
    for (const end of ['refuseProposal', 'failStore'] as const) {
      const { writes, ports, events, write, sent } = setUpAlone();
      const outcomes = write([groupOf('p', 'x'), groupOf('q', 'y')]);
      events.failStore('b');
      expect([outcomes, ports.inDoubt]).toEqual([[], []]);
      events[end]('c');
      expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT'), refused('WRITE_TIMEOUT')]);
      expect([sent(), ports.keptHints, ports.inDoubt]).toEqual([[], [], ['p', 'q']]);
      expect([writes.isIdle, ports.timers.size]).toEqual([true, 0]);
    }
  });

  test('proposal: commits behind it get their versions when it is decided, and above its own', () => {
    const { events, write, sent } = setUpAlone();
    write([groupOf('p', 'x')]);
    write([groupOf('p', 'y')], { order: 'causal' });
    expect(sent().map(([node]) => node)).toEqual(['b', 'c']);
    events.refuseProposal('b');
    events.refuseProposal('c');
    expect(sent()).toEqual([]);
    events.tell('b');
    expect(sent().filter(([node]) => node === 'a')).toEqual([
      ['a', false, [['p', 2, 'x']]],
      ['a', false, [['p', 3, 'y']]],
    ]);
  });

  test('proposal: what came in the same turn is behind it too, though it did not fit into its commit', () => {
    const { writes, events, sent, write } = setUpAlone();
    const large = packItems('p', [encodeDraft({ value: new Uint8Array(LIMITS.batchBytesTarget) })]);
    writes.submit({ groups: [large], levelOf: () => 'QUORUM' }, () => {});
    write([groupOf('p', 'small')], { order: 'causal' });
    expect(sent().map(([node, isProposal]) => [node, isProposal])).toEqual([
      ['b', true],
      ['c', true],
    ]);
    events.refuseProposal('b');
    events.refuseProposal('c');
    events.tell('b');
    const here = sent().filter(([node]) => node === 'a') as [string, boolean, [string, number, string][]][];
    expect(here.map(([, , records]) => records.map(([, counter]) => counter))).toEqual([[2], [3]]);
  });

  test('proposal: a slow one holds others up for a moment only; refused behind their back, nothing is written', () => {
    const { writes, ports, events, write, sent } = setUpAlone();
    const slow = write([groupOf('p', 'x')]);
    write([groupOf('p', 'y')], { order: 'causal' });
    events.fire('slow');
    expect(sent().filter(([node]) => node === 'a')).toEqual([['a', false, [['p', 2, 'y']]]]);
    events.refuseProposal('b');
    events.refuseProposal('c');
    expect([slow, ports.inDoubt]).toMatchObject([[refused('UNAVAILABLE')], []]);
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect([writes.isIdle, ports.timers.size]).toEqual([true, 0]);
  });

  test('proposal: a slow one that nobody has overtaken is begun anew', () => {
    const { events, write, asked } = setUpAlone();
    const slow = write([groupOf('p', 'x')]);
    events.refuseProposal('b');
    events.fire('slow');
    events.refuseProposal('c');
    expect([slow, asked()]).toEqual([[], ['b']]);
    events.tell('b', 5);
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect(slow).toMatchObject([acknowledged(6, 2)]);
  });

  test('proposal: refused after its time is up it ends, and is not begun anew', () => {
    const { writes, events, write, asked } = setUpAlone();
    const outcomes = write([groupOf('p', 'x')]);
    for (const timer of ['slow', 'time-up'] as const) events.fire(timer);
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    for (const node of ['b', 'c']) events.refuseProposal(node);
    expect([asked(), writes.isIdle]).toEqual([[], true]);
  });

  test('proposal: while one is undecided there is no other, also where its writers are answered', () => {
    const { writes, ports, events, write, sent } = setUpAlone();
    write([groupOf('p', 'x')]);
    events.fire('time-up');
    write([groupOf('p', 'y')]);
    expect(sent().map(([node]) => node)).toEqual(['b', 'c']);
    ports.down.add('c');
    events.refuseProposal('b');
    events.failStore('c');
    expect(ports.inDoubt).toEqual(['p']);
    events.tell('b');
    for (const node of ['b', 'a']) events.store(node);
    expect(writes.isIdle).toBe(true);
  });

  test('proposal: what is accepted after its time is up is stored here too', () => {
    const { writes, ports, events, write, sent } = setUpAlone();
    const outcomes = write([groupOf('p', 'x')]);
    events.fire('slow');
    events.fire('time-up');
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    events.store('b');
    events.failStore('c');
    expect(sent()).toEqual([['a', false, [['p', 1, 'x']]]]);
    events.store('a');
    expect([writes.isIdle, ports.keptHints.map(({ target }) => target)]).toEqual([true, ['c']]);
  });

  test('proposal: a peer whose store is replaced may have accepted it, and is not counted', () => {
    for (const [answer, ended] of [
      ['store', { code: 'acknowledged', inDoubt: [] }],
      ['refuseProposal', { code: 'WRITE_TIMEOUT', inDoubt: ['p'] }],
    ] as const) {
      const { writes, ports, events, write } = setUpAlone();
      const outcomes = write([groupOf('p', 'x')]);
      writes.storeReplaced('b');
      events[answer]('c');
      // Its answer comes all the same.
      events.store('b');
      if (ended.code !== 'acknowledged') expect(outcomes).toMatchObject([refused(ended.code)]);
      else {
        expect(outcomes).toEqual([]);
        events.store('a');
        expect(outcomes).toMatchObject([acknowledged(1, 2)]);
        expect(ports.keptHints.map(({ target }) => target)).toEqual(['b']);
      }
      expect([writes.isIdle, ports.inDoubt]).toEqual([true, ended.inDoubt]);
    }
  });

  test('proposal: a peer that was taken for replaced and refuses has stored nothing', () => {
    const { writes, events, write, asked } = setUpAlone();
    write([groupOf('p', 'x')]);
    writes.storeReplaced('b');
    events.refuseProposal('b');
    events.refuseProposal('c');
    expect(asked()).toEqual(['b']);
  });

  test('proposal: what one peer has fenced away it refuses alone, and this node has it (upTo=1)', () => {
    const { ports, events, write } = setUpAlone();
    const outcomes = write([groupOf('p', 'x'), groupOf('q', 'y')]);
    events.store('b', { fenced: [{ partition: 'p', fencedTo: 1 }] });
    for (const node of ['c', 'a']) events.store(node);
    expect(outcomes).toMatchObject([acknowledged(1, 2), acknowledged(1, 2)]);
    expect(ports.keptHints).toEqual([]);
  });

  test('proposal: one that loses all its writes before it is sent holds nobody up', () => {
    const { writes, ports, events, write, sent } = setUpAlone();
    const again = groupOf('p', 'x');
    write([again]);
    for (const node of ['b', 'c', 'a']) events.store(node);
    expect(write([again])).toMatchObject([refused('MALFORMED')]);
    expect(writes.isIdle).toBe(true);
    write([groupOf('p', 'y')]);
    expect(sent().map(([node, isProposal]) => [node, isProposal])).toEqual([
      ['b', true],
      ['c', true],
    ]);
    expect(ports.questions).toEqual([]);
  });

  test('proposal: a peer takes it where it has a vote and knows no counter as high', () => {
    const stamped = (counter: number) => {
      const { events, write, ports } = setUpAlone();
      ports.storedHeads.set('p', counter - 1);
      write([groupOf('p', 'x')]);
      return events.store('b').groups;
    };
    const { ports, writes, write } = setUpAlone();
    ports.storedHeads.set('p', 9);
    expect([stamped(9), stamped(10)].map((groups) => writes.accepts(groups))).toEqual([false, true]);
    // It has given that counter itself, to a write under way.
    write([groupOf('p', 'x')]);
    expect([stamped(10), stamped(11)].map((groups) => writes.accepts(groups))).toEqual([false, true]);
    ports.newStores.add('a');
    expect(writes.accepts(stamped(11))).toBe(false);
    const garbage = { partition: 'p', bytes: new Uint8Array(7), ends: Uint32Array.of(7) };
    expect(() => {
      ports.newStores.clear();
      writes.accepts([garbage]);
    }).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});
