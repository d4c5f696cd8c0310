// Who votes: a new cluster at once, a new store in an old one when it has caught up, and never on what it cannot know.
import { describe, expect, test } from 'vitest';
import { COMPARED_PAGE_MAX } from '../../src/votes/catch-up.js';
import type { Welcome } from '../../src/votes/vote-note.js';
import { HeldVotes } from './held-votes-ports.js';

const BEATS_FOR_ALL = 4;
const stranger = (node: string): Welcome => ({ storeId: `${node}1`, votes: true, knows: 'another' });
const newOne = (node: string): Welcome => ({ storeId: `${node}1`, votes: false, knows: 'nothing' });
const NOTE = { storeId: 'a1', known: { b: 'b1', c: 'c1' } };

function beats(node: HeldVotes, count = BEATS_FOR_ALL): void {
  for (let i = 0; i < count; i++) node.votes.beat();
}

/** A new store in a cluster that has been there before; both peers are told of it. */
function newcomer(options: ConstructorParameters<typeof HeldVotes>[0] = {}): HeldVotes {
  const node = new HeldVotes(options);
  for (const other of node.ports.others) node.votes.welcomed(other, stranger(other));
  // Those that were told before the last one are compared anew.
  const { tick } = node.votes;
  node.ports.comparisons.splice(
    0,
    node.ports.comparisons.findIndex((work) => work.tick === tick),
  );
  return node;
}

describe('store votes: a new cluster', () => {
  test('store votes: a node alone votes at its first beat, and notes it (n=1)', () => {
    const node = new HeldVotes({ nodes: ['a'] });
    expect(node.votes.votes('p')).toBe(true);
    node.votes.beat();
    node.flush();
    expect(node.votes.hasVote).toBe(true);
  });

  test('store votes: as soon as all are here, empty, and know of nothing (n=3)', () => {
    const node = new HeldVotes();
    node.votes.welcomed('b', newOne('b'));
    expect([node.ports.notes, node.votes.votes('p')]).toEqual([[], false]);
    node.votes.welcomed('c', newOne('c'));
    expect(node.ports.notes).toEqual([NOTE]);
    // Not before it is flushed: a store that votes remembers so.
    expect(node.votes.hasVote).toBe(false);
    node.flush();
    expect(node.votes.votes('p')).toBe(true);
  });

  test('store votes: a majority will do when the others do not come (n=3)', () => {
    const node = new HeldVotes();
    node.votes.welcomed('b', newOne('b'));
    beats(node, BEATS_FOR_ALL - 1);
    expect(node.ports.notes).toEqual([]);
    node.votes.beat();
    expect(node.ports.notes).toEqual([{ storeId: 'a1', known: { b: 'b1' } }]);
  });

  test('store votes: a minority never is a new cluster, nor those that are gone (n=3, 5)', () => {
    const alone = new HeldVotes();
    beats(alone, 20);
    const gone = new HeldVotes();
    gone.votes.welcomed('b', newOne('b'));
    gone.ports.down.add('b');
    beats(gone);
    const two = new HeldVotes({ nodes: ['a', 'b', 'c', 'd', 'e'] });
    two.votes.welcomed('b', newOne('b'));
    beats(two);
    for (const { ports, votes } of [alone, gone, two])
      expect([ports.notes, votes.hasVote, votes.votes('p')]).toEqual([[], false, false]);
  });

  test('store votes: of two that find each other both vote, whoever does so first (n=3, one missing)', () => {
    for (const order of ['ab', 'ba']) {
      const nodes = { a: new HeldVotes({ self: 'a' }), b: new HeldVotes({ self: 'b' }) };
      const [first, second] = order === 'ab' ? [nodes.a, nodes.b] : [nodes.b, nodes.a];
      first.greets(second);
      beats(first);
      first.flush();
      // The first has a vote by now, and remembers the store of the second.
      second.greets(first);
      beats(second);
      second.flush();
      expect([first.votes.hasVote, second.votes.hasVote]).toEqual([true, true]);
      first.greets(second);
      expect([first.votes.isVoter(second.node), second.votes.isVoter(first.node)]).toEqual([true, true]);
    }
  });

  test('store votes: one that comes later catches up first, and others that hear of it wait as well (n=3)', () => {
    const founded = new HeldVotes({ self: 'a', note: { storeId: 'a1', known: { b: 'b1' } } });
    const late = new HeldVotes({ self: 'c' });
    late.greets(founded);
    beats(late, 20);
    expect([late.ports.notes, late.votes.hasVote]).toEqual([[], false]);
    // It says so to others, which may not be able to ask the founder.
    const other = new HeldVotes({ self: 'b', storeId: 'b2' });
    other.greets(late);
    beats(other, 20);
    expect([other.ports.notes, other.votes.hasVote]).toEqual([[], false]);
  });

  test('store votes: a store with records is no new cluster, and says so (n=3, restored)', () => {
    const restored = new HeldVotes({ self: 'a', wasEmpty: false });
    const empty = new HeldVotes({ self: 'b' });
    restored.greets(empty);
    empty.greets(restored);
    beats(restored, 20);
    beats(empty, 20);
    expect([restored.ports.notes, empty.ports.notes]).toEqual([[], []]);
  });

  test('store votes: a note that could not be flushed is tried again', () => {
    const node = new HeldVotes({ nodes: ['a'] });
    node.votes.beat();
    node.votes.beat();
    expect(node.ports.notes.length).toBe(1);
    node.votes.notKept();
    node.votes.beat();
    expect(node.ports.notes.length).toBe(2);
  });
});

