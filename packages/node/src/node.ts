/**
 * A node: one replica with everything around it. This file only puts the parts together.
 *
 *   HTTP, tRPC --> service --> write / read coordinator --> store, peers
 *                          \-> hints, anti-entropy ------/
 */
import { randomBytes } from 'node:crypto';
import { HINT_POLICY_DEFAULT, MendlogError, originFromBits } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { AntiEntropy } from './anti-entropy/anti-entropy.js';
import { createApiServer } from './api/server.js';
import type { Service } from './api/service.js';
import { clusterSecret, peerToken } from './cluster-secret.js';
import { ReadCoordinator } from './coordinator/read-coordinator.js';
import { WriteCoordinator } from './coordinator/write-coordinator.js';
import { HintKeeper } from './hints/hint-keeper.js';
import { type Log, silentLog } from './log.js';
import { Peers } from './membership/peers.js';
import { Placement } from './membership/placement.js';
import { createNodeService } from './node-service.js';
import { createReplica } from './replica/replica.js';
import { LmdbStore } from './storage/lmdb-store.js';

export interface NodeOptions {
  readonly id: string;
  /** Made where it is not there; one process at a time. */
  readonly dataDir: string;
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** URL by node id. This node's own may be left out. */
  readonly peers?: Readonly<Record<string, string>>;
  /** At least 16 bytes, the same on all nodes. Without one a development key is used, on loopback only. */
  readonly secret?: string | undefined;
  readonly replicationFactor?: number;
  readonly writeTimeoutMs?: number;
  readonly readTimeoutMs?: number;
  readonly log?: Log;
}

export interface MendlogNode extends AsyncDisposable {
  readonly id: string;
  readonly url: string;
  readonly service: Service;
  /** Ends what is under way, flushes and frees the port. */
  close(): Promise<void>;
}

/**
 * Starts a node. Resolves when it listens and has found those of its peers that are there already.
 * Rejects with BAD_CONFIG, DATA_DIR_LOCKED or FORMAT_UNKNOWN, and has then left nothing running.
 */
export async function createNode(options: NodeOptions): Promise<MendlogNode> {
  const address = parseListen(options.listen);
  const secret = clusterSecret(options.secret, address.host);
  const log = options.log ?? silentLog;
  const kernel = loadKernel();
  const nodes = new Map(Object.entries(options.peers ?? {}));
  nodes.set(options.id, nodes.get(options.id) ?? '');

  const store = LmdbStore.open({ dataDir: options.dataDir, nodeId: options.id, kernel, secret });
  const token = peerToken(kernel, secret);
  const placement = new Placement([...nodes.keys()].sort(), options.replicationFactor ?? 3);
  const peers = new Peers({ self: options.id, nodes, token, log });
  const hints = new HintKeeper({
    store,
    peers,
    policy: HINT_POLICY_DEFAULT,
    log,
    onLost: (target, partitions) =>
      log.info('hints ended without replay', { target, partitions: [...new Set(partitions)] }),
  });
  const writes = new WriteCoordinator({
    store,
    peers,
    placement,
    hints,
    incarnation: originFromBits(randomBytes(8).readBigUInt64BE()),
    writeTimeoutMs: options.writeTimeoutMs ?? 2000,
  });
  const reads = new ReadCoordinator({
    store,
    peers,
    placement,
    readTimeoutMs: options.readTimeoutMs ?? 2000,
    onRepair: (records) => log.debug('read repair', { records }),
  });
  const antiEntropy = new AntiEntropy({ store, kernel, peers, placement, log });
  const service = createNodeService({
    store,
    kernel,
    secret,
    peers,
    placement,
    writes,
    reads,
    hints,
    antiEntropy,
  });
  const server = createApiServer({
    service,
    peer: createReplica({ nodeId: options.id, store, writes }),
    token,
  });

  // New work is refused first; what runs ends; the store closes when nothing uses it any more.
  const closeAll = async () => {
    writes.close();
    await server.close();
    await Promise.all([hints.close(), antiEntropy.close()]);
    peers.close();
    await store.close();
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= closeAll();
    return closing;
  };
  try {
    const url = await server.listen(address);
    if (nodes.get(options.id) === '') nodes.set(options.id, url);
    log.info('node listens', { node: options.id, url });
    return { id: options.id, url, service, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads `host:port`. Throws BAD_CONFIG. */
export function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw new MendlogError(
      'BAD_CONFIG',
      `cannot listen on "${listen}": an address looks like 127.0.0.1:8081`,
    );
  }
  return { host, port };
}
