/**
 * The tRPC routers: every procedure of a node and of a gateway, with zod at the edge.
 *
 * `records`, `cluster`, `hints`, `antiEntropy` speak JSON: anyone calls them over HTTP and WebSocket, and
 * REST is made of them. The binary router has them too, and beside them `batches`, which carries many
 * records in one call for the client, and `peer`, what nodes ask each other: it needs the cluster
 * secret and a replica.
 */
import {
  decodePacked,
  encodePacked,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  packItems,
  parseRecordId,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { initTRPC, TRPCError } from '@trpc/server';
import type { Log } from '../log.js';
import { errorShapeOf, trpcCodeOf } from './error-shape.js';
import { type RecordJson, recordJson, valueBytes } from './message.js';
import * as schemas from './schemas.js';
import type { PeerService, Service } from './service.js';

export interface RouterContext {
  readonly service: Service;
  readonly peer: PeerService | undefined;
  readonly log: Log;
  /** The caller has proved that it knows the cluster secret. */
  readonly isPeer: boolean;
}

const t = initTRPC.context<RouterContext>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => ({ ...shape, data: { ...shape.data, mendlog: errorShapeOf(error) } }),
});

// A MendlogError, also one that came from another node, passes through tRPC as the cause of the error
// whose code fits its HTTP status. What nobody foresaw is logged: the caller gets to see no more than that.
const procedure = t.procedure.use(async ({ ctx, next, path }) => {
  const result = await next();
  if (result.ok) return result;
  const cause = toMendlogError(result.error.cause);
  if (cause.code !== 'INTERNAL')
    throw new TRPCError({ code: trpcCodeOf(cause), message: cause.message, cause });
  if (result.error.code === 'INTERNAL_SERVER_ERROR')
    ctx.log.warn('a procedure failed', { path, error: result.error.cause });
  return result;
});

const peerProcedure = procedure.use(({ ctx, next }) => {
  if (!ctx.isPeer) throw new MendlogError('UNAUTHORIZED', 'the peer procedures need the cluster secret');
  if (ctx.peer === undefined)
    throw new MendlogError('NOT_FOUND', 'this process is a gateway and holds no replica');
  return next({ ctx: { peer: ctx.peer } });
});

const records = t.router({
  append: procedure
    .input(schemas.WriteInput)
    .output(schemas.WriteOutput)
    .mutation(async ({ ctx, input }) => {
      const consistency = input.consistency ?? ctx.service.defaultConsistency;
      const group = packItems(input.partitionId, [valueBytes(input)]);
      const [outcome] = await ctx.service.append([group], consistency);
      if (outcome === undefined) throw new MendlogError('INTERNAL', 'an append had no outcome');
      if (!outcome.ok) throw MendlogError.fromShape(outcome.error);
      const { firstCounter, origin, acks } = outcome;
      return {
        partitionId: input.partitionId,
        id: firstCounter,
        version: `${firstCounter}-${origin}`,
        acks,
        consistency,
      };
    }),

  read: procedure
    .input(schemas.ReadInput)
    .output(schemas.ReadOutput)
    .query(async ({ ctx, input }) => {
      const consistency = input.consistency ?? ctx.service.defaultConsistency;
      const [outcome] = await ctx.service.read(input.partitionId, [parseRecordId(input.id)], consistency);
      const found = (outcome?.frames ?? []).map(recordJson);
      return {
        partitionId: input.partitionId,
        ...theOnly(found, input),
        repaired: outcome?.repaired ?? false,
      };
    }),

  scan: procedure
    .input(schemas.ScanInput)
    .output(schemas.ScanOutput)
    .query(async ({ ctx, input }) => {
      const from =
        input.from === undefined ? VERSION_LOWEST : { origin: ORIGIN_LOWEST, ...parseRecordId(input.from) };
      const to =
        input.to === undefined ? VERSION_HIGHEST : { origin: ORIGIN_HIGHEST, ...parseRecordId(input.to) };
      const consistency = input.consistency ?? ctx.service.defaultConsistency;
      // One record more than the page shows where the next one begins.
      const page = await ctx.service.scan(
        input.partitionId,
        { from, to, limit: input.limit + 1 },
        consistency,
      );
      const found = page.frames.map(recordJson);
      const next = found.length > input.limit ? found[input.limit]?.version : undefined;
      return { partitionId: input.partitionId, records: found.slice(0, input.limit), next };
    }),
});

function theOnly(found: readonly RecordJson[], input: { partitionId: string; id: string }): RecordJson {
  const [record] = found;
  if (record === undefined)
    throw new MendlogError('NOT_FOUND', `partition ${input.partitionId} has no record ${input.id}`);
  if (found.length === 1) return record;
  throw new MendlogError(
    'AMBIGUOUS_ID',
    `${found.length} records carry the counter ${input.id}: name one by its version`,
    {
      details: { versions: found.map(({ version }) => version) },
    },
  );
}

const batches = t.router({
  append: procedure.input(schemas.BatchAppendInput).mutation(async ({ ctx, input }) => ({
    outcomes: await ctx.service.append(decodePacked(input.packed), input.consistency),
  })),

  read: procedure.input(schemas.BatchReadInput).query(async ({ ctx, input }) => {
    const found = await ctx.service.read(input.partition, input.ids.map(parseRecordId), input.consistency);
    return { records: found.map(({ frames, repaired }) => ({ frames, repaired })) };
  }),

  scan: procedure.input(schemas.BatchScanInput).query(async ({ ctx, input }) => {
    const page = await ctx.service.scan(input.partition, input.range, input.consistency);
    return {
      packed: encodePacked([packItems(input.partition, page.frames)]),
      truncated: page.truncated,
      repaired: page.repaired,
    };
  }),
});