describe('store votes: a new store in a cluster', () => {
  test('store votes: the note of another store is none (wiped and restored from a backup)', () => {
    const node = new HeldVotes({ note: { ...NOTE, storeId: 'a0' }, wasEmpty: false });
    expect([node.votes.hasVote, node.votes.votes('p')]).toEqual([false, false]);
    expect(new HeldVotes({ note: NOTE }).votes.votes('p')).toBe(true);
  });

  test('store votes: when every other primary is told, compared and nothing differs (n=3)', () => {
    const node = new HeldVotes();
    node.votes.welcomed('b', stranger('b'));
    node.compared('b', []);
    expect(node.votes.waitsFor('p')).toEqual(['c']);
    node.votes.welcomed('c', stranger('c'));
    // What was compared before all had been told is not enough.
    expect(node.votes.waitsFor('p')).toEqual(['b', 'c']);
    node.compared('b', []);
    expect(node.votes.votes('p')).toBe(false);
    node.compared('c', []);
    expect([node.votes.votes('p'), node.votes.hasVote]).toEqual([true, false]);
    expect(node.ports.notes).toEqual([NOTE]);
    node.flush();
    expect(node.votes.hasVote).toBe(true);
  });

  test('store votes: what differs takes a session with each, partition by partition', () => {
    const node = newcomer();
    node.compared('b', ['p', 'q']);
    node.compared('c', ['p'], { last: 'z' });
    expect([node.votes.votes('made-since'), node.votes.votes('p'), node.votes.votes('q')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(node.votes.openSessions(10)).toEqual([
      { partition: 'p', nodes: ['b', 'c'] },
      { partition: 'q', nodes: ['b'] },
    ]);
    expect(node.votes.openSessions(1)).toEqual([{ partition: 'p', nodes: ['b', 'c'] }]);
    node.brings('p', 'b');
    expect([node.votes.waitsFor('p'), node.votes.missing]).toEqual([['c'], ['b', 'c']]);
    node.brings('p', 'c');
    expect([node.votes.votes('p'), node.votes.votes('q'), node.votes.missing]).toEqual([true, false, ['b']]);
    expect(node.ports.notes).toEqual([]);
    node.brings('q', 'b');
    node.flush();
    expect([node.votes.hasVote, node.votes.openSessions(10)]).toEqual([true, []]);
  });

  test('store votes: a session that began before the last peer was told brings nothing', () => {
    const node = new HeldVotes();
    node.votes.welcomed('b', stranger('b'));
    node.compared('b', ['p']);
    const { tick } = node.votes;
    node.votes.welcomed('c', stranger('c'));
    node.compared('b', ['p']);
    node.compared('c', []);
    node.votes.brought('p', 'b', tick);
    expect(node.votes.votes('p')).toBe(false);
    node.brings('p', 'b');
    expect(node.votes.votes('p')).toBe(true);
  });

  test('store votes: a comparison that began before the last peer was told counts for nothing', () => {
    const node = new HeldVotes();
    node.votes.welcomed('b', stranger('b'));
    node.votes.welcomed('c', stranger('c'));
    node.compared('b', []);
    node.compared('c', []);
    expect(node.votes.waitsFor('p')).toEqual(['b']);
    node.compared('b', []);
    expect(node.votes.waitsFor('p')).toEqual([]);
  });

  test('store votes: a primary that is down is waited for, where it is one (n=4, replicas=3)', () => {
    const node = new HeldVotes({
      nodes: ['a', 'b', 'c', 'd'],
      primaries: { p: ['a', 'b', 'c'], q: ['d', 'a', 'b'] },
    });
    for (const other of ['b', 'c']) node.votes.welcomed(other, stranger(other));
    node.compared('b', []);
    for (const other of ['b', 'c']) node.compared(other, []);
    expect([node.votes.votes('p'), node.votes.waitsFor('q'), node.votes.missing]).toEqual([
      true,
      ['d'],
      ['d'],
    ]);
    // It votes on p all the same while it catches up with d.
    node.votes.welcomed('d', stranger('d'));
    expect([node.votes.votes('p'), node.votes.waitsFor('q')]).toEqual([true, ['d', 'b']]);
  });

  test('store votes: a comparison that fails is made again when the peer is heard of', () => {
    const node = newcomer();
    const [{ tick } = { tick: 0 }] = node.ports.comparisons.splice(0);
    node.votes.beat();
    expect(node.ports.comparisons).toEqual([]);
    node.votes.notCompared('b', tick);
    node.ports.down.add('b');
    node.votes.beat();
    expect(node.ports.comparisons).toEqual([]);
    node.ports.down.delete('b');
    node.votes.beat();
    expect(node.ports.comparisons).toEqual([{ node: 'b', tick, after: '' }]);
  });

  test('store votes: pages of partitions are compared one after another, as few as are open (bounds)', () => {
    const node = newcomer();
    const names = Array.from({ length: COMPARED_PAGE_MAX }, (_, i) => `p${String(i).padStart(5, '0')}`);
    node.compared('c', []);
    node.compared('b', names, { isLast: false });
    expect(node.votes.waitsFor('q')).toEqual(['b']);
    expect(node.ports.comparisons).toMatchObject([{ node: 'b', after: 'p09999' }]);
    node.compared('b', ['q1', 'q2'], { isLast: false });
    expect([node.votes.votes('q'), node.votes.votes('q1'), node.votes.votes('r')]).toEqual([
      true,
      false,
      false,
    ]);
    // More than enough are open: the next page waits.
    expect(node.ports.comparisons).toEqual([]);
    node.brings('q1', 'b');
    expect(node.ports.comparisons).toEqual([]);
    node.brings('q2', 'b');
    expect(node.ports.comparisons).toMatchObject([{ node: 'b', after: 'q2' }]);
    node.compared('b', []);
    expect(node.votes.votes('r')).toBe(true);
  });

  test('store votes: two new stores at a time catch up with each other and the third (n=3)', () => {
    const sound = new HeldVotes({ self: 'a', note: NOTE });
    const [b, c] = [new HeldVotes({ self: 'b', storeId: 'b2' }), new HeldVotes({ self: 'c', storeId: 'c2' })];
    for (const node of [b, c]) {
      node.greets(sound);
      node.greets(node === b ? c : b);
      for (const other of node.ports.others) node.compared(other, []);
      node.compared('a', []);
      node.flush();
      expect(node.votes.hasVote).toBe(true);
    }
  });
});

describe('store votes: what is known of others', () => {
  test('store votes: another store under a known name is told of, once, and is new until it votes', () => {
    const node = new HeldVotes({ note: NOTE });
    expect(node.votes.greeted('b', { storeId: 'b1', votes: true }).knows).toBe('you');
    expect([node.ports.replaced, node.votes.isVoter('b')]).toEqual([[], true]);
    for (let i = 0; i < 3; i++)
      expect(node.votes.greeted('b', { storeId: 'b2', votes: false }).knows).toBe('another');
    expect([node.ports.replaced, node.votes.isVoter('b')]).toEqual([['b'], false]);
    node.votes.beat();
    expect(node.ports.notes).toEqual([]);
    node.votes.greeted('b', { storeId: 'b2', votes: true });
    node.votes.beat();
    expect([node.ports.notes, node.votes.isVoter('b')]).toEqual([
      [{ storeId: 'a1', known: { b: 'b2', c: 'c1' } }],
      true,
    ]);
    node.flush();
    expect(node.votes.greeted('b', { storeId: 'b1', votes: false }).knows).toBe('another');
  });

  test('store votes: a store that was replaced while this node was down is told of as well', () => {
    const node = new HeldVotes({ note: NOTE });
    node.votes.welcomed('c', { storeId: 'c2', votes: false, knows: 'you' });
    expect(node.ports.replaced).toEqual(['c']);
  });

  test('store votes: nothing is kept of nodes of another cluster', () => {
    const node = new HeldVotes({ note: NOTE });
    for (const storeId of ['x1', 'x2']) node.votes.greeted('x', { storeId, votes: true });
    node.votes.beat();
    expect([node.ports.replaced, node.ports.notes, node.votes.isVoter('x')]).toEqual([[], [], false]);
  });
});
