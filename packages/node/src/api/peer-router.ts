/** What nodes ask each other: it needs the cluster secret, and a replica. */
import { decodePacked, encodePacked, packItems, unpackRecordItems } from '@mendlog/core';
import { packOutcomes } from '../coordinator/packed-outcomes.js';
import { packPages } from '../coordinator/packed-pages.js';
import { peerDirect } from './direct-procedure.js';
import { t } from './procedure.js';
import * as schemas from './schemas.js';

export const peer = t.router({
  heartbeat: peerDirect.query(schemas.PeerHeartbeatInput, (peer, input) =>
    peer.heartbeat(input.from, input.store),
  ),
  totals: peerDirect.query(schemas.NoInput, (peer) => peer.totals()),
  heads: peerDirect.query(schemas.PeerHeadsInput, (peer, input) => ({ heads: peer.heads(input.partitions) })),
  write: peerDirect.mutation(schemas.BatchWriteInput, async (peer, input, caller) => {
    const options = { level: input.consistency, order: input.order };
    return packOutcomes(await peer.coordinate(decodePacked(input.packed), options, caller));
  }),
  keys: peerDirect.query(schemas.PeerKeysInput, (peer, input) =>
    peer.keys(decodePacked(input.packed), input.withRecords),
  ),
  store: peerDirect.mutation(schemas.PeerStoreInput, (peer, input) =>
    peer.apply(decodePacked(input.packed), input.source),
  ),
  /** As `store`, where this replica knows no counter as high; else nothing is stored. */
  propose: peerDirect.mutation(schemas.PeerProposeInput, async (peer, input) => ({
    stored: await peer.propose(decodePacked(input.packed)),
  })),
  /** What hints have kept for this replica: a busy one has it wait. */
  replay: peerDirect.mutation(schemas.PeerStoreInput, (peer, input) =>
    peer.apply(decodePacked(input.packed), input.source),
  ),
  trim: peerDirect.mutation(schemas.PeerTrimInput, (peer, input) =>
    peer.trim(input.partition, input.counter),
  ),
  fence: peerDirect.mutation(schemas.PeerFenceInput, async (peer, input) => ({
    raised: await peer.fence(input.partition, input.counter, input.purgedTo),
  })),
  purge: peerDirect.mutation(schemas.PeerTrimInput, (peer, input) =>
    peer.purge(input.partition, input.counter),
  ),
  purgeDigest: peerDirect.query(schemas.PeerPurgeDigestInput, (peer, input) =>
    peer.purgeDigest(input.partition, input.upTo),
  ),
  list: peerDirect.query(schemas.PeerListInput, (peer, input) => ({
    listings: peer.list(input.ranges, input.asVote === true),
  })),
  pages: peerDirect.query(schemas.PeerRangesInput, (peer, input) =>
    packPages(input.partition, peer.pages(input.partition, input.ranges)),
  ),
  digests: peerDirect.query(schemas.PeerRangesInput, (peer, input) => ({
    digests: peer.digests(input.partition, input.ranges),
  })),
  frames: peerDirect.query(schemas.PeerFramesInput, (peer, input) => {
    const { frames, ...rest } = peer.frames(input.partition, input.versions);
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  timeRanges: peerDirect.query(schemas.PeerTimeRangesInput, (peer, input) =>
    peer.timeRanges(input.partition, input, input),
  ),
  items: peerDirect.query(schemas.PeerItemsInput, (peer, input) => {
    const { frames, ...rest } = peer.items(input.partition, unpackRecordItems(input.items));
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  symbols: peerDirect.query(schemas.PeerSymbolsInput, async (peer, input, caller) => ({
    answer: await peer.symbols(input, caller),
  })),
  rows: peerDirect.query(schemas.PeerRowsInput, (peer, input) => ({
    rows: peer.rows(input.partition, input.level, input.ranges),
  })),
  root: peerDirect.query(schemas.PeerPartitionInput, (peer, input) => peer.root(input.partition)),
  roots: peerDirect.query(schemas.PeerPageInput, (peer, input) => ({
    roots: peer.roots(input.after, input.limit),
  })),
  tree: peerDirect.query(schemas.PeerTreeInput, (peer, input) => peer.tree(input.partition, input.reach)),
  compare: peerDirect.query(schemas.PeerCompareInput, (peer, input) =>
    peer.compare(input.partition, input.other),
  ),
  repair: peerDirect.mutation(schemas.PeerRepairInput, async (peer, input) => ({
    jobId: await peer.repair(input.partition, input.reason, input),
  })),
  catalog: peerDirect.query(schemas.PeerPageInput, (peer, input) => ({
    entries: peer.catalog(input.after, input.limit),
  })),
  mergeCatalog: peerDirect.mutation(schemas.PeerMergeCatalogInput, async (peer, input) => ({
    entries: await peer.mergeCatalog(input.entries),
  })),
  partition: peerDirect.query(schemas.PeerPartitionInput, (peer, input) => peer.partition(input.partition)),
  changePartition: peerDirect.mutation(schemas.PeerChangePartitionInput, (peer, input) =>
    peer.changePartition(input),
  ),
});
