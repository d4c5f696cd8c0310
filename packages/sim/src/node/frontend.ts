/** What a node does for its clients: it reads itself, and has the coordinator of the partition write. */
import {
  acknowledgementsNeeded,
  answersNeeded,
  type Caller,
  type KeyOutcome,
  type KeyQuestion,
  type Level,
  MendlogError,
  type PackedGroup,
  type RangeOutcome,
  type ReadRepairMode,
  type VersionRange,
  type WriteLevel,
  type WriteOrder,
  type WriteOutcome,
} from '@mendlog/core';
import type { Answer } from '../world/network.js';
import { type NodeShell, nodeOf } from './cluster-context.js';
import { callPeer } from './peer-call.js';
import { groupsText } from './write-ports.js';

export interface ClientWrite {
  readonly group: PackedGroup;
  readonly level: WriteLevel;
  readonly order: WriteOrder;
  readonly caller: Caller;
}

export interface ClientRead {
  readonly questions: readonly KeyQuestion[];
  readonly level: Level;
  readonly repair: ReadRepairMode;
  readonly caller: Caller;
}

export interface ClientScan {
  readonly partition: string;
  readonly range: VersionRange;
  readonly level: Level;
  readonly repair: ReadRepairMode;
  readonly caller: Caller;
}

export function serveWrite(
  node: NodeShell,
  write: ClientWrite,
  answer: (answer: Answer<WriteOutcome>) => void,
): void {
  const { partition } = write.group;
  const coordinator = node.coordinatorOf(partition) ?? (write.level === 'ANY' ? node.id : undefined);
  if (coordinator === undefined) {
    const error = new MendlogError(
      'UNAVAILABLE',
      `no replica of ${partition} can be reached: nothing was written`,
    );
    answer({ ok: false, error });
  } else if (coordinator === node.id) coordinate(node, write, answer);
  else {
    callPeer<WriteOutcome>(node, {
      to: coordinator,
      timeoutUs: 2 * node.context.scenario.writeTimeoutUs,
      serve: (peer, forward) => coordinate(peer, write, forward),
      done: answer,
    });
  }
}

/**
 * Writes that one connection brings one after another, none of which waits for those before it. All of a client's
 * come to the coordinator in this order, whoever passes them on.
 */
export function servePipeline(
  node: NodeShell,
  writes: readonly ClientWrite[],
  answer: (answer: Answer<(WriteOutcome | undefined)[]>) => void,
): void {
  const [first] = writes;
  const coordinator = first === undefined ? undefined : node.coordinatorOf(first.group.partition);
  if (coordinator === undefined) {
    const error = new MendlogError('UNAVAILABLE', 'no replica can be reached: nothing was written');
    answer({ ok: false, error });
  } else if (coordinator === node.id) coordinatePipeline(node, writes, answer);
  else {
    callPeer<(WriteOutcome | undefined)[]>(node, {
      to: coordinator,
      timeoutUs: 2 * node.context.scenario.writeTimeoutUs,
      serve: (peer, forward) => coordinatePipeline(peer, writes, forward),
      done: answer,
    });
  }
}

function coordinatePipeline(
  node: NodeShell,
  writes: readonly ClientWrite[],
  answer: (answer: Answer<(WriteOutcome | undefined)[]>) => void,
): void {
  const { random, monitor } = node.context;
  const outcomes = new Array<WriteOutcome | undefined>(writes.length);
  let open = writes.length;
  let delayUs = 0;
  for (const [i, write] of writes.entries()) {
    node.after(delayUs, () =>
      coordinate(node, write, (one) => {
        if (one.ok) outcomes[i] = one.value;
        if (--open > 0) return;
        monitor.inOrder(writes[0]?.group.partition ?? '', outcomes);
        answer({ ok: true, value: outcomes });
      }),
    );
    delayUs += random.below(1500);
  }
}

function coordinate(
  node: NodeShell,
  { group, level, order, caller }: ClientWrite,
  answer: (answer: Answer<WriteOutcome>) => void,
): void {
  const { monitor, trace, scenario } = node.context;
  const { coordinator } = node.process;
  let isAnswered = false;
  coordinator.write({ groups: [group], levelOf: () => level, order, caller }, ([outcome]) => {
    if (isAnswered)
      monitor.violated('I8', `${node.id} answered a write of ${group.partition} twice`, [group.partition]);
    isAnswered = true;
    if (outcome === undefined) throw new Error('the coordinator answered without an outcome');
    if (outcome.ok) {
      const { firstCounter: counter, origin } = outcome;
      const replicas = node.primaries(group.partition).map((id) => nodeOf(node.context, id));
      const needed = acknowledgementsNeeded(level, replicas.length);
      if (trace.isOn) trace.note(node.id, `acknowledges ${group.partition}/${counter}-${origin}`);
      const carrier = level === 'ANY' ? node : undefined;
      monitor.acknowledged(group, { counter, origin }, { replicas, needed, carrier });
    } else if (trace.isOn)
      trace.note(node.id, `refuses ${groupsText([group])}: ${outcome.error.code} ${outcome.error.message}`);
    answer({ ok: true, value: outcome });
  });
  monitor.within('bytes of queued writes', coordinator.writes.queuedBytes, scenario.writeQueueBytesMax);
}

export function serveRead(
  node: NodeShell,
  { questions, level, repair, caller }: ClientRead,
  answer: (answer: Answer<KeyOutcome[]>) => void,
): void {
  node.process.coordinator.readKeys({ questions, levelOf: () => level, repair, caller }, (value) =>
    answer({ ok: true, value }),
  );
}

/** One page. */
export function serveScan(
  node: NodeShell,
  { partition, range, level, repair, caller }: ClientScan,
  answer: (answer: Answer<RangeOutcome>) => void,
): void {
  const { monitor } = node.context;
  const replicas = node.primaries(partition).map((id) => nodeOf(node.context, id));
  const needed = answersNeeded(level, replicas.length);
  // However it chooses whom to ask, one of them has trimmed the partition so far.
  const trimmedTo =
    replicas.map(({ disk }) => disk.trimmedTo(partition)).sort((a, b) => b - a)[replicas.length - needed] ??
    0;
  let isAnswered = false;
  node.process.ranges.submit({ partition, ranges: [range], level, repair, caller }, (result) => {
    if (isAnswered) monitor.violated('I8', `${node.id} answered a scan of ${partition} twice`, [partition]);
    isAnswered = true;
    if (!result.ok) {
      answer({ ok: false, error: MendlogError.fromShape(result.error) });
      return;
    }
    const [outcome] = result.outcomes;
    if (outcome === undefined) throw new Error('a scan was answered without an outcome');
    if (repair === 'blocking') monitor.shown(partition, outcome.frames, { replicas, needed });
    monitor.notTrimmed(partition, outcome.frames, trimmedTo);
    answer({ ok: true, value: outcome });
  });
}
