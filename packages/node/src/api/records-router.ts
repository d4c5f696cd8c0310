/** The procedures over records: one at a time in JSON, and many in one call as packed groups. */
import {
  decodePacked,
  encodeDraft,
  encodePacked,
  formatVersion,
  itemsOf,
  LIMITS,
  levelText,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  packItems,
  parseRecordId,
  putKey,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type WriteLevel,
} from '@mendlog/core';
import type { z } from 'zod';
import { packKeyOutcomes, packOutcomes } from '../coordinator/packed-outcomes.js';
import { directProcedure } from './direct-procedure.js';
import { type RecordJson, recordJson, valueBytes } from './message.js';
import { procedure, t } from './procedure.js';
import type { RequestCaller } from './request-caller.js';
import * as schemas from './schemas.js';
import type { Service } from './service.js';

export const records = t.router({
  append: procedure
    .input(schemas.WriteInput)
    .output(schemas.WriteOutput)
    .mutation(({ ctx, input }) => write(ctx, input, encodeDraft({ value: valueBytes(input) }))),

  put: procedure
    .input(schemas.PutInput)
    .output(schemas.WriteOutput)
    .mutation(({ ctx, input }) =>
      write(ctx, input, encodeDraft({ key: input.key, value: valueBytes(input) })),
    ),

  delete: procedure
    .input(schemas.DeleteInput)
    .output(schemas.WriteOutput)
    .mutation(({ ctx, input }) =>
      write(ctx, input, encodeDraft({ key: input.key, tombstone: true, value: new Uint8Array(0) })),
    ),

  get: procedure
    .input(schemas.KeyInput)
    .output(schemas.GetOutput)
    .query(async ({ ctx, input }) => {
      const question = { partition: input.partitionId, key: putKey(input.key) };
      const [outcome] = await ctx.service.readKeys([question], input.consistency, ctx.caller);
      if (outcome === undefined) throw new MendlogError('INTERNAL', 'a read had no outcome');
      if (!outcome.ok) throw MendlogError.fromShape(outcome.error);
      const record = outcome.frame && recordJson(outcome.frame);
      if (record === undefined || record.deleted === true)
        throw new MendlogError('NOT_FOUND', `partition ${input.partitionId} has no key ${input.key}`);
      return { partitionId: input.partitionId, ...record, repaired: outcome.repaired };
    }),

  read: procedure
    .input(schemas.ReadInput)
    .output(schemas.ReadOutput)
    .query(async ({ ctx, input }) => {
      const id = parseRecordId(input.id);
      const [outcome] = await ctx.service.read(input.partitionId, [id], input.consistency, ctx.caller);
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
      const { partitionId, limit, reverse: descending, fromTime, toTime } = input;
      const from =
        input.from === undefined ? VERSION_LOWEST : { origin: ORIGIN_LOWEST, ...parseRecordId(input.from) };
      const to =
        input.to === undefined ? VERSION_HIGHEST : { origin: ORIGIN_HIGHEST, ...parseRecordId(input.to) };
      const time = { fromMs: fromTime, toMs: toTime };
      const page = await ctx.service.scan(
        partitionId,
        { from, to, limit, descending, time },
        input.consistency,
        ctx.caller,
      );
      if (!page.isKnown) throw new MendlogError('NOT_FOUND', `there is no partition ${partitionId}`);
      const next = page.next === undefined ? undefined : formatVersion(page.next);
      return { partitionId, records: page.frames.map(recordJson), next };
    }),
});

/** One record. */
async function write(
  { service, caller }: { service: Service; caller: RequestCaller },
  { partitionId, consistency }: { partitionId: string; consistency?: WriteLevel | undefined },
  draft: Uint8Array,
): Promise<z.infer<typeof schemas.WriteOutput>> {
  const [outcome] = await service.write([packItems(partitionId, [draft])], { level: consistency }, caller);
  if (outcome === undefined) throw new MendlogError('INTERNAL', 'a write had no outcome');
  if (!outcome.ok) throw MendlogError.fromShape(outcome.error);
  const { firstCounter, origin, acks, level } = outcome;
  const version = formatVersion({ counter: firstCounter, origin });
  return { partitionId, id: firstCounter, version, acks, consistency: levelText(level) };
}

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

export const batches = t.router({
  /** Groups of drafts, which are frames without a version. */
  write: directProcedure.mutation(schemas.BatchWriteInput, async (service, input, caller) => {
    const options = { level: input.consistency, order: input.order };
    return packOutcomes(await service.write(decodePacked(input.packed), options, caller));
  }),

  /** Groups of record keys. */
  get: directProcedure.query(schemas.BatchGetInput, async (service, input, caller) => {
    const groups = decodePacked(input.packed);
    const questions = groups.flatMap((group) =>
      [...itemsOf(group)].map((key) => ({ partition: group.partition, key })),
    );
    if (questions.length > LIMITS.rangesMax) {
      const message = `${questions.length} keys are over the limit of ${LIMITS.rangesMax} for one call`;
      throw new MendlogError('TOO_LARGE', message);
    }
    return packKeyOutcomes(await service.readKeys(questions, input.consistency, caller));
  }),

  read: directProcedure.query(schemas.BatchReadInput, async (service, input, caller) => {
    const ids = input.ids.map(parseRecordId);
    const found = await service.read(input.partition, ids, input.consistency, caller);
    return { records: found.map(({ frames, repaired }) => ({ frames, repaired })) };
  }),

  /** Records as they arrive at this node, in pages, and nothing else until there are some. */
  tail: procedure.input(schemas.BatchTailInput).subscription(async function* ({ ctx, input, signal }) {
    for await (const { records, cursor } of ctx.service.tail(input, signal)) {
      yield {
        packed: encodePacked([
          packItems(
            input.partition,
            records.map(({ frame }) => frame),
          ),
        ]),
        arrivals: records.map(({ arrival }) => arrival),
        ordinals: records.map(({ ordinal }) => ordinal),
        cursor,
      };
    }
  }),

  /** Where the arrivals of this node end now. */
  tailEnd: directProcedure.query(schemas.BatchTailEndInput, (service, input) =>
    service.tailEnd(input.partition, input.after),
  ),

  scan: directProcedure.query(schemas.BatchScanInput, async (service, input, caller) => {
    const { frames, ...page } = await service.scan(
      input.partition,
      { ...input.range, time: input.time },
      input.consistency,
      caller,
    );
    return { packed: encodePacked([packItems(input.partition, frames)]), ...page };
  }),
});
