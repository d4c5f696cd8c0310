/**
 * A node: one replica with everything around it. This file only puts the parts together.
 *
 *   HTTP, tRPC --> service --> coordinators of writes, reads --> store, peers
 *                          \-> hints, anti-entropy ------/
 */
import { randomBytes } from 'node:crypto';
import {
  answersNeeded,
  checkMerkleOptions,
  HINT_POLICY_DEFAULT,
  type JobReason,
  type Level,
  MERKLE_DEFAULT,
  majorityOf,
  NO_VOTE,
  originFromBits,
  type WriteLevel,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { pskOf } from '@mendlog/transport/psk';
import { AntiEntropy } from './anti-entropy/anti-entropy.js';
import { TombstonePurger } from './anti-entropy/tombstone-purger.js';
import { WatermarkSync } from './anti-entropy/watermark-sync.js';
import { CallGate } from './api/call-gate.js';
import { type ApiServer, createApiServer } from './api/server.js';
import type { Service } from './api/service.js';
import type { BackupOptions } from './backup/back-up-store.js';
import type { BackupManifest } from './backup/manifest.js';
import { Catalog } from './catalog/catalog.js';
import { CatalogSync } from './catalog/catalog-sync.js';
import { PartitionChanges } from './catalog/partition-changes.js';
import { RetentionKeeper } from './catalog/retention-keeper.js';
import { clusterSecret, peerToken } from './cluster-secret.js';
import { checkNodeOptions } from './config/check-node-options.js';
import { NODE_DEFAULTS } from './config/node-defaults.js';
import { parseListen } from './config/parse-listen.js';
import { withDefaults } from './config/with-defaults.js';
import { NodeCoordinator } from './coordinator/node-coordinator.js';
import { PartitionSurvey } from './coordinator/partition-survey.js';
import { RangeCoordinator } from './coordinator/range-coordinator.js';
import { HintKeeper } from './hints/hint-keeper.js';
import { silentLog } from './log.js';
import { Peers } from './membership/peers.js';
import { Placement } from './membership/placement.js';
import { createMerkleService } from './merkle/merkle-service.js';
import { MerkleTrees } from './merkle/merkle-trees.js';
import { Metrics } from './metrics/metrics.js';
import type { NodeOptions } from './node-options.js';
import { createNodeService, storeTotals } from './node-service.js';
import { createReplica } from './replica/replica.js';
import { Scrubber } from './scrub/scrubber.js';
import { openStore } from './storage/open-store.js';
import { VoteKeeper } from './votes/vote-keeper.js';

/** A node that starts before the others does not wait for them any longer. */
const JOIN_TIMEOUT_MS = 1000;
/** Nor for their votes: of a new cluster of which some are missing, and of one whose stores are not the same. */
const VOTES_TIMEOUT_MS = 2000;

export interface MendlogNode extends AsyncDisposable {
  readonly id: string;
  readonly url: string;
  readonly service: Service;
  /**
   * Makes a backup of this node's data in an empty or missing folder, while it serves. Rejects with BAD_CONFIG,
   * DISK_FULL, LOG_DAMAGED or CLOSED, and has then left nothing there.
   */
  backup(folder: string, options?: BackupOptions): Promise<BackupManifest>;
  /** Ends what is under way, flushes and frees the port. */
  close(): Promise<void>;
}

/**
 * Starts a node. Resolves when it listens and a majority of the nodes is alive and votes, or some seconds after it listens.
 * Rejects with BAD_CONFIG, DATA_DIR_LOCKED, DISK_FULL or FORMAT_UNKNOWN, and has then left nothing running.
 */
export async function createNode(options: NodeOptions): Promise<MendlogNode> {
  checkNodeOptions(options);
  const address = parseListen(options.listen);
  const secret = clusterSecret(options.secret, address.host);
  const log = options.log ?? silentLog;
  const kernel = loadKernel();
  const nodes = new Map(Object.entries(options.peers ?? {}));
  nodes.set(options.id, nodes.get(options.id) ?? '');

  const merkleOptions = withDefaults(MERKLE_DEFAULT, options.merkle);
  checkMerkleOptions(merkleOptions);
  const replicationFactor = options.replicationFactor ?? NODE_DEFAULTS.replicationFactor;
  const defaultConsistency = options.consistency ?? NODE_DEFAULTS.consistency;
  answersNeeded(defaultConsistency, Math.min(replicationFactor, nodes.size));

  const store = openStore({
    dataDir: options.dataDir,
    nodeId: options.id,
    kernel,
    secret,
    onDamage: (what) => log.warn('the disk has damaged the store', { what }),
  });
  const token = peerToken(kernel, secret);
  const psk = pskOf(secret);
  const catalog = new Catalog({ store, kernel, secret });
  const placement = new Placement(
    [...nodes.keys()].sort(),
    replicationFactor,
    (partition) => catalog.optionsOf(partition).replicationFactor,
  );
  const levelOf = <Asked extends WriteLevel>(partition: string, level: Asked | undefined): Asked | Level =>
    level ?? catalog.optionsOf(partition).consistency ?? defaultConsistency;
  const incarnation = originFromBits(randomBytes(8).readBigUInt64BE());
  const peers = new Peers({ self: options.id, nodes, token, psk, log, greeting: () => votes.greeting });
  const catalogSync = new CatalogSync({ catalog, peers, log });
  const votes: VoteKeeper = new VoteKeeper({
    store,
    peers,
    placement,
    log,
    catalogSettled: () => catalogSync.settled(),
    queueSession: (partition, how) => antiEntropy.queue(partition, 'new-store', how),
    onStoreReplaced: (nodeId) => {
      coordinator.storeReplaced(nodeId);
      ranges.storeReplaced(nodeId);
    },
  });
  const watermarkSync = new WatermarkSync({ store, peers, log });
  const trees = new MerkleTrees({ store, kernel, secret, options: merkleOptions });
  const metrics: Metrics = new Metrics(options.id, {
    kernel: kernel.kind,
    hints: () => hints.stats(),
    hintAgesMs: () => hints.agesMs(),
    totals: () => storeTotals(store),
    withoutVote: () => votes.withoutVote(),
    indexLagBytes: () => store.indexLagBytes,
    writeQueueBytes: () => coordinator.queuedBytes,
    readQueueReads: () => coordinator.queuedReads,
    speculativeReads: () => coordinator.speculativeReads,
    calls: () => ({ underWay: gate.calls, refused: gate.refused }),
    jobs: () => antiEntropy.countByStatus(),
    oldestPendingJobMs: () => antiEntropy.oldestPendingMs(),
    cachedTrees: () => trees.cachedTrees,
    scrub: () => scrubber.counts,
    connectionFaults: () => server.faults.counts,
    peers: () =>
      peers.nodeIds.filter((id) => id !== options.id).map((id) => ({ id, alive: peers.isAlive(id) })),
  });
  const isBusy = (): boolean => coordinator.isBusy;
  const gate = new CallGate({ isBusy });
  const antiEntropy = new AntiEntropy({
    isBusy,
    store,
    kernel,
    peers,
    placement,
    metrics,
    log,
    intervalMs: options.reconciliation?.intervalMs ?? NODE_DEFAULTS.reconciliationIntervalMs,
    isKnown: (partition) => changes.isKnown(partition),
    sessionBegins: () => votes.sessionBegins(),
  });
  const repairSoon = (
    partitions: readonly string[],
    reason: JobReason,
    facts: Readonly<Record<string, unknown>> = {},
  ) => {
    for (const partition of new Set(partitions)) {
      antiEntropy.queueAtLeader(partition, reason).catch((error: unknown) => {
        log.warn('a partition could not be marked for repair', { partition, reason, ...facts, error });
      });
    }
  };
  const hints = new HintKeeper({
    isBusy,
    store,
    peers,
    policy: withDefaults(HINT_POLICY_DEFAULT, options.hints),
    log,
    onLost: (target, partitions) => repairSoon(partitions, 'hint-lost', { target }),
  });
  const writeTimeoutMs = options.writeTimeoutMs ?? NODE_DEFAULTS.writeTimeoutMs;
  const readTimeoutMs = options.readTimeoutMs ?? NODE_DEFAULTS.readTimeoutMs;
  const readRepair = options.readRepair ?? NODE_DEFAULTS.readRepair;
  const readRepairChance = options.readRepairChance ?? NODE_DEFAULTS.readRepairChance;
  const coordinator = new NodeCoordinator({
    store,
    peers,
    placement,
    votes,
    hints,
    metrics,
    log,
    levelOf,
    incarnation,
    writeTimeoutMs,
    readTimeoutMs,
    readRepair,
    readRepairChance,
    mayDiffer: (partitions) => repairSoon(partitions, 'divergence'),
  });
  const ranges = new RangeCoordinator({
    isBusy,
    store,
    kernel,
    peers,
    placement,
    votes,
    metrics,
    log,
    levelOf,
    keys: coordinator.keyReads,
    readTimeoutMs,
    readRepair,
    readRepairChance,
  });
  const survey = new PartitionSurvey({ store, peers, placement, votes, levelOf, readTimeoutMs });
  const scrubber = new Scrubber({
    store,
    read: (partition, asked, level) => ranges.read(partition, asked, level),
    log,
    bytesPerSecondMax: options.scrub?.bytesPerSecondMax ?? NODE_DEFAULTS.scrubBytesPerSecondMax,
    pauseMs: options.scrub?.pauseMs ?? NODE_DEFAULTS.scrubPauseMs,
  });
  const changes = new PartitionChanges({
    store,
    catalog,
    peers,
    placement,
    survey,
    tellHead: (partition) => coordinator.tellHeads([partition])[0] ?? NO_VOTE,
    incarnation,
  });
  const retention = new RetentionKeeper({
    store,
    catalog,
    changes,
    peers,
    placement,
    log,
    intervalMs: options.retention?.intervalMs ?? NODE_DEFAULTS.retentionIntervalMs,
  });
  const purger = new TombstonePurger({
    store,
    kernel,
    peers,
    placement,
    log,
    intervalMs: options.tombstones?.purgeIntervalMs ?? NODE_DEFAULTS.tombstonePurgeIntervalMs,
    writeTimeoutMs,
    compare: (partition, nodeId) => antiEntropy.compareNow(partition, nodeId),
    ended: (outcome) => metrics.purgeEnded(outcome),
  });
  const merkle = createMerkleService({
    store,
    kernel,
    peers,
    trees,
    metrics,
    exists: (partition) => catalog.exists(partition),
  });
  const service = createNodeService({
    store,
    kernel,
    secret,
    peers,
    placement,
    coordinator,
    ranges,
    survey,
    hints,
    antiEntropy,
    merkle,
    metrics,
    catalog,
    changes,
    votes,
  });
  const replica = createReplica({
    nodeId: options.id,
    store,
    kernel,
    peers,
    catalog,
    changes,
    coordinator,
    trees,
    merkle,
    antiEntropy,
    votes,
  });
  const server: ApiServer = createApiServer({
    service,
    gate,
    peer: replica,
    token,
    psk,
    plaintext: options.plaintext,
    log,
    timeouts: options.httpTimeouts,
  });

  // New work is refused first; what runs ends; the store closes when nothing uses it any more.
  const closeAll = async () => {
    await coordinator.close();
    await server.close();
    await votes.close();
    await purger.close();
    await Promise.all([hints.close(), antiEntropy.close(), retention.close(), scrubber.close()]);
    await Promise.all([catalogSync.settled(), watermarkSync.settled()]);
    peers.close();
    await store.close();
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= closeAll();
    return closing;
  };
  try {
    // Whoever is there already is found, and has told its catalog and its watermarks, before anything can be
    // asked of this node.
    await catalog.applyFloors();
    await peers.firstContact();
    await Promise.all([catalogSync.settled(), watermarkSync.settled()]);
    const url = await server.listen(address);
    if (nodes.get(options.id) === '') nodes.set(options.id, url);
    peers.announce();
    // Nodes that start together find each other: the first write after that needs no second attempt.
    await peers.untilAlive(majorityOf(nodes.size), JOIN_TIMEOUT_MS);
    await votes.untilVoting(majorityOf(nodes.size), VOTES_TIMEOUT_MS);
    const absent = peers.nodeIds.filter((nodeId) => !peers.isAlive(nodeId));
    if (absent.length > 0) log.info('some peers are not there yet', { absent });
    log.info('node listens', { node: options.id, url });
    const backup = (folder: string, how: BackupOptions = {}) => store.backup(folder, how);
    return { id: options.id, url, service, backup, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
