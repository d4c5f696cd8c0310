// The state machine of writes: every event comes by hand, in the order that a test wants.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_VOTE } from '../../src/coordination/counter-round.js';
import { WriteCoordinator } from '../../src/coordination/write-coordinator.js';
import { LIMITS } from '../../src/limits.js';
import type { HintBatch } from '../../src/ports/store.js';
import { decodePacked } from '../../src/protocol/packed.js';
import { HeldWritePorts, hintOf, INCARNATION, recordsOf, WriteEvents } from './held-write-ports.js';
import { acknowledged, groupOf, refused, setUp } from './write-harness.js';

describe('write coordinator: ANY', () => {
  const elsewhere = { p: ['b', 'c', 'd'] };
  const carriedBy = ({ payload }: HintBatch) => recordsOf(decodePacked(payload ?? new Uint8Array(0)));

  test('write coordinator: with no primary alive, whoever takes a write keeps it for them (ANY, SPEC I1)', () => {
    const { ports, writes, events, submitAlone } = setUp(elsewhere);
    for (const node of ['b', 'c', 'd']) ports.down.add(node);
    const outcomes = submitAlone([groupOf('p', 'x', 'y')], { level: 'ANY' });
    // Nobody could tell its counters.
    expect(ports.questions).toEqual([]);
    expect(outcomes).toEqual([]);
    const { node, groups, hints } = events.store('a');
    expect([node, groups, hints.map(({ target }) => target)]).toEqual(['a', [], ['b', 'c', 'd']]);
    for (const hint of hints) {
      expect(carriedBy(hint)).toEqual([
        ['p', 1, 'x'],
        ['p', 2, 'y'],
      ]);
      expect(hintOf(hint).versions.map(([, counter]) => counter)).toEqual([1, 2]);
    }
    expect(outcomes).toMatchObject([{ ...acknowledged(1, 0), level: 'ANY' }]);
    expect([writes.isIdle, ports.timers.size, ports.keptHints]).toEqual([true, 0, []]);
  });

  test('write coordinator: what has no room is refused, and kept nowhere (ANY)', () => {
    const { ports, writes, events, submitAlone } = setUp(elsewhere);
    for (const node of ['b', 'c', 'd']) ports.down.add(node);
    for (const code of ['OVERLOADED', 'DISK_FULL'] as const) {
      const outcomes = submitAlone([groupOf('p', 'x')], { level: 'ANY' });
      events.failStore('a', code);
      expect(outcomes).toMatchObject([refused(code)]);
    }
    expect([ports.keptHints, writes.isIdle]).toEqual([[], true]);
  });

  test('write coordinator: a primary that has come back is asked too, and whoever is first acknowledges (ANY)', () => {
    const { ports, events, submitAlone } = setUp(elsewhere);
    for (const node of ['c', 'd']) ports.down.add(node);
    const first = submitAlone([groupOf('p', 'x')], { level: 'ANY' });
    expect(ports.stores.map(({ node }) => node)).toEqual(['b', 'a']);
    events.store('b');
    expect(first).toMatchObject([acknowledged(1, 1)]);
    events.store('a');
    const second = submitAlone([groupOf('p', 'y')], { level: 'ANY' });
    events.store('a');
    expect(second).toMatchObject([acknowledged(2, 0)]);
    // It does not answer: it gets a hint as well, with the record.
    events.failStore('b');
    expect(ports.keptHints.map((hint) => [hint.target, carriedBy(hint)])).toEqual([['b', [['p', 2, 'y']]]]);
  });

  test('write coordinator: what is kept for a replica that refused it may still surface: unknown (ANY)', () => {
    const { ports, writes, events, submitAlone } = setUp(elsewhere);
    const outcomes = submitAlone([groupOf('p', 'x')], { level: 'ANY' });
    for (const node of ['b', 'c', 'd']) events.failStore(node, 'DISK_FULL');
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    expect(ports.keptHints.map(({ target }) => target)).toEqual(['b', 'c', 'd']);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: a primary that takes it acknowledges by itself, and its hints carry nothing (ANY)', () => {
    const { ports, events, submitAlone } = setUp({ q: ['a'] });
    for (const node of ['b', 'c']) ports.down.add(node);
    const outcomes = submitAlone([groupOf('p', 'x'), groupOf('q', 'y')], { level: 'ANY' });
    expect(ports.questions).toEqual([]);
    const { hints } = events.store('a');
    expect(hints.map(({ target, payload }) => [target, payload])).toEqual([
      ['b', undefined],
      ['c', undefined],
    ]);
    expect(outcomes).toMatchObject([acknowledged(1, 1), acknowledged(1, 1)]);
  });

  test('write coordinator: in one commit what is held and what is carried are hints of their own (ANY)', () => {
    const { ports, events, submit } = setUp(elsewhere);
    for (const node of ['b', 'c', 'd']) ports.down.add(node);
    const outcomes = [
      submit([groupOf('p', 'x')], { level: 'ANY' }),
      submit([groupOf('o', 'y')], { level: 'ONE' }),
      submit([groupOf('p', 'z')], { level: 'ONE' }),
    ];
    events.turn();
    const { groups, hints } = events.store('a');
    expect(recordsOf(groups)).toEqual([['o', 1, 'y']]);
    expect(hints.map((hint) => [hint.target, hint.payload === undefined ? 'held' : carriedBy(hint)])).toEqual(
      [
        ['b', 'held'],
        ['b', [['p', 1, 'x']]],
        ['c', 'held'],
        ['c', [['p', 1, 'x']]],
        ['d', [['p', 1, 'x']]],
      ],
    );
    expect(outcomes).toMatchObject([[acknowledged(1, 0)], [acknowledged(1, 1)], [refused('UNAVAILABLE')]]);
  });
});

