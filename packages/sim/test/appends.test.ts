// Appends against the final read: each exactly once where it was acknowledged, and in the order of its client.
import { describe, expect, test } from 'vitest';
import { checkExactlyOnce, checkSessionOrder } from '../src/checkers/appends.js';
import { finalOf, madeHistory, operationOf } from './made-operations.js';

describe('exactly-once append (SPEC I9)', () => {
  test('exactly-once append: acknowledged ones once, unknown ones at most once, failed ones never', () => {
    const history = madeHistory(
      'append a 0..1 @1',
      'append? b 2..3',
      'append? c 2..',
      'append! d 2..3',
      'put e 0..1 @9',
      finalOf('a@1', 'c@2'),
    );
    expect(checkExactlyOnce(history)).toMatchObject({
      invariant: 'I9',
      checked: 4,
      unchecked: 0,
      violationCount: 0,
    });
  });

  test.each([
    [
      'a lost one',
      ['append a 0..1 @1'],
      [],
      'an acknowledged append is lost: client 100: append "a" at 1-0000000000001, ok, from 0 to 1',
    ],
    [
      'one that is there twice',
      ['append a 0..1 @1'],
      ['a@1', 'a@2'],
      /^an append is there 2 times, at 1-0{12}1, 2-0{12}1: /,
    ],
    [
      'one that is there at another version',
      ['append a 0..1 @1'],
      ['a@2'],
      /^an acknowledged append is at 2-0{12}1: /,
    ],
    ['an unknown one that is there twice', ['append? a 0..1'], ['a@1', 'a@2'], /^an append is there 2 times/],
    [
      'one that is listed twice at one version',
      ['append? a 0..1'],
      ['a@1', 'a@1'],
      /^an append is there 2 times/,
    ],
    [
      'a failed one that is there',
      ['append! a 0..1'],
      ['a@1'],
      /^an append that failed is there, at 1-0{12}1: /,
    ],
    ['one of nobody', [], ['a@1'], '"a", at 1-0000000000001, was appended by nobody'],
    ['a put among the appended', ['put a 0..1 @1'], ['a@1'], /was appended by nobody$/],
  ])('exactly-once append: %s is a violation', (_, lines, records, message) => {
    const { violationCount, violations } = checkExactlyOnce(madeHistory(...lines, finalOf(...records)));
    expect(violationCount).toBe(1);
    expect(violations[0]?.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });

  test('exactly-once append: a partition without a final read cannot be judged', () => {
    const elsewhere = { ...operationOf('append b 0..1 @1'), partition: 'p2' };
    expect(checkExactlyOnce(madeHistory('append a 0..1 @1', elsewhere, finalOf('a@1')))).toMatchObject({
      checked: 1,
      unchecked: 1,
      violationCount: 0,
    });
  });

  test("exactly-once append: the record of one partition is nobody's in another", () => {
    const elsewhere = { ...operationOf('append a 0..1 @1'), partition: 'p2' };
    expect(checkExactlyOnce(madeHistory(elsewhere, finalOf('a@1'))).violationCount).toBe(1);
  });
});

describe('session order (SPEC I10)', () => {
  test('session order: pipelined appends and those of other clients are free', () => {
    const history = madeHistory(
      'append a 0..5 @2 #1',
      'append b 4..6 @1 #1',
      'append c 7..8 @3 #1',
      'append d 9..10 @1 #2',
    );
    expect(checkSessionOrder(history)).toMatchObject({ invariant: 'I10', checked: 4, violationCount: 0 });
  });

  test('session order: an awaited append before the one that it waited for is a violation', () => {
    const history = madeHistory('append a 0..1 @2 #1', 'append b 2..3 @1 #1');
    expect(checkSessionOrder(history).violations[0]?.operations.map(({ value }) => value)).toEqual([
      'a',
      'b',
    ]);
  });

  test('session order: an append of unknown outcome follows what was acknowledged before it', () => {
    const history = madeHistory('append a 0..1 @2 #1', 'append? b 2..3 #1', finalOf('b@1', 'a@2'));
    expect(checkSessionOrder(history).violationCount).toBe(1);
    const late = madeHistory('append? a 0..1 #1', 'append b 2..3 @1 #1', finalOf('b@1', 'a@2'));
    expect(checkSessionOrder(late).violationCount).toBe(0);
  });

  test('session order: a final read that is not in the order of versions is a violation', () => {
    const history = madeHistory('append a 0..9 @1', 'append b 0..9 @2', finalOf('b@2', 'a@1'));
    expect(checkSessionOrder(history).violations[0]?.message).toBe(
      'the final read has 2-0000000000001 before 1-0000000000001',
    );
  });
});
