/** Splits a write by coordinator, sends each part, and puts the outcomes back in order. */
import {
  MendlogError,
  type PackedGroup,
  refusedWrite,
  toMendlogError,
  type WriteOutcome,
} from '@mendlog/core';

export interface WriteRoutes {
  /** Throws where no replica can coordinate. */
  coordinatorOf(partition: string): string;
  /** One outcome for each group, in order. */
  send(nodeId: string, groups: PackedGroup[]): Promise<WriteOutcome[]>;
}

export async function routeWrites(
  groups: readonly PackedGroup[],
  routes: WriteRoutes,
): Promise<WriteOutcome[]> {
  const outcomes: WriteOutcome[] = groups.map(() => NO_OUTCOME);
  const byCoordinator = new Map<string, number[]>();
  for (const [i, { partition }] of groups.entries()) {
    try {
      const coordinator = routes.coordinatorOf(partition);
      const indexes = byCoordinator.get(coordinator);
      if (indexes === undefined) byCoordinator.set(coordinator, [i]);
      else indexes.push(i);
    } catch (thrown) {
      outcomes[i] = refusalOf(thrown);
    }
  }
  await Promise.all(
    [...byCoordinator].map(async ([nodeId, indexes]) => {
      const answers = await routes
        .send(
          nodeId,
          indexes.flatMap((i) => groups[i] ?? []),
        )
        .catch((thrown: unknown) => {
          const refusal = unansweredOf(thrown);
          return indexes.map(() => refusal);
        });
      for (const [position, i] of indexes.entries()) outcomes[i] = answers[position] ?? NO_OUTCOME;
    }),
  );
  return outcomes;
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
