/** What nodes ask each other: it needs the cluster secret, and a replica. */
import { decodePacked, encodePacked, packItems, unpackRecordItems } from '@mendlog/core';
import { packOutcomes } from '../coordinator/packed-outcomes.js';
import { packPages } from '../coordinator/packed-pages.js';
import { peerProcedure, t } from './procedure.js';
import * as schemas from './schemas.js';

export const peer = t.router({
  heartbeat: peerProcedure
    .input(schemas.PeerHeartbeatInput)
    .query(({ ctx, input }) => ctx.peer.heartbeat(input.from, input.store)),
  totals: peerProcedure.query(({ ctx }) => ctx.peer.totals()),
  heads: peerProcedure
    .input(schemas.PeerHeadsInput)
    .query(({ ctx, input }) => ({ heads: ctx.peer.heads(input.partitions) })),
  write: peerProcedure.input(schemas.BatchWriteInput).mutation(async ({ ctx, input }) => {
    const options = { level: input.consistency, order: input.order };
    return packOutcomes(await ctx.peer.coordinate(decodePacked(input.packed), options, ctx.caller));
  }),
  keys: peerProcedure
    .input(schemas.PeerKeysInput)
    .query(({ ctx, input }) => ctx.peer.keys(decodePacked(input.packed), input.withRecords)),
  store: peerProcedure
    .input(schemas.PeerStoreInput)
    .mutation(({ ctx, input }) => ctx.peer.apply(decodePacked(input.packed), input.source)),
  /** As `store`, where this replica knows no counter as high; else nothing is stored. */
  propose: peerProcedure
    .input(schemas.PeerProposeInput)
    .mutation(async ({ ctx, input }) => ({ stored: await ctx.peer.propose(decodePacked(input.packed)) })),
  /** What hints have kept for this replica: a busy one has it wait. */
  replay: peerProcedure
    .input(schemas.PeerStoreInput)
    .mutation(({ ctx, input }) => ctx.peer.apply(decodePacked(input.packed), input.source)),
  trim: peerProcedure
    .input(schemas.PeerTrimInput)
    .mutation(({ ctx, input }) => ctx.peer.trim(input.partition, input.counter)),
  fence: peerProcedure.input(schemas.PeerFenceInput).mutation(async ({ ctx, input }) => ({
    raised: await ctx.peer.fence(input.partition, input.counter, input.purgedTo),
  })),
  purge: peerProcedure
    .input(schemas.PeerTrimInput)
    .mutation(({ ctx, input }) => ctx.peer.purge(input.partition, input.counter)),
  purgeDigest: peerProcedure
    .input(schemas.PeerPurgeDigestInput)
    .query(({ ctx, input }) => ctx.peer.purgeDigest(input.partition, input.upTo)),
  list: peerProcedure
    .input(schemas.PeerListInput)
    .query(({ ctx, input }) => ({ listings: ctx.peer.list(input.ranges, input.asVote === true) })),
  pages: peerProcedure
    .input(schemas.PeerRangesInput)
    .query(({ ctx, input }) => packPages(input.partition, ctx.peer.pages(input.partition, input.ranges))),
  digests: peerProcedure
    .input(schemas.PeerRangesInput)
    .query(({ ctx, input }) => ({ digests: ctx.peer.digests(input.partition, input.ranges) })),
  frames: peerProcedure.input(schemas.PeerFramesInput).query(({ ctx, input }) => {
    const { frames, ...rest } = ctx.peer.frames(input.partition, input.versions);
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  timeRanges: peerProcedure
    .input(schemas.PeerTimeRangesInput)
    .query(({ ctx, input }) => ctx.peer.timeRanges(input.partition, input, input)),
  items: peerProcedure.input(schemas.PeerItemsInput).query(({ ctx, input }) => {
    const { frames, ...rest } = ctx.peer.items(input.partition, unpackRecordItems(input.items));
    return { packed: encodePacked([packItems(input.partition, frames)]), ...rest };
  }),
  symbols: peerProcedure
    .input(schemas.PeerSymbolsInput)
    .query(async ({ ctx, input }) => ({ answer: await ctx.peer.symbols(input, ctx.caller) })),
  rows: peerProcedure.input(schemas.PeerRowsInput).query(({ ctx, input }) => ({
    rows: ctx.peer.rows(input.partition, input.level, input.ranges),
  })),
  root: peerProcedure
    .input(schemas.PeerPartitionInput)
    .query(({ ctx, input }) => ctx.peer.root(input.partition)),
  roots: peerProcedure
    .input(schemas.PeerPageInput)
    .query(({ ctx, input }) => ({ roots: ctx.peer.roots(input.after, input.limit) })),
  tree: peerProcedure
    .input(schemas.PeerTreeInput)
    .query(({ ctx, input }) => ctx.peer.tree(input.partition, input.reach)),
  compare: peerProcedure
    .input(schemas.PeerCompareInput)
    .query(({ ctx, input }) => ctx.peer.compare(input.partition, input.other)),
  repair: peerProcedure.input(schemas.PeerRepairInput).mutation(async ({ ctx, input }) => ({
    jobId: await ctx.peer.repair(input.partition, input.reason, input),
  })),
  catalog: peerProcedure
    .input(schemas.PeerPageInput)
    .query(({ ctx, input }) => ({ entries: ctx.peer.catalog(input.after, input.limit) })),
  mergeCatalog: peerProcedure
    .input(schemas.PeerMergeCatalogInput)
    .mutation(async ({ ctx, input }) => ({ entries: await ctx.peer.mergeCatalog(input.entries) })),
  partition: peerProcedure
    .input(schemas.PeerPartitionInput)
    .query(({ ctx, input }) => ctx.peer.partition(input.partition)),
  changePartition: peerProcedure
    .input(schemas.PeerChangePartitionInput)
    .mutation(({ ctx, input }) => ctx.peer.changePartition(input)),
});