const cluster = t.router({
  layout: procedure.output(schemas.LayoutOutput).query(({ ctx }) => ctx.service.layout()),
  health: procedure.output(schemas.HealthOutput).query(({ ctx }) => ctx.service.health()),
  summary: procedure.output(schemas.SummaryOutput.array()).query(({ ctx }) => ctx.service.summary()),
  /** The Prometheus text format. */
  metrics: procedure.query(({ ctx }) => ctx.service.metrics()),
});

const partitions = t.router({
  list: procedure.output(schemas.PartitionsOutput).query(({ ctx }) => ctx.service.partitions()),
});

const merkle = t.router({
  build: procedure
    .input(schemas.MerkleBuildInput)
    .output(schemas.MerkleBuildOutput)
    .mutation(({ ctx, input }) => ctx.service.merkleBuild(input.partitionId, input.nodeUrl)),
  compare: procedure
    .input(schemas.MerkleCompareInput)
    .output(schemas.MerkleCompareOutput)
    .mutation(({ ctx, input }) =>
      ctx.service.merkleCompare(input.partitionId, input.node1Url, input.node2Url),
    ),
  health: procedure.output(schemas.MerkleHealthOutput).query(({ ctx }) => ctx.service.merkleHealth()),
});

const hints = t.router({
  stats: procedure.output(schemas.HintStatsOutput).query(({ ctx }) => ctx.service.hintStats()),
  pending: procedure
    .input(schemas.PageInput)
    .output(schemas.HintsPendingOutput)
    .query(({ ctx, input }) => ctx.service.hintsPending(input)),
  drop: procedure
    .input(schemas.HintsDropInput)
    .output(schemas.HintsDropOutput)
    .mutation(async ({ ctx, input }) => ({
      dropped: await ctx.service.dropHints(input.target, input.fraction),
    })),
});

const antiEntropy = t.router({
  jobs: procedure
    .input(schemas.JobsInput)
    .output(schemas.JobsOutput)
    .query(({ ctx, input }) => ctx.service.jobs(input)),
  trigger: procedure
    .input(schemas.TriggerInput)
    .output(schemas.TriggerOutput)
    .mutation(async ({ ctx, input }) => ({
      jobIds: await ctx.service.trigger(input),
    })),
  preview: procedure
    .input(schemas.PreviewInput)
    .output(schemas.PreviewOutput)
    .query(({ ctx, input }) => ctx.service.preview(input.partitionId)),
  cancel: procedure
    .input(schemas.CancelInput)
    .output(schemas.CancelOutput)
    .mutation(async ({ ctx, input }) => {
      await ctx.service.cancel(input.jobId);
      return { cancelled: input.jobId };
    }),
  pause: procedure.output(schemas.PausedOutput).mutation(async ({ ctx }) => {
    await ctx.service.setPaused(true);
    return { paused: true };
  }),
  resume: procedure.output(schemas.PausedOutput).mutation(async ({ ctx }) => {
    await ctx.service.setPaused(false);
    return { paused: false };
  }),
});

const peer = t.router({
  heartbeat: peerProcedure.query(({ ctx }) => ctx.peer.heartbeat()),
  totals: peerProcedure.query(({ ctx }) => ctx.peer.totals()),
  heads: peerProcedure
    .input(schemas.PeerHeadsInput)
    .query(({ ctx, input }) => ({ heads: ctx.peer.heads(input.partitions) })),
  append: peerProcedure.input(schemas.BatchAppendInput).mutation(async ({ ctx, input }) => ({
    outcomes: await ctx.peer.coordinate(decodePacked(input.packed), input.consistency),
  })),
  store: peerProcedure
    .input(schemas.PeerStoreInput)
    .mutation(({ ctx, input }) => ctx.peer.apply(decodePacked(input.packed))),
  list: peerProcedure
    .input(schemas.PeerListInput)
    .query(({ ctx, input }) => ({ listings: ctx.peer.list(input.ranges) })),
  fetch: peerProcedure.input(schemas.PeerFetchInput).query(({ ctx, input }) => ({
    packed: encodePacked([ctx.peer.fetch(input.partition, input.versions)]),
  })),
  rows: peerProcedure.input(schemas.PeerRowsInput).query(({ ctx, input }) => ({
    rows: ctx.peer.rows(input.partition, input.level, input.ranges),
  })),
  root: peerProcedure
    .input(schemas.PeerRootInput)
    .query(({ ctx, input }) => ({ root: ctx.peer.root(input.partition) })),
  roots: peerProcedure.query(({ ctx }) => ({ roots: ctx.peer.roots() })),
  tree: peerProcedure
    .input(schemas.PeerTreeInput)
    .query(({ ctx, input }) => ctx.peer.tree(input.partition, input.reach)),
  compare: peerProcedure
    .input(schemas.PeerCompareInput)
    .query(({ ctx, input }) => ctx.peer.compare(input.partition, input.other)),
  repair: peerProcedure.input(schemas.PeerRepairInput).mutation(async ({ ctx, input }) => ({
    jobId: await ctx.peer.repair(input.partition, input.reason, input),
  })),
});

export const router = t.router({ records, partitions, cluster, merkle, hints, antiEntropy });

// MessagePack carries bytes as they are, JSON does not: with a transformer, tRPC's types say so too.
const binary = initTRPC.context<RouterContext>().create({
  isDev: false,
  transformer: { serialize: (value: unknown) => value, deserialize: (value: unknown) => value },
});

export const binaryRouter = binary.router({
  records,
  partitions,
  cluster,
  merkle,
  hints,
  antiEntropy,
  batches,
  peer,
});

/** The type of the procedures that anyone may call with a stock tRPC client: import it as a type only. */
export type AppRouter = typeof router;

/** The type of the procedures on a binary connection. */
export type BinaryRouter = typeof binaryRouter;
