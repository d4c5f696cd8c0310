// What versions show: two records under one, reads that go back, and writes against their order in real time.
import { expect, test } from 'vitest';
import {
  checkMonotonicReads,
  checkReadsAfterWrites,
  checkUniqueVersions,
  checkWriteOrder,
} from '../src/checkers/versions.js';
import { finalOf, madeHistory, operationOf, twinOf, versionAt } from './made-operations.js';

const inPartition = (text: string, partition: string) => ({ ...operationOf(text), partition });

test('unique versions: one record may be told of many times (SPEC I6)', () => {
  const history = madeHistory(
    'put a 0..1 @1',
    'get a 2..3 @1',
    'delete 4..5 @2',
    'get - 6..7 @2',
    'append b 8..9 @3',
    finalOf('b@3'),
  );
  expect(checkUniqueVersions(history)).toMatchObject({
    invariant: 'I6',
    checked: 6,
    unchecked: 0,
    violationCount: 0,
  });
});

test('unique versions: partitions have versions of their own, and origins tell versions apart (SPEC I6)', () => {
  const twin = { ...operationOf('put c 0..1'), version: twinOf(versionAt(1)) };
  const history = madeHistory('put a 0..1 @1', inPartition('put b 0..1 @1', 'p2'), twin);
  expect(checkUniqueVersions(history).violationCount).toBe(0);
});

test.each([
  ['two values of a key', ['put a 0..1 @1', 'put b 2..3 @1']],
  ['a value that a get saw', ['put a 0..1 @1', 'get b 2..3 @1']],
  ['two keys', ['put a 0..1 @1 in x', 'put b 2..3 @1 in y']],
  ['deletes of two keys', ['delete 0..1 @1 in x', 'delete 2..3 @1 in y']],
  ['a value and its removal', ['put a 0..1 @1', 'delete 2..3 @1']],
  ['a put and an append', ['put a 0..1 @1', 'append b 2..3 @1']],
  ['two appends', ['append a 0..1 @1', 'append b 0..1 @1']],
])('unique versions: one version of two records is a violation (%s; SPEC I6)', (_, lines) => {
  const { violationCount, violations } = checkUniqueVersions(madeHistory(...lines));
  expect(violationCount).toBe(1);
  expect(violations[0]?.message).toMatch(/^1-0000000000001 is the version of .+ and of .+$/);
  expect(violations[0]?.operations).toHaveLength(2);
});

test('unique versions: two records of a final read under one version are a violation (SPEC I6)', () => {
  const history = madeHistory('append? a 0..1', 'append? b 0..1', finalOf('a@1', 'b@1'));
  expect(checkUniqueVersions(history).violationCount).toBe(1);
});

test('monotonic reads: gets that overlap may return versions in any order (SPEC I4)', () => {
  const history = madeHistory(
    'get b 0..5 @2',
    'get a 5..6 @1',
    'get b 7..9 @2',
    'get a 0..1 @1 in other',
    'get - 9..10',
  );
  expect(checkMonotonicReads(history)).toMatchObject({
    invariant: 'I4',
    checked: 4,
    unchecked: 1,
    violationCount: 0,
  });
});

test('monotonic reads: an older version after a newer one is a violation, of any client (SPEC I4)', () => {
  const history = madeHistory(
    'get b 0..5 @2 #1',
    'get a 6..7 @1 #2',
    'get c 8..9 @3 #1',
    'get b 10..11 @2 #1',
  );
  const { violationCount, violations } = checkMonotonicReads(history);
  expect(violationCount).toBe(2);
  expect(violations[0]?.message).toBe(
    'client 2: get "k" -> "a" at 1-0000000000001, ok, from 6 to 7, although client 1: get "k" -> "b" at 2-0000000000001, ok, from 0 to 5',
  );
  expect(violations[1]?.operations.map(({ value }) => value)).toEqual(['c', 'b']);
});

test('reads after writes: a get that starts after an acknowledgement returns no older version (SPEC I3)', () => {
  const fine = madeHistory(
    'put a 0..1 @1',
    'put b 2..9 @2',
    'get a 3..4 @1',
    'get b 10..11 @2',
    'put? c 12..13',
    'get b 14..15 @2',
  );
  expect(checkReadsAfterWrites(fine)).toMatchObject({ invariant: 'I3', checked: 3, violationCount: 0 });
  const stale = madeHistory('put a 0..1 @1', 'delete 2..3 @2', 'get a 4..5 @1');
  expect(checkReadsAfterWrites(stale).violations[0]?.operations.map(({ op }) => op)).toEqual([
    'delete',
    'get',
  ]);
});

test('order of writes: writes that overlap, failed ones and other partitions are free (SPEC I3)', () => {
  const history = madeHistory(
    'put b 0..5 @2',
    'put a 5..6 @1 in x',
    'delete 7..8 @3',
    'put! c 9..10',
    inPartition('put d 20..21 @1', 'p2'),
  );
  expect(checkWriteOrder(history)).toMatchObject({ invariant: 'I3', checked: 4, violationCount: 0 });
});

test.each([
  ['of another key', ['put a 0..1 @2 in x', 'put b 2..3 @1 in y']],
  ['an append after a put', ['put a 0..1 @2', 'append b 2..3 @1']],
  ['appends of two clients', ['append a 0..1 @2 #1', 'append b 2..3 @1 #2']],
  ['a put at the same version', ['put a 0..1 @2', 'put b 2..3 @2']],
  ['a delete', ['put a 0..1 @2', 'delete 2..3 @1']],
])('order of writes: a later write with no higher version is a violation (%s; SPEC I3)', (_, lines) => {
  const { violationCount, violations } = checkWriteOrder(madeHistory(...lines));
  expect(violationCount).toBe(1);
  expect(violations[0]?.operations).toHaveLength(2);
});

test('order of writes: an append of unknown outcome that was found is bound by what ended before it (SPEC I3)', () => {
  const wrong = madeHistory('put a 0..1 @2', 'append? b 2..3', finalOf('b@1'));
  expect(checkWriteOrder(wrong).violationCount).toBe(1);
  // It may take effect after what began after it.
  const late = madeHistory('append? b 2..3', 'put a 4..5 @2', finalOf('b@3'));
  expect(checkWriteOrder(late).violationCount).toBe(0);
});
