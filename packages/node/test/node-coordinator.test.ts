// A node's coordinator without its node: what is under way ends, also when the node closes meanwhile.
import { encodeDraft, MemoryStore, MendlogError, packItems } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { NodeCoordinator } from '../src/coordinator/node-coordinator.js';
import { silentLog } from '../src/log.js';
import { version } from './records.js';
import { kernel, tagKeyOf } from './test-store.js';

/** Two peers that seem to be alive; whoever connects to one finds that it is not. */
function coordinatorOf({ onConnect = () => {} }: { onConnect?: () => void } = {}): NodeCoordinator {
  return new NodeCoordinator({
    store: new MemoryStore({ storeId: 'in memory', kernel, tagKeyOf }),
    peers: {
      self: 'n1',
      isAlive: () => true,
      connectionTo() {
        onConnect();
        throw new MendlogError('UNREACHABLE', 'the peer has died');
      },
    },
    votes: { votes: () => true },
    placement: { primaries: () => PRIMARIES },
    hints: { keep: async () => {}, takeRoom() {}, giveRoom() {}, noteStored() {} },
    metrics: { wrote() {}, read() {}, readRepair() {} },
    log: silentLog,
    incarnation: version(1, 9).origin,
    writeTimeoutMs: 5000,
    readTimeoutMs: 5000,
    levelOf: (_, level) => level ?? 'QUORUM',
    readRepair: 'blocking',
    readRepairChance: 0,
    mayDiffer() {},
  });
}

const PRIMARIES = ['n1', 'n2', 'n3'];
const group = () => packItems('p', [encodeDraft({ value: Buffer.from('x') })]);

describe('node coordinator', () => {
  test('node coordinator: peers that die between being alive and being asked make a write UNAVAILABLE', async () => {
    const coordinator = coordinatorOf();
    expect(await coordinator.write([group()], {})).toMatchObject([
      { ok: false, error: { code: 'UNAVAILABLE' } },
    ]);
    await coordinator.close();
  });

  test('node coordinator: closing ends where the counter round under way finds no majority', async () => {
    let closed: Promise<void> | undefined;
    const coordinator = coordinatorOf({
      onConnect() {
        closed ??= coordinator.close();
      },
    });
    const outcomes = await coordinator.write([group()], {});
    expect(outcomes).toMatchObject([{ ok: false, error: { code: 'UNAVAILABLE' } }]);
    await closed;
    expect(await coordinator.write([group()], {})).toMatchObject([{ ok: false, error: { code: 'CLOSED' } }]);
  });

  test('node coordinator: a write whose peers die after it was sent is kept here, and its outcome unknown', async () => {
    const coordinator = coordinatorOf();
    const outcomes = await coordinator.write([group()], { order: 'causal' });
    expect(outcomes).toMatchObject([
      { ok: false, error: { code: 'WRITE_TIMEOUT', details: { acks: 1, needed: 2 } } },
    ]);
    await coordinator.close();
  });
});
