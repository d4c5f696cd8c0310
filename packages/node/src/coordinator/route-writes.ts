/** Splits a write by coordinator. */
import {
  MendlogError,
  type PackedGroup,
  refusedWrite,
  toMendlogError,
  type WriteOutcome,
} from '@mendlog/core';
import { splitByNode } from './split-by-node.js';

export interface WriteRoutes {
  /** Throws where no replica can coordinate. */
  coordinatorOf(partition: string): string;
  /** One outcome for each group, in order. */
  send(nodeId: string, groups: PackedGroup[]): Promise<WriteOutcome[]>;
}

export function routeWrites(groups: readonly PackedGroup[], routes: WriteRoutes): Promise<WriteOutcome[]> {
  return splitByNode(groups, {
    nodeOf: ({ partition }) => routes.coordinatorOf(partition),
    ask: (nodeId, part) => routes.send(nodeId, part),
    notAsked: refusalOf,
    unanswered: unansweredOf,
    leftOut: NO_OUTCOME,
  });
}

const NO_OUTCOME: WriteOutcome = {
  ok: false,
  error: { code: 'INTERNAL', message: 'the coordinator answered without an outcome for this group' },
};

/** CLOSED: the connection was closed here, perhaps while the coordinator wrote. */
function unansweredOf(thrown: unknown): WriteOutcome {
  const { code, message } = toMendlogError(thrown);
  if (code !== 'CLOSED') return refusalOf(thrown);
  return refusedWrite(new MendlogError('CONNECTION_LOST', `${message}: the outcome is unknown`));
}

function refusalOf(thrown: unknown): WriteOutcome {
  return refusedWrite(toMendlogError(thrown));
}
