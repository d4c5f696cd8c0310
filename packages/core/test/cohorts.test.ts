// Which writes of a group commit wait for the same answers.
import { expect, test } from 'vitest';
import { PATIENT } from '../src/coordination/caller.js';
import { cohortsOf, type PendingWrite } from '../src/coordination/group-commit.js';
import { packItems } from '../src/protocol/packed.js';

const primaries = ['a', 'b', 'c'];
const write = (partition: string, needed = 2): PendingWrite => ({
  group: packItems(partition, []),
  caller: PATIENT,
  primaries,
  level: 'QUORUM',
  needed,
  isCarried: false,
  inRealTime: true,
  firstCounter: 0,
  isRefused: false,
  end: () => {},
});

test('cohorts: partitions on which a replica may have no vote are apart, each one for all of its writes', () => {
  const writes = ['p', 'x', 'q', 'y', 'x', 'p', 'x'].map((partition) => write(partition));
  const votes = (partition: string, node: string) => node !== 'b' || !['x', 'y'].includes(partition);
  const cohorts = cohortsOf([...writes, write('x', 3)], { self: 'a', votes });
  const told = cohorts.map((cohort) => [
    cohort.writes.map(({ group }) => group.partition).join(''),
    cohort.quorum.needed,
    cohort.isApart,
  ]);
  expect(told).toEqual([
    ['pqp', 2, false],
    ['xxx', 2, true],
    ['x', 3, true],
    ['y', 2, true],
  ]);
});

test('cohorts: the order of the primaries makes no difference', () => {
  const other = { ...write('q'), primaries: ['c', 'a', 'b'] };
  expect(cohortsOf([write('p'), other], { self: 'a', votes: () => true })).toHaveLength(1);
});