describe('write coordinator: group commit and counter round', () => {
  test('write coordinator: acknowledged at W, versions above what a majority has seen (n=3, w=2, SPEC I3)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    ports.storedHeads.set('p', 3);
    const outcomes = submitAlone([groupOf('p', 'x', 'y')]);
    // As many peers as a majority lacks, and no more.
    expect(ports.questions.map(({ question }) => question.node)).toEqual(['b']);
    expect(ports.stores).toEqual([]);
    events.tell('b', 9);
    expect(ports.stores.map(({ node }) => node)).toEqual(['b', 'c', 'a']);
    expect(recordsOf(ports.stores[0]?.groups ?? [])).toEqual([
      ['p', 10, 'x'],
      ['p', 11, 'y'],
    ]);
    events.store('c');
    expect(outcomes).toEqual([]);
    events.store('a');
    expect(outcomes).toMatchObject([acknowledged(10, 2)]);
    expect(writes.isIdle).toBe(false);
    events.store('b');
    expect(writes.isIdle).toBe(true);
    expect(ports.timers.size).toBe(0);
    expect(ports.keptHints).toEqual([]);
  });

  test('write coordinator: a write joins only a round that begins after it arrived (SPEC I3)', () => {
    const { ports, events, submitAlone } = setUp();
    const early = submitAlone([groupOf('p', 'early')]);
    const late = submitAlone([groupOf('p', 'late')]);
    expect(ports.questions.map(({ commit }) => commit)).toEqual([1, 2]);
    // The first round was answered before another coordinator gave out counter 20.
    events.tell('b', 5);
    events.tell('b', 20);
    for (const node of ['a', 'a', 'b', 'b']) events.store(node);
    expect([early, late]).toMatchObject([[acknowledged(6, 2)], [acknowledged(21, 2)]]);
  });

  test('write coordinator: a store without a vote is asked last, and its answer is none (n=3, SPEC I3)', () => {
    const { ports, events, submitAlone } = setUp();
    ports.newStores.add('b');
    const outcomes = submitAlone([groupOf('p', 'x')]);
    expect(ports.questions.map(({ question }) => question.node)).toEqual(['c']);
    events.failHeads('c');
    events.tell('b', NO_VOTE);
    expect(outcomes).toMatchObject([
      { ok: false, error: { code: 'UNAVAILABLE', details: { needed: 2, missing: [], withoutVote: ['b'] } } },
    ]);
    expect(ports.stores).toEqual([]);
  });

  test('write coordinator: a new store coordinates with the votes of the others, and what it stores counts (n=3, w=2)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    ports.newStores.add('a');
    expect(writes.tellHeads(['p'])).toEqual([NO_VOTE]);
    const outcomes = submitAlone([groupOf('p', 'x')]);
    expect(ports.questions.map(({ question }) => question.node)).toEqual(['b', 'c']);
    events.tell('b', 4);
    expect(ports.stores).toEqual([]);
    events.tell('c', 9);
    for (const node of ['a', 'b']) events.store(node);
    expect(outcomes).toMatchObject([acknowledged(10, 2)]);
    ports.newStores.delete('a');
    expect(writes.tellHeads(['p'])).toEqual([10]);
  });

  test('write coordinator: partitions on which a store may have no vote wait for nobody else (one group commit)', () => {
    const { ports, writes, events, submit } = setUp();
    ports.newStores.add('c');
    ports.down.add('b');
    const outcomes = [submit([groupOf('p', 'x')]), submit([groupOf('q', 'y')])];
    events.turn();
    const [asked] = ports.questions.splice(0);
    if (asked === undefined) throw new Error('c was to be asked');
    expect(asked.question).toEqual({ node: 'c', partitions: ['p', 'q'] });
    // It has caught up with one of the two.
    writes.headsTold(asked.commit, asked.question, [NO_VOTE, 3]);
    for (const node of ['a', 'c']) events.store(node);
    expect(outcomes).toMatchObject([[refused('UNAVAILABLE')], [acknowledged(4, 2)]]);
  });

  test('write coordinator: what a store has acknowledged is lost with it, and its answers under way count no more (n=3, w=2)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const outcomes = submitAlone([groupOf('p', 'x')]);
    events.tell('b');
    events.store('b');
    writes.storeReplaced('b');
    expect(ports.keptHints.map(({ target }) => target)).toEqual(['b']);
    events.store('a');
    expect(outcomes).toEqual([]);
    events.store('c');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
    const second = submitAlone([groupOf('p', 'y')]);
    events.tell('b');
    writes.storeReplaced('b');
    expect(ports.keptHints.map(({ target }) => target)).toEqual(['b', 'b']);
    for (const node of ['b', 'a']) events.store(node);
    expect(second).toEqual([]);
    events.failStore('c');
    expect(second).toMatchObject([refused('WRITE_TIMEOUT')]);
    expect([writes.isIdle, ports.timers.size]).toEqual([true, 0]);
  });

  test('write coordinator: an acknowledged write stays so when a store is replaced, and a counter round goes on (n=3, w=2)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const first = submitAlone([groupOf('p', 'x')]);
    events.tell('b');
    for (const node of ['a', 'b']) events.store(node);
    const second = submitAlone([groupOf('p', 'y')]);
    writes.storeReplaced('b');
    expect(ports.keptHints).toEqual([]);
    events.tell('b', 7);
    for (const node of ['a', 'c', 'c']) events.store(node);
    expect([first, second]).toMatchObject([[acknowledged(1, 2)], [acknowledged(8, 2)]]);
  });

  test('write coordinator: versions go by the order of groups where rounds end in another one (SPEC I10)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const [first, second] = [submitAlone([groupOf('p', '1')]), submitAlone([groupOf('p', '2')])];
    const [early, late] = ports.questions;
    if (early === undefined || late === undefined) throw new Error('two rounds were to be under way');
    writes.headsTold(late.commit, late.question, [7]);
    expect(ports.stores).toEqual([]);
    writes.headsTold(early.commit, early.question, [3]);
    expect(ports.stores.filter(({ node }) => node === 'a').map(({ groups }) => recordsOf(groups))).toEqual([
      [['p', 8, '1']],
      [['p', 9, '2']],
    ]);
    for (const node of ['b', 'b', 'a', 'a']) events.store(node);
    expect([first, second]).toMatchObject([[acknowledged(8, 2)], [acknowledged(9, 2)]]);
  });

  test('write coordinator: bytes that are submitted twice get one version, and the second write is refused (SPEC I6)', () => {
    const { ports, writes, events, submit } = setUp();
    const group = groupOf('p', 'x');
    const [first, second] = [submit([group]), submit([group])];
    events.turn();
    events.tell('b');
    expect(ports.stores.map(({ groups }) => recordsOf(groups))).toEqual(
      ['b', 'c', 'a'].map(() => [['p', 1, 'x']]),
    );
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect([first, second]).toMatchObject([[acknowledged(1, 2)], [refused('MALFORMED')]]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: causal order and W below a majority ask nobody', () => {
    const { ports, submitAlone } = setUp();
    submitAlone([groupOf('p', 'x')], { order: 'causal' });
    submitAlone([groupOf('p', 'y')], { level: 'ONE' });
    expect(ports.questions).toEqual([]);
    expect(ports.stores.map(({ commit }) => commit)).toEqual([1, 1, 1, 2, 2, 2]);
  });

  test('write coordinator: a hopeless round is UNAVAILABLE with nothing written, and others go on', () => {
    const { ports, writes, events, submit } = setUp({ far: ['a', 'd', 'e'] });
    const near = submit([groupOf('p', 'near')]);
    const far = submit([groupOf('far', 'far')]);
    events.turn();
    events.failHeads('d');
    events.failHeads('e');
    expect(far).toMatchObject([refused('UNAVAILABLE')]);
    expect(near).toEqual([]);
    events.tell('b');
    expect(ports.stores.map(({ node, groups }) => [node, recordsOf(groups)])).toEqual(
      ['b', 'c', 'a'].map((node) => [node, [['p', 1, 'near']]]),
    );
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect(near).toMatchObject([acknowledged(1, 2)]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: rounds that are all hopeless end, and the next commit begins', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const all = Array.from({ length: 5 }, (_, i) => submitAlone([groupOf('p', `${i}`)]));
    // Those that waited behind the first two are one commit.
    for (let i = 0; i < 3; i++) for (const node of ['b', 'c']) events.failHeads(node);
    expect(all.flat()).toMatchObject(all.map(() => refused('UNAVAILABLE')));
    expect(writes.isIdle).toBe(true);
    expect(ports.timers.size).toBe(0);
    expect(ports.stores).toEqual([]);
  });

  test('write coordinator: a slow round asks everybody, and any majority ends it', () => {
    const { ports, events, submitAlone } = setUp();
    const outcomes = submitAlone([groupOf('p', 'x')]);
    events.fire('slow');
    expect(ports.questions.map(({ question }) => question.node)).toEqual(['b', 'c']);
    events.tell('c', 4);
    // Too late for this round: it is counted nowhere.
    events.tell('b', 100);
    for (const node of ['a', 'b']) events.store(node);
    expect(outcomes).toMatchObject([acknowledged(5, 2)]);
  });

  test('write coordinator: commits that wait for a slow replica hold up the next for a moment only', () => {
    const { ports, events, submitAlone } = setUp();
    const slow = ['1', '2'].map((text) => submitAlone([groupOf('p', text)], { level: 'ALL' }));
    const others = submitAlone([groupOf('q', 'x')]);
    for (const _ of slow) {
      events.tell('b');
      for (const node of ['a', 'b']) events.store(node);
    }
    expect(recordsOf(ports.stores.flatMap(({ groups }) => groups)).map(([name]) => name)).not.toContain('q');
    events.fire('slow');
    events.tell('b');
    for (const node of ['a', 'b']) events.store(node);
    expect(others).toMatchObject([acknowledged(1, 2)]);
    expect(slow).toEqual([[], []]);
    events.store('c');
    events.store('c');
    expect(slow).toMatchObject([[acknowledged(1, 3)], [acknowledged(2, 3)]]);
  });

  test.each([
    ['too far ahead', [LIMITS.counterJumpMax + 1]],
    ['too few of them', []],
    ['no number', [Number.NaN]],
  ])('write coordinator: counters that cannot be true are no answer (%s)', (_, heads) => {
    const { ports, writes, events, submitAlone } = setUp();
    submitAlone([groupOf('p', 'x')]);
    const held = ports.questions.shift();
    if (held === undefined) throw new Error('nobody was asked');
    writes.headsTold(held.commit, held.question, heads);
    expect(ports.stores).toEqual([]);
    events.tell('c', 2);
    expect(recordsOf(ports.stores[0]?.groups ?? [])).toEqual([['p', 3, 'x']]);
  });
});

