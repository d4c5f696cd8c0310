/** Splits a read of keys by the node to ask, and puts the outcomes back in order. */
import {
  type KeyOutcome,
  type KeyQuestion,
  MendlogError,
  type PackedGroup,
  toMendlogError,
} from '@mendlog/core';
import { packQuestions } from './key-lookup.js';

export interface KeyReadRoutes {
  /** Throws where no node can be asked. */
  nodeOf(partition: string): string;
  /** One outcome for each key of the groups, in order. */
  ask(nodeId: string, groups: PackedGroup[]): Promise<KeyOutcome[]>;
}

export async function readKeysByNode(
  questions: readonly KeyQuestion[],
  routes: KeyReadRoutes,
): Promise<KeyOutcome[]> {
  const outcomes: KeyOutcome[] = questions.map(() => NO_OUTCOME);
  const byNode = new Map<string, number[]>();
  for (const [i, { partition }] of questions.entries()) {
    try {
      const node = routes.nodeOf(partition);
      byNode.set(node, [...(byNode.get(node) ?? []), i]);
    } catch (thrown) {
      outcomes[i] = failureOf(thrown);
    }
  }
  await Promise.all(
    [...byNode].map(async ([node, indexes]) => {
      const asked = indexes.map((i) => questions[i] as KeyQuestion);
      const answers = await routes.ask(node, packQuestions(asked)).catch((thrown: unknown) => {
        const failure = failureOf(thrown);
        return indexes.map(() => failure);
      });
      for (const [position, i] of indexes.entries()) outcomes[i] = answers[position] ?? NO_OUTCOME;
    }),
  );
  return outcomes;
}

const NO_OUTCOME: KeyOutcome = {
  ok: false,
  error: new MendlogError('INTERNAL', 'the node answered without an outcome for this key').toShape(),
};

function failureOf(thrown: unknown): KeyOutcome {
  return { ok: false, error: toMendlogError(thrown).toShape() };
}
