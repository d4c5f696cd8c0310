/** A call of one node to another: as in production it is not even sent to a peer that is not alive. */
import { type ApplyResult, MendlogError, type PackedGroup, type RecordSource } from '@mendlog/core';
import type { Answer } from '../world/network.js';
import { type NodeShell, nodeOf } from './cluster-context.js';

export interface PeerCall<Value> {
  readonly to: string;
  readonly isIdempotent?: boolean;
  /** As long as the write time-out where nothing else is said. */
  readonly timeoutUs?: number;
  readonly serve: (peer: NodeShell, answer: (answer: Answer<Value>) => void) => void;
  readonly done: (answer: Answer<Value>) => void;
}

export function callPeer<Value>(from: NodeShell, call: PeerCall<Value>): void {
  const { context } = from;
  const { to, serve, done, isIdempotent = false, timeoutUs = context.scenario.writeTimeoutUs } = call;
  if (!from.isAlive(to)) {
    const error = new MendlogError('UNREACHABLE', `node ${to} is not alive`);
    from.soon(() => done({ ok: false, error }));
    return;
  }
  context.network.call({ from, to: nodeOf(context, to), timeoutUs, isIdempotent, serve, done });
}

/** Serves what is known at once. */
export function answerWith<Value>(told: (peer: NodeShell) => Value): PeerCall<Value>['serve'] {
  return (peer, answer) => answer({ ok: true, value: told(peer) });
}

/** Stores here; the answer comes in this process, if it still runs. */
export function storeOn(
  node: NodeShell,
  [groups, hints]: [Parameters<NodeShell['disk']['apply']>[0], Parameters<NodeShell['disk']['apply']>[1]],
  done: Parameters<NodeShell['disk']['apply']>[2],
  source?: RecordSource,
): void {
  const { epoch } = node;
  node.disk.apply(groups, hints, (answer) => node.run(epoch, () => done(answer)), source);
}

/** Has a replica, perhaps this node, store records that it was found to lack. */
export function giveRecords(
  from: NodeShell,
  { to, groups }: { readonly to: string; readonly groups: readonly PackedGroup[] },
  done: (answer: Answer<ApplyResult>) => void,
): void {
  if (to === from.id) {
    storeOn(from, [groups, []], done, 'repair');
    return;
  }
  callPeer<ApplyResult>(from, {
    to,
    isIdempotent: true,
    timeoutUs: from.context.scenario.readTimeoutUs,
    serve: (peer, answer) => storeOn(peer, [groups, []], answer, 'repair'),
    done,
  });
}
