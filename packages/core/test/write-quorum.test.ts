import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WriteQuorum } from '../src/quorum/write-quorum.js';

describe('write quorum', () => {
  test('write quorum: acknowledged at the level, and not before (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    expect(quorum.verdict).toBe('waiting');
    expect(quorum.answer('b', 'acknowledged')).toBe('waiting');
    expect(quorum.answer('a', 'acknowledged')).toBe('acknowledged');
    expect(quorum.acks).toBe(2);
  });

  test('write quorum: a late answer counts and changes no verdict (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    for (const replica of ['a', 'b']) quorum.answer(replica, 'acknowledged');
    expect(quorum.answer('c', 'acknowledged')).toBe('acknowledged');
    expect(quorum.acks).toBe(3);
    expect(quorum.timeUp()).toBe('acknowledged');
  });

  test('write quorum: an acknowledgement that is lost counts no more, once the verdict is reached it does (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    quorum.answer('b', 'acknowledged');
    expect([quorum.lose('a'), quorum.lose('b'), quorum.lose('b')]).toEqual([false, true, false]);
    expect(quorum.answer('a', 'acknowledged')).toBe('waiting');
    expect(quorum.answer('b', 'acknowledged')).toBe('waiting');
    expect(quorum.answer('c', 'acknowledged')).toBe('acknowledged');
    expect([quorum.lose('c'), quorum.verdict, quorum.acks]).toEqual([false, 'acknowledged', 2]);
  });

  test('write quorum: unknown when too many acknowledgements are lost (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    quorum.answer('a', 'failed');
    quorum.answer('b', 'acknowledged');
    quorum.lose('b');
    expect(quorum.verdict).toBe('unknown');
  });

  test('write quorum: unknown as soon as the level is out of reach (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    expect(quorum.answer('a', 'failed')).toBe('waiting');
    expect(quorum.answer('b', 'failed')).toBe('unknown');
    expect(quorum.answer('c', 'acknowledged')).toBe('unknown');
    expect(quorum.acks).toBe(1);
  });

  test('write quorum: one failure ends ALL (n=3, w=3)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 3);
    quorum.answer('a', 'acknowledged');
    expect(quorum.answer('b', 'failed')).toBe('unknown');
  });

  test('write quorum: refused once every replica has stored nothing (n=3, w=2)', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    quorum.answer('a', 'refused');
    expect(quorum.answer('b', 'refused')).toBe('waiting');
    expect(quorum.answer('c', 'refused')).toBe('refused');
  });

  test.each(['acknowledged', 'failed'] as const)(
    'write quorum: unknown where one replica may have stored it (n=3, w=2, third=%s)',
    (third) => {
      const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
      quorum.answer('a', 'refused');
      expect(quorum.answer('b', 'refused')).toBe('waiting');
      expect(quorum.answer('c', third)).toBe('unknown');
    },
  );

  test('write quorum: time is up, and acknowledgements after it come too late', () => {
    const quorum = new WriteQuorum(['a', 'b'], 2);
    quorum.answer('a', 'acknowledged');
    expect(quorum.timeUp()).toBe('unknown');
    expect(quorum.answer('b', 'acknowledged')).toBe('unknown');
  });

  test('write quorum: strangers and second answers are ignored', () => {
    const quorum = new WriteQuorum(['a', 'b', 'c'], 2);
    expect(quorum.answer('x', 'acknowledged')).toBe('waiting');
    quorum.answer('a', 'acknowledged');
    expect(quorum.answer('a', 'acknowledged')).toBe('waiting');
    expect(quorum.answer('a', 'failed')).toBe('waiting');
    expect(quorum.acks).toBe(1);
  });

  test('write quorum: sent to too few it is unknown at once', () => {
    expect(new WriteQuorum(['a'], 2).verdict).toBe('unknown');
    expect(new WriteQuorum([], 1).verdict).toBe('unknown');
  });

  test('write quorum: a model that looks at the whole history agrees (random events)', () => {
    const event = fc.oneof(
      {
        weight: 10,
        arbitrary: fc.tuple(
          fc.nat(6),
          fc.constantFrom('acknowledged' as const, 'failed' as const, 'refused' as const),
        ),
      },
      { weight: 1, arbitrary: fc.constant('time' as const) },
    );
    const n = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(n, n, fc.array(event, { maxLength: 15 }), (replicas, needed, events) => {
        const names = Array.from({ length: replicas }, (_, i) => `r${i}`);
        const quorum = new WriteQuorum(names, needed);
        const first = new Map<string, 'acknowledged' | 'failed' | 'refused'>();
        let decided = replicas < needed ? 'unknown' : 'waiting';
        expect(quorum.verdict).toBe(decided);
        for (const event of events) {
          if (event !== 'time') {
            const name = `r${event[0]}`;
            if (names.includes(name) && !first.has(name)) first.set(name, event[1]);
          }
          const acks = [...first.values()].filter((answer) => answer === 'acknowledged').length;
          const refused = [...first.values()].filter((answer) => answer === 'refused').length;
          const failed = first.size - acks;
          // While nobody may have stored it, the verdict waits for the last replica.
          const hopeless = replicas - failed < needed && (refused === 0 || refused < first.size);
          if (decided === 'waiting') {
            if (acks >= needed) decided = 'acknowledged';
            else if (refused === replicas) decided = 'refused';
            else if (hopeless || event === 'time') decided = 'unknown';
          }
          const verdict = event === 'time' ? quorum.timeUp() : quorum.answer(`r${event[0]}`, event[1]);
          expect([verdict, quorum.verdict, quorum.acks]).toEqual([decided, decided, acks]);
        }
      }),
    );
  });
});
