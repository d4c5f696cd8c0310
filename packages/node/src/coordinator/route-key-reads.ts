/** Splits a read of keys by the node to ask. */
import {
  type KeyOutcome,
  type KeyQuestion,
  MendlogError,
  type PackedGroup,
  packKeyQuestions,
  toMendlogError,
} from '@mendlog/core';
import { splitByNode } from './split-by-node.js';

export interface KeyReadRoutes {
  /** Throws where no node can be asked. */
  nodeOf(partition: string): string;
  /** One outcome for each key of the groups, in order. */
  ask(nodeId: string, groups: PackedGroup[]): Promise<KeyOutcome[]>;
}

export function readKeysByNode(
  questions: readonly KeyQuestion[],
  routes: KeyReadRoutes,
): Promise<KeyOutcome[]> {
  return splitByNode(questions, {
    nodeOf: ({ partition }) => routes.nodeOf(partition),
    ask: (nodeId, part) => routes.ask(nodeId, packKeyQuestions(part)),
    notAsked: failureOf,
    unanswered: failureOf,
    leftOut: NO_OUTCOME,
  });
}

const NO_OUTCOME: KeyOutcome = {
  ok: false,
  error: new MendlogError('INTERNAL', 'the node answered without an outcome for this key').toShape(),
};

function failureOf(thrown: unknown): KeyOutcome {
  return { ok: false, error: toMendlogError(thrown).toShape() };
}