describe('write coordinator: outcomes', () => {
  test('write coordinator: refused at once with UNAVAILABLE or TOO_FEW_NODES, nothing queued', () => {
    const { ports, writes, submitAlone } = setUp();
    ports.down.add('b').add('c');
    expect(submitAlone([groupOf('p', 'x')])).toMatchObject([
      { ok: false, error: { code: 'UNAVAILABLE', details: { needed: 2, missing: ['b', 'c'] } } },
    ]);
    expect(submitAlone([groupOf('p', 'x')], { level: { r: 1, w: 4 } })).toMatchObject([
      refused('TOO_FEW_NODES'),
    ]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: peers that die before their counters are told make it UNAVAILABLE', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const outcomes = submitAlone([groupOf('p', 'x')]);
    ports.down.add('b').add('c');
    events.failHeads('b');
    expect(outcomes).toMatchObject([refused('UNAVAILABLE')]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: too few that are alive once versions would be given is UNAVAILABLE, nothing written', () => {
    const { ports, writes, events, submitAlone } = setUp({ other: ['a', 'b', 'd'] });
    const outcomes = submitAlone([groupOf('p', 'x'), groupOf('other', 'y')], { level: 'ALL' });
    ports.down.add('c');
    events.tell('b');
    for (const node of ['a', 'b', 'd']) events.store(node);
    expect(outcomes).toMatchObject([refused('UNAVAILABLE'), acknowledged(1, 3)]);
    expect(ports.stores).toEqual([]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: time is up is unknown with the acknowledgements, late answers change nothing', () => {
    const { ports, writes, events, submitAlone } = setUp();
    const outcomes = submitAlone([groupOf('p', 'x')]);
    events.tell('b');
    events.store('a');
    events.fire('time-up');
    expect(outcomes).toMatchObject([
      { ok: false, error: { code: 'WRITE_TIMEOUT', details: { acks: 1, needed: 2 } } },
    ]);
    expect(ports.timers.size).toBe(0);
    expect(writes.isIdle).toBe(false);
    events.store('b');
    events.failStore('c');
    expect(outcomes).toHaveLength(1);
    expect(ports.keptHints.map(({ target }) => target)).toEqual(['c']);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: slow peers do not hold up the next commits, a slow disk here does', () => {
    const { ports, events, submitAlone } = setUp();
    for (let i = 0; i < LIMITS.groupCommitsMax; i++) submitAlone([groupOf('p', `${i}`)], { order: 'causal' });
    submitAlone([groupOf('p', 'next')], { order: 'causal' });
    expect(ports.stores).toHaveLength(3 * LIMITS.groupCommitsMax);
    events.store('b');
    events.store('c');
    expect(ports.stores.some(({ commit }) => commit > LIMITS.groupCommitsMax)).toBe(false);
    events.store('a');
    expect(ports.stores.some(({ commit }) => commit > LIMITS.groupCommitsMax)).toBe(true);
  });

  test('write coordinator: nothing was written where every replica says so, and unknown where one may have', () => {
    const { events, submitAlone } = setUp();
    const none = submitAlone([groupOf('p', 'x')], { order: 'causal' });
    for (const node of ['b', 'c', 'a']) events.failStore(node, 'DISK_FULL');
    expect(none).toMatchObject([refused('DISK_FULL')]);
    const perhaps = submitAlone([groupOf('p', 'y')], { order: 'causal' });
    for (const node of ['b', 'c']) events.failStore(node, 'DISK_FULL');
    expect(perhaps).toEqual([]);
    events.failStore('a', 'INTERNAL');
    expect(perhaps).toMatchObject([refused('WRITE_TIMEOUT')]);
  });

  test.each(['CLOSED', 'CONNECTION_LOST', 'INTERNAL', 'MALFORMED', 'TOO_LARGE', 'WRITE_TIMEOUT'] as const)(
    'write coordinator: a peer that answers %s may have stored it',
    (code) => {
      const { events, submitAlone } = setUp();
      const outcomes = submitAlone([groupOf('p', 'x')], { order: 'causal' });
      for (const node of ['b', 'c', 'a']) events.failStore(node, code);
      expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
    },
  );
});

describe('write coordinator: hints', () => {
  const versions = (partition: string, ...counters: number[]) =>
    counters.map((counter): [string, number, string] => [partition, counter, INCARNATION]);

  test('write coordinator: a replica that is down has its hint stored with the records, uncounted (SPEC I1)', () => {
    const { ports, writes, events, submitAlone } = setUp();
    ports.down.add('c');
    const outcomes = submitAlone([groupOf('p', 'x', 'y')]);
    events.tell('b');
    expect(ports.stores.map(({ node }) => node)).toEqual(['b', 'a']);
    const { hints } = events.store('a');
    expect(outcomes).toEqual([]);
    expect(hints.map(hintOf)).toEqual([{ target: 'c', versions: versions('p', 1, 2) }]);
    events.store('b');
    expect(outcomes).toMatchObject([acknowledged(1, 2)]);
    expect(ports.keptHints).toEqual([]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: one hint for each that fails, of what it was sent and no more', () => {
    const { ports, events, submit } = setUp({ other: ['a', 'c', 'd'] });
    submit([groupOf('p', 'x'), groupOf('other', 'y', 'z')], { order: 'causal' });
    events.turn();
    for (const node of ['a', 'd']) events.store(node);
    for (const node of ['c', 'b']) events.failStore(node);
    expect(ports.keptHints.map(hintOf)).toEqual([
      { target: 'c', versions: [...versions('p', 1), ...versions('other', 1, 2)] },
      { target: 'b', versions: versions('p', 1) },
    ]);
  });

  test('write coordinator: hints that were to be stored with the records are kept where that failed', () => {
    const { ports, events, submitAlone } = setUp();
    ports.down.add('c');
    submitAlone([groupOf('p', 'x')], { level: 'ONE' });
    events.store('b');
    events.failStore('a', 'DISK_FULL');
    expect(ports.keptHints.map(hintOf)).toEqual([{ target: 'c', versions: versions('p', 1) }]);
  });

  test('write coordinator: a coordinator that is no replica keeps the hints for those that are down', () => {
    const { ports, writes, events, submitAlone } = setUp({ far: ['b', 'c', 'd'] });
    ports.down.add('d');
    const outcomes = submitAlone([groupOf('far', 'x')]);
    for (const node of ['b', 'c']) events.tell(node, 4);
    const { groups, hints } = events.store('a');
    expect(groups).toEqual([]);
    expect(hints.map(hintOf)).toEqual([{ target: 'd', versions: versions('far', 5) }]);
    for (const node of ['b', 'c']) events.store(node);
    expect(outcomes).toMatchObject([acknowledged(5, 2)]);
    expect(writes.isIdle).toBe(true);
  });

  test('write coordinator: what a replica has trimmed is unacknowledged there, without a hint, and the rest counts', () => {
    const { ports, writes, events, submit } = setUp();
    const [kept, trimmed] = [submit([groupOf('p', 'x')]), submit([groupOf('q', 'y')])];
    events.turn();
    events.tell('b');
    events.store('a');
    events.store('b', { trimmed: [{ partition: 'q', trimmedTo: 50 }] });
    expect(kept).toMatchObject([acknowledged(1, 2)]);
    expect(trimmed).toEqual([]);
    expect(ports.trims).toEqual([{ partition: 'q', trimmedTo: 50 }]);
    events.store('c', { trimmed: [{ partition: 'q', trimmedTo: 50 }] });
    // One replica has it, until the trim reaches it.
    expect(trimmed).toMatchObject([refused('WRITE_TIMEOUT')]);
    expect(ports.keptHints).toEqual([]);
    expect(writes.isIdle).toBe(true);
  });

  test.each([
    ['TRIMMED', { trimmed: [{ partition: 'q', trimmedTo: 50 }] }],
    ['FENCED', { fenced: [{ partition: 'q', fencedTo: 50 }] }],
  ] as const)(
    'write coordinator: what came too late for every replica is refused, without a hint, and the next lies above (%s)',
    (code, told) => {
      const { ports, writes, events, submit } = setUp();
      const [kept, late] = [submit([groupOf('p', 'x')]), submit([groupOf('q', 'y')])];
      events.turn();
      events.tell('b');
      for (const node of ['a', 'b', 'c']) events.store(node, told);
      expect(kept).toMatchObject([acknowledged(1, 2)]);
      expect(late).toMatchObject([refused(code)]);
      expect(ports.keptHints).toEqual([]);
      // Before the watermark is taken over here.
      expect(ports.storedHeads.get('q')).toBeUndefined();
      const next = submit([groupOf('q', 'z')]);
      events.turn();
      events.tell('b');
      for (const node of ['a', 'b', 'c']) events.store(node);
      expect(next).toMatchObject([acknowledged(51, 2)]);
      expect(writes.isIdle).toBe(true);
    },
  );

  test.each(['CONNECTION_LOST', 'DISK_FULL'] as const)(
    'write coordinator: of replicas that have trimmed a write and one that fails the outcome is as certain as its answer (%s)',
    (code) => {
      const { events, submit } = setUp();
      const outcomes = submit([groupOf('q', 'x')]);
      events.turn();
      events.tell('b');
      events.failStore('c', code);
      for (const node of ['a', 'b']) events.store(node, { trimmed: [{ partition: 'q', trimmedTo: 50 }] });
      expect(outcomes).toMatchObject([refused(code === 'DISK_FULL' ? 'TRIMMED' : 'WRITE_TIMEOUT')]);
    },
  );

  test('write coordinator: of three writes of one partition each has its own outcome where a trim ends amid the second', () => {
    const { ports, events, submit } = setUp();
    const outcomes = ['a', 'b', 'c'].map((value) =>
      submit([groupOf('q', value, value)], { order: 'causal' }),
    );
    events.turn();
    for (const node of ['a', 'b', 'c']) events.store(node, { trimmed: [{ partition: 'q', trimmedTo: 3 }] });
    expect(outcomes).toMatchObject([[refused('TRIMMED')], [refused('WRITE_TIMEOUT')], [acknowledged(5, 2)]]);
    expect(ports.keptHints).toEqual([]);
  });

  test('write coordinator: of a group that lies on both sides of a fence the outcome is unknown', () => {
    const { events, submit } = setUp();
    const outcomes = submit([groupOf('q', 'x', 'y')]);
    events.turn();
    events.tell('b');
    for (const node of ['a', 'b', 'c']) events.store(node, { fenced: [{ partition: 'q', fencedTo: 1 }] });
    expect(outcomes).toMatchObject([refused('WRITE_TIMEOUT')]);
  });
});

describe('write coordinator: bounds', () => {
  test('write coordinator: OVERLOADED at the bytes that may wait, and taken again when there is room (SPEC I8)', () => {
    const { writes, events, submit } = setUp();
    const group = () => groupOf('p', 'x'.repeat(LIMITS.valueBytesMax / 2));
    const { length } = group().bytes;
    const fitting = Math.floor(LIMITS.writeQueueBytesMax / length);
    for (let i = 0; i < fitting; i++) submit([group()], { order: 'causal' });
    expect(writes.queuedBytes).toBe(fitting * length);
    expect(submit([group()])).toMatchObject([refused('OVERLOADED')]);
    events.turn();
    expect(submit([group()])).toEqual([]);
  });

  test('write coordinator: OVERLOADED while the oldest has waited too long, and all that was let in is written (SPEC I8)', () => {
    const { ports, writes, events, submit } = setUp();
    const large = () => groupOf('p', 'x'.repeat(LIMITS.batchBytesTarget));
    // One commit each; two may be under way.
    const admitted = Array.from({ length: 4 }, () => submit([large()], { order: 'causal' }));
    events.turn();
    ports.elapsed = LIMITS.queueWaitMsMax;
    writes.pump();
    expect(writes.isOverloaded).toBe(false);
    ports.elapsed += 1;
    writes.pump();
    expect(writes.isOverloaded).toBe(true);
    const error = { code: 'OVERLOADED', details: { retryAfterMs: LIMITS.queueWaitMsMax + 1 } };
    expect(submit([groupOf('p', 'y')])).toMatchObject([{ ok: false, error }]);
    for (let commit = 0; commit < 4; commit++) for (const node of ['a', 'b', 'c']) events.store(node);
    expect(admitted).toMatchObject(admitted.map(() => [{ ok: true }]));
    expect([writes.isOverloaded, writes.isIdle]).toEqual([false, true]);
    expect(submit([groupOf('p', 'y')])).toEqual([]);
  });

  test('write coordinator: OVERLOADED at the groups that may wait, however small (SPEC I8)', () => {
    const { submit } = setUp();
    const group = groupOf('p', '');
    const outcomes = submit(new Array(LIMITS.writeQueueGroupsMax + 1).fill(group));
    expect(outcomes).toEqual([]);
    expect(submit([group])).toMatchObject([refused('OVERLOADED')]);
  });

  test('write coordinator: a commit holds what fits one batch, and one larger group alone', () => {
    const { ports, events, submit } = setUp();
    const large = groupOf('p', 'x'.repeat(LIMITS.batchBytesTarget));
    submit([large, groupOf('p', 'y'), groupOf('p', 'z')], { order: 'causal' });
    events.turn();
    const here = ports.stores.filter(({ node }) => node === 'a');
    expect(here.map(({ groups }) => groups.length)).toEqual([1, 2]);
  });

  test('write coordinator: close refuses what waits and what comes, what is under way ends', () => {
    const { writes, events, submitAlone } = setUp();
    const underWay = [submitAlone([groupOf('p', '1')]), submitAlone([groupOf('p', '2')])];
    const waiting = submitAlone([groupOf('p', '3')]);
    writes.close();
    expect(waiting).toMatchObject([refused('CLOSED')]);
    expect(writes.queuedBytes).toBe(0);
    expect(submitAlone([groupOf('p', '4')])).toMatchObject([refused('CLOSED')]);
    events.tell('b');
    for (const node of ['a', 'b', 'c']) events.store(node);
    expect(writes.isIdle).toBe(false);
    for (const node of ['b', 'c']) events.failHeads(node);
    expect(underWay).toMatchObject([[acknowledged(1, 2)], [refused('UNAVAILABLE')]]);
    expect(writes.isIdle).toBe(true);
  });
});

const PRIMARIES = { p: ['a', 'b', 'c'], q: ['b', 'a', 'd'], far: ['b', 'c', 'd'] };
const LEVELS = ['ONE', 'QUORUM', 'ALL'] as const;

/** Performs events by number, and counts what becomes of each record at each of its replicas. */
class RandomRun {
  readonly ports = new HeldWritePorts(PRIMARIES);
  readonly writes = new WriteCoordinator(this.ports);
  /** How often each write was answered. */
  readonly answers: number[] = [];
  /** By replica and record: acknowledgements and hints. */
  readonly fates = new Map<string, number>();
  readonly #events = new WriteEvents(this.ports, this.writes);

  perform(what: string, pick: number): void {
    const { ports, writes } = this;
    const question = ports.questions[pick % ports.questions.length]?.question.node;
    const node = ports.stores[pick % ports.stores.length]?.node;
    const timers = [...ports.timers.values()].flatMap((set) => [...set]);
    if (what === 'write') this.#write(pick);
    else if (what === 'turn') this.#events.turn();
    else if (what === 'tell' && question !== undefined) this.#events.tell(question, pick);
    else if (what === 'failHeads' && question !== undefined) this.#events.failHeads(question);
    else if (what === 'store' && node !== undefined) this.#stored(node, {});
    else if (what === 'trim' && node !== undefined)
      this.#stored(node, { trimmed: [{ partition: 'p', trimmedTo: 5 }] });
    else if (what === 'fence' && node !== undefined)
      this.#stored(node, { fenced: [{ partition: 'p', fencedTo: 5 }] });
    else if (what === 'failStore' && node !== undefined)
      this.#notStored(node, pick % 2 === 0 ? 'DISK_FULL' : 'INTERNAL');
    else if (what === 'slow' && timers.includes('slow')) this.#events.fire('slow');
    else if (what === 'timeUp' && timers.includes('time-up')) this.#events.fire('time-up');
    else if (what === 'flip') {
      const other = ['b', 'c', 'd'][pick % 3] ?? 'b';
      if (!ports.down.delete(other)) ports.down.add(other);
    } else if (what === 'close' && pick === 0) writes.close();
  }

  #write(pick: number): void {
    const index = this.answers.push(0) - 1;
    const partition = Object.keys(PRIMARIES)[pick % 3] ?? 'p';
    const level = LEVELS[pick % LEVELS.length] ?? 'QUORUM';
    this.writes.submit({ groups: [groupOf(partition, 'x', 'y')], levelOf: () => level }, (outcomes) => {
      expect(outcomes).toHaveLength(1);
      this.answers[index] = (this.answers[index] ?? 0) + 1;
    });
  }

  #stored(node: string, refused: Parameters<WriteEvents['store']>[1]): void {
    const { groups, hints } = this.#events.store(node, refused);
    for (const [partition, counter] of recordsOf(groups)) this.#count(node, partition, counter);
    for (const hint of hints) this.#countHint(hint);
  }

  #notStored(node: string, code: 'DISK_FULL' | 'INTERNAL'): void {
    const { groups } = this.#events.failStore(node, code);
    // Nobody hints at itself: what this node lacks is for anti-entropy to find.
    if (node === this.ports.self)
      for (const [partition, counter] of recordsOf(groups)) this.#count(node, partition, counter);
  }

  /** Hints that were kept by themselves are counted at the end. */
  end(): void {
    for (const hint of this.ports.keptHints) this.#countHint(hint);
  }

  #countHint(hint: HintBatch): void {
    const { target, versions } = hintOf(hint);
    for (const [partition, counter] of versions) this.#count(target, partition, counter);
  }

  #count(node: string, partition: string, counter: number): void {
    const name = `${partition} ${counter} ${node}`;
    this.fates.set(name, (this.fates.get(name) ?? 0) + 1);
  }
}

