/** What nodes ask each other: it needs the cluster secret, and a replica. */
import { decodePacked, encodePacked, packItems, unpackRecordItems } from '@mendlog/core';
import { packOutcomes } from '../coordinator/packed-outcomes.js';
import { packPages } from '../coordinator/packed-pages.js';
import { directPeerProcedure } from './direct-procedure.js';
import { t } from './procedure.js';
import * as schemas from './schemas.js';

export const peer = t.router({
  heartbeat: directPeerProcedure.query(schemas.PeerHeartbeatInput, (replica, input) =>
    replica.heartbeat(input.from, input.store),
  ),
  totals: directPeerProcedure.query(schemas.NoInput, (replica) => replica.totals()),
  heads: directPeerProcedure.query(schemas.PeerHeadsInput, (replica, input) => ({
    heads: replica.heads(input.partitions),
  })),
  write: directPeerProcedure.mutation(schemas.BatchWriteInput, async (replica, input, caller) => {
    const options = { level: input.consistency, order: input.order };
    return packOutcomes(await replica.coordinate(decodePacked(input.packed), options, caller));
  }),
  keys: directPeerProcedure.query(schemas.PeerKeysInput, (replica, input) =>
    replica.keys(decodePacked(input.packed), input.withRecords),
  ),
  store: directPeerProcedure.mutation(schemas.PeerStoreInput, (replica, input) =>
    replica.apply(decodePacked(input.packed), input.source),
  ),
  /** As `store`, where this replica knows no counter as high; else nothing is stored. */
  propose: directPeerProcedure.mutation(schemas.PeerProposeInput, async (replica, input) => ({
    stored: await replica.propose(decodePacked(input.packed)),
  })),
  /** What hints have kept for this replica: a busy one has it wait. */
  replay: directPeerProcedure.mutation(schemas.PeerStoreInput, (replica, input) =>
    replica.apply(decodePacked(input.packed), input.source),
  ),
  trim: directPeerProcedure.mutation(schemas.PeerTrimInput, (replica, input) =>
    replica.trim(input.partition, input.counter),
  ),
  fence: directPeerProcedure.mutation(schemas.PeerFenceInput, async (replica, input) => ({
    raised: await replica.fence(input.partition, input.counter, input.purgedTo),
  })),
  purge: directPeerProcedure.mutation(schemas.PeerTrimInput, (replica, input) =>
    replica.purge(input.partition, input.counter),
  ),
  purgeDigest: directPeerProcedure.query(schemas.PeerPurgeDigestInput, (replica, input) =>
    replica.purgeDigest(input.partition, input.upTo),
  ),
  list: directPeerProcedure.query(schemas.PeerListInput, (replica, input) => ({
    listings: replica.list(input.ranges, input.asVote === true),
  })),
  pages: directPeerProcedure.query(schemas.PeerRangesInput, (replica, input) =>
    packPages(input.partition, replica.pages(input.partition, input.ranges)),
  ),
  digests: directPeerProcedure.query(schemas.PeerRangesInput, (replica, input) => ({
    digests: replica.digests(input.partition, input.ranges),
  })),
  frames: directPeerProcedure.query(schemas.PeerFramesInput, (replica, input) => {
    const { frames, ...rest } = replica.frames(input.partition, input.versions);
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  timeRanges: directPeerProcedure.query(schemas.PeerTimeRangesInput, (replica, input) =>
    replica.timeRanges(input.partition, input, input),
  ),
  items: directPeerProcedure.query(schemas.PeerItemsInput, (replica, input) => {
    const { frames, ...rest } = replica.items(input.partition, unpackRecordItems(input.items));
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  symbols: directPeerProcedure.query(schemas.PeerSymbolsInput, async (replica, input, caller) => ({
    answer: await replica.symbols(input, caller),
  })),
  rows: directPeerProcedure.query(schemas.PeerRowsInput, (replica, input) => ({
    rows: replica.rows(input.partition, input.level, input.ranges),
  })),
  root: directPeerProcedure.query(schemas.PeerPartitionInput, (replica, input) =>
    replica.root(input.partition),
  ),
  roots: directPeerProcedure.query(schemas.PeerPageInput, (replica, input) => ({
    roots: replica.roots(input.after, input.limit),
  })),
  tree: directPeerProcedure.query(schemas.PeerTreeInput, (replica, input) =>
    replica.tree(input.partition, input.reach),
  ),
  compare: directPeerProcedure.query(schemas.PeerCompareInput, (replica, input) =>
    replica.compare(input.partition, input.other),
  ),
  repair: directPeerProcedure.mutation(schemas.PeerRepairInput, async (replica, input) => ({
    jobId: await replica.repair(input.partition, input.reason, input),
  })),
  catalog: directPeerProcedure.query(schemas.PeerPageInput, (replica, input) => ({
    entries: replica.catalog(input.after, input.limit),
  })),
  mergeCatalog: directPeerProcedure.mutation(schemas.PeerMergeCatalogInput, async (replica, input) => ({
    entries: await replica.mergeCatalog(input.entries),
  })),
  partition: directPeerProcedure.query(schemas.PeerPartitionInput, (replica, input) =>
    replica.partition(input.partition),
  ),
  changePartition: directPeerProcedure.mutation(schemas.PeerChangePartitionInput, (replica, input) =>
    replica.changePartition(input),
  ),
});
