/** The procedures over records: one at a time in JSON, and many in one call as packed groups. */
import {
  decodePacked,
  encodePacked,
  formatVersion,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  packItems,
  parseRecordId,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { type RecordJson, recordJson, valueBytes } from './message.js';
import { procedure, t } from './procedure.js';
import * as schemas from './schemas.js';

export const records = t.router({
  append: procedure
    .input(schemas.WriteInput)
    .output(schemas.WriteOutput)
    .mutation(async ({ ctx, input }) => {
      const group = packItems(input.partitionId, [valueBytes(input)]);
      const [outcome] = await ctx.service.append([group], input.consistency);
      if (outcome === undefined) throw new MendlogError('INTERNAL', 'an append had no outcome');
      if (!outcome.ok) throw MendlogError.fromShape(outcome.error);
      const { firstCounter, origin, acks, consistency } = outcome;
      const version = formatVersion({ counter: firstCounter, origin });
      return { partitionId: input.partitionId, id: firstCounter, version, acks, consistency };
    }),

  read: procedure
    .input(schemas.ReadInput)
    .output(schemas.ReadOutput)
    .query(async ({ ctx, input }) => {
      const id = parseRecordId(input.id);
      const [outcome] = await ctx.service.read(input.partitionId, [id], input.consistency);
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
      const { partitionId, limit, fromTime, toTime } = input;
      const from =
        input.from === undefined ? VERSION_LOWEST : { origin: ORIGIN_LOWEST, ...parseRecordId(input.from) };
      const to =
        input.to === undefined ? VERSION_HIGHEST : { origin: ORIGIN_HIGHEST, ...parseRecordId(input.to) };
      const time = { fromMs: fromTime, toMs: toTime };
      const page = await ctx.service.scan(partitionId, { from, to, limit, time }, input.consistency);
      if (!page.isKnown) throw new MendlogError('NOT_FOUND', `there is no partition ${partitionId}`);
      const next = page.next === undefined ? undefined : formatVersion(page.next);
      return { partitionId, records: page.frames.map(recordJson), next };
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

export const batches = t.router({
  append: procedure.input(schemas.BatchAppendInput).mutation(async ({ ctx, input }) => ({
    outcomes: await ctx.service.append(decodePacked(input.packed), input.consistency),
  })),

  read: procedure.input(schemas.BatchReadInput).query(async ({ ctx, input }) => {
    const found = await ctx.service.read(input.partition, input.ids.map(parseRecordId), input.consistency);
    return { records: found.map(({ frames, repaired }) => ({ frames, repaired })) };
  }),

  scan: procedure.input(schemas.BatchScanInput).query(async ({ ctx, input }) => {
    const { frames, ...page } = await ctx.service.scan(
      input.partition,
      { ...input.range, time: input.time },
      input.consistency,
    );
    return { packed: encodePacked([packItems(input.partition, frames)]), ...page };
  }),
});