describe('write coordinator: any order of events', () => {
  const names = [
    'write',
    'turn',
    'tell',
    'failHeads',
    'store',
    'trim',
    'fence',
    'failStore',
    'slow',
    'timeUp',
    'flip',
  ];
  const step = fc.tuple(fc.constantFrom(...names, 'close'), fc.nat(20));

  test('write coordinator: each write ends once, each replica acknowledges or has one hint (random events, SPEC I1, I8)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const run = new RandomRun();
        for (const [what, pick] of steps) run.perform(what, pick);
        // What is asked is answered in any case.
        for (let left = 10_000; left > 0 && !run.writes.isIdle; left--) {
          run.perform('turn', 0);
          run.perform(left % 2 === 0 ? 'tell' : 'failHeads', left);
          run.perform(left % 3 === 0 ? 'failStore' : 'store', left);
        }
        run.end();
        expect(run.writes.isIdle).toBe(true);
        expect(run.answers).toEqual(run.answers.map(() => 1));
        expect(run.ports.timers.size).toBe(0);
        const records = new Set([...run.fates.keys()].map((name) => name.slice(0, name.lastIndexOf(' '))));
        const replicasOf = (record: string) =>
          Object.entries(PRIMARIES).flatMap(([name, nodes]) => (record.startsWith(`${name} `) ? nodes : []));
        const wanted = [...records].flatMap((record) =>
          replicasOf(record).map((node) => `${record} ${node}`),
        );
        expect([...run.fates].sort()).toEqual(wanted.sort().map((name) => [name, 1]));
      }),
      { numRuns: 300 },
    );
  });
});
