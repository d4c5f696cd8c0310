// A coordinator of writes whose ports a test holds, and what it submits and expects.
import type { WriteLevel } from '../../src/consistency.js';
import type { WriteOrder, WriteOutcome } from '../../src/coordination/write.js';
import { WriteCoordinator } from '../../src/coordination/write-coordinator.js';
import { type PackedGroup, packItems } from '../../src/protocol/packed.js';
import { encodeDraft } from '../../src/record.js';
import { utf8 } from '../bytes.js';
import { HeldWritePorts, INCARNATION, WriteEvents } from './held-write-ports.js';

export interface Asked {
  readonly level?: WriteLevel;
  readonly order?: WriteOrder;
}

export function groupOf(partition: string, ...values: string[]): PackedGroup {
  return packItems(
    partition,
    values.map((value) => encodeDraft({ value: utf8(value) })),
  );
}

export function setUp(primaries: Readonly<Record<string, readonly string[]>> = {}) {
  const ports = new HeldWritePorts(primaries);
  const writes = new WriteCoordinator(ports);
  const events = new WriteEvents(ports, writes);
  /** Outcomes come into the array when the request is answered. */
  const submit = (groups: readonly PackedGroup[], { level = 'QUORUM', order }: Asked = {}) => {
    const outcomes: WriteOutcome[] = [];
    writes.submit({ groups, order, levelOf: () => level }, (answered) => outcomes.push(...answered));
    return outcomes;
  };
  /** In a turn of its own, so in a group commit of its own where one may begin. */
  const submitAlone = (groups: readonly PackedGroup[], asked: Asked = {}) => {
    const outcomes = submit(groups, asked);
    events.turn();
    return outcomes;
  };
  return { ports, writes, events, submit, submitAlone };
}

export const acknowledged = (firstCounter: number, acks: number) => ({
  ok: true,
  firstCounter,
  origin: INCARNATION,
  acks,
});

export const refused = (code: string) => ({ ok: false, error: { code } });
