/** The Merkle calls of a node: its own tree, or a peer's by asking it. */
import type { DigestKernel, Store } from '@mendlog/core';
import { MendlogError } from '@mendlog/core';
import type { MerkleBuild, MerkleComparison, MerkleHealth, Service } from '../api/service.js';
import { answerOf } from '../membership/answer-of.js';
import { nodeIdOf } from '../membership/node-url.js';
import type { Peers } from '../membership/peers.js';
import type { Metrics } from '../metrics/metrics.js';
import { compareWithPeer } from './compare.js';
import type { MerkleTrees } from './merkle-trees.js';

export interface MerkleServiceParts {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Peers;
  readonly trees: MerkleTrees;
  readonly metrics: Metrics;
  /** Created, whether or not it holds records. */
  readonly exists: (partition: string) => boolean;
}

export interface MerkleService extends Pick<Service, 'merkleBuild' | 'merkleCompare' | 'merkleHealth'> {
  /** This replica against one peer. */
  compare(partition: string, other: string): Promise<MerkleComparison>;
}

export function createMerkleService(parts: MerkleServiceParts): MerkleService {
  const { exists, store, kernel, peers, trees, metrics } = parts;

  const compare = async (partition: string, other: string): Promise<MerkleComparison> => {
    metrics.compared();
    return await answerOf(
      compareWithPeer(trees, { exists, store, kernel, peer: peers.connectionTo(other) }, partition),
    );
  };

  return {
    compare,

    async merkleBuild(partition, nodeUrl) {
      const nodeId = nodeIdOf(peers, nodeUrl);
      if (nodeId === peers.self) return buildHere(parts, partition);
      const { build } = peers.connectionTo(nodeId).call.merkle;
      return await answerOf(build.mutate({ partitionId: partition, nodeUrl: nodeId }));
    },

    async merkleCompare(partition, node1Url, node2Url) {
      const first = nodeIdOf(peers, node1Url);
      const second = nodeIdOf(peers, node2Url);
      if (first === second) throw new MendlogError('BAD_REQUEST', `both URLs mean ${first}: name two nodes`);
      if (first === peers.self) return await compare(partition, second);
      return await answerOf(peers.connectionTo(first).call.peer.compare.query({ partition, other: second }));
    },

    merkleHealth: async (): Promise<MerkleHealth> => ({
      status: 'UP',
      nodes: [{ node: peers.self, kernel: kernel.kind, cachedTrees: trees.cachedTrees, ...trees.options }],
    }),
  };
}

function buildHere({ exists, store, peers, trees }: MerkleServiceParts, partition: string): MerkleBuild {
  const startedMs = performance.now();
  if ((store.summary(partition)?.records ?? 0) === 0 && !exists(partition))
    throw new MendlogError('NOT_FOUND', `${peers.self} has no partition ${partition}`);
  const { rootHash, ...shape } = trees.build(partition);
  return {
    partitionId: partition,
    node: peers.self,
    rootHash: Buffer.from(rootHash).toString('hex'),
    depth: trees.options.depth,
    segmentSize: trees.options.segmentSize,
    ...shape,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
}
