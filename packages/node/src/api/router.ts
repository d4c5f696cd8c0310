/**
 * The tRPC routers: every procedure of a node and of a gateway, with zod at the edge.
 *
 * `records`, `partitions`, `cluster`, `merkle`, `hints`, `antiEntropy` speak JSON: anyone calls them over
 * HTTP and WebSocket, and REST is made of them. The binary router has them too, and beside them `batches`,
 * which carries many records in one call for the client, and `peer`, what nodes ask each other.
 */
import { initTRPC } from '@trpc/server';
import { peer } from './peer-router.js';
import { procedure, type RouterContext, t } from './procedure.js';
import { batches, records } from './records-router.js';
import * as schemas from './schemas.js';

const cluster = t.router({
  layout: procedure.output(schemas.LayoutOutput).query(({ ctx }) => ctx.service.layout()),
  health: procedure.output(schemas.HealthOutput).query(({ ctx }) => ctx.service.health()),
  summary: procedure.output(schemas.SummaryOutput.array()).query(({ ctx }) => ctx.service.summary()),
  /** The Prometheus text format. */
  metrics: procedure.query(({ ctx }) => ctx.service.metrics()),
});

const partitions = t.router({
  list: procedure
    .input(schemas.PageInput)
    .output(schemas.PartitionsOutput)
    .query(({ ctx, input }) => ctx.service.partitions(input)),
  get: procedure
    .input(schemas.PartitionInput)
    .output(schemas.PartitionDetailsOutput)
    .query(({ ctx, input }) => ctx.service.partition(input.partitionId)),
  create: procedure
    .input(schemas.CreatePartitionInput)
    .output(schemas.PartitionDetailsOutput)
    .mutation(({ ctx, input: { partitionId, ...options } }) =>
      ctx.service.createPartition(partitionId, options),
    ),
  configure: procedure
    .input(schemas.ConfigurePartitionInput)
    .output(schemas.PartitionDetailsOutput)
    .mutation(({ ctx, input: { partitionId, ...options } }) =>
      ctx.service.configurePartition(partitionId, options),
    ),
  trim: procedure
    .input(schemas.TrimPartitionInput)
    .output(schemas.PartitionDetailsOutput)
    .mutation(({ ctx, input }) => ctx.service.trimPartition(input.partitionId, input.to)),
  drop: procedure
    .input(schemas.PartitionInput)
    .output(schemas.PartitionDetailsOutput)
    .mutation(({ ctx, input }) => ctx.service.dropPartition(input.partitionId)),
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
