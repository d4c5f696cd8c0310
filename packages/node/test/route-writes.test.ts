// What becomes of a write when the node that coordinates it does not answer.
import { type ErrorCode, encodeDraft, MendlogError, packItems, type WriteOutcome } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { routeWrites } from '../src/coordinator/route-writes.js';

const groupOf = (partition: string) => packItems(partition, [encodeDraft({ value: Buffer.from('x') })]);

describe('route writes', () => {
  test('route writes: outcomes are in the order of the groups, whoever coordinates them', async () => {
    const outcomes = await routeWrites(['p1', 'q1', 'p2', 'none'].map(groupOf), {
      coordinatorOf(partition) {
        if (partition !== 'none') return partition.slice(0, 1);
        throw new MendlogError('UNAVAILABLE', 'nobody');
      },
      send: async (node, groups) =>
        groups.map(({ partition }): WriteOutcome => {
          const firstCounter = Number(partition.slice(1));
          return { ok: true, firstCounter, origin: node, acks: 2, level: 'QUORUM' };
        }),
    });
    expect(outcomes).toMatchObject([
      { firstCounter: 1, origin: 'p' },
      { firstCounter: 1, origin: 'q' },
      { firstCounter: 2, origin: 'p' },
      { ok: false, error: { code: 'UNAVAILABLE' } },
    ]);
  });

  test.each<[ErrorCode, ErrorCode]>([
    ['CLOSED', 'CONNECTION_LOST'],
    ['CONNECTION_LOST', 'CONNECTION_LOST'],
    ['UNREACHABLE', 'UNREACHABLE'],
  ])('route writes: a coordinator that does not answer may have written (%s is %s)', async (thrown, told) => {
    const outcomes = await routeWrites([groupOf('p')], {
      coordinatorOf: () => 'n2',
      send: () => Promise.reject(new MendlogError(thrown, 'no answer')),
    });
    expect(outcomes).toMatchObject([{ ok: false, error: { code: told } }]);
  });
});
