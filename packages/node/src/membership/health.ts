/** The state of the cluster as one process sees it. */
import { majorityOf } from '@mendlog/core';
import type { Health } from '../api/service.js';
import type { WithoutVote } from '../votes/vote-keeper.js';
import type { Peers } from './peers.js';
import type { Placement } from './placement.js';

export interface Totals {
  readonly partitions: number;
  readonly records: number;
  /** Its store is new, and does not vote on all partitions yet. */
  readonly withoutVote?: WithoutVote | undefined;
}

const TOTALS_TIMEOUT_MS = 1000;

/** While every partition has a quorum that is alive and votes, the cluster is DEGRADED at worst, not DOWN. */
export async function healthOf(
  peers: Peers,
  placement: Placement,
  ownTotals?: () => Totals,
): Promise<Health> {
  const nodes = await Promise.all(
    peers.nodeIds.map(async (id): Promise<Health['nodes'][number]> => {
      const url = peers.urlOf(id);
      if (!peers.isAlive(id)) return { id, url, status: 'DOWN' };
      const totals = id === peers.self && ownTotals !== undefined ? ownTotals() : await totalsOf(peers, id);
      return { id, url, status: 'UP', ...totals };
    }),
  );
  const out = nodes.filter(
    ({ status, withoutVote }) => status === 'DOWN' || withoutVote !== undefined,
  ).length;
  const quorumEverywhere = out <= placement.replicationFactor - majorityOf(placement.replicationFactor);
  return { status: out === 0 ? 'UP' : quorumEverywhere ? 'DEGRADED' : 'DOWN', nodes };
}

/** A node that is alive and does not answer in time keeps its status; its totals are left out. */
async function totalsOf(peers: Peers, nodeId: string): Promise<Partial<Totals>> {
  try {
    return await peers
      .connectionTo(nodeId)
      .call.peer.totals.query(undefined, { context: { timeoutMs: TOTALS_TIMEOUT_MS } });
  } catch {
    return {};
  }
}
