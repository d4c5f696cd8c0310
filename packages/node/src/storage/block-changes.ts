/** How the blocks of a partition change: which ones are written with what, and which ones go. */
import { type BlockOut, blockBytes, blockOf, type IndexBlock, writePlaces, writeRun } from './index-block.js';
import type { LocatedRecord, Run } from './located-record.js';

/** Where blocks come from and go to. */
export interface BlockTable {
  /** The block as it is, until the next call. */
  read(block: number): IndexBlock | undefined;
  readonly out: BlockOut & { begin(bytesMax: number): void };
  /** What was written since begin(), or since the last call, is the block. */
  written(block: number): void;
  gone(block: number): void;
}

/**
 * Writes the blocks that differ afterwards. `added` ascend and are not there yet; where they begin above `head`, the highest
 * counter that was ever there, and nothing goes, they are appended.
 */
export function changeBlocks(
  { added, removed }: { added: readonly Run[]; removed: readonly LocatedRecord[] },
  head: number,
  table: BlockTable,
): void {
  const [first] = added;
  if (removed.length === 0 && first !== undefined && first.entry.counter(first.from) > head) {
    appendRuns(added, head, table);
    return;
  }
  const goneOf = byBlock(removed);
  for (const { block, news } of newsByBlock(added)) {
    mergeBlock(block, { news, gone: goneOf.get(block) ?? [] }, table);
    goneOf.delete(block);
  }
  for (const [block, gone] of goneOf) mergeBlock(block, { news: [], gone }, table);
}

/** Of the blocks that are there only the last can change, and nothing of it lies above what comes. */
function appendRuns(added: readonly Run[], head: number, { read, out, written }: BlockTable): void {
  let records = 0;
  for (const { from, to } of added) records += to - from;
  let block = -1;
  for (const run of added) {
    const { entry } = run;
    for (let from = run.from, to = from; from < run.to; from = to) {
      const of = blockOf(entry.counter(from));
      to = from + 1;
      while (to < run.to && blockOf(entry.counter(to)) === of) to++;
      if (of !== block) {
        if (block >= 0) written(block);
        else {
          const old = of > blockOf(head) ? undefined : read(of);
          out.begin(blockBytes(records + (old?.records ?? 0)));
          if (old !== undefined) writePlaces(out, old, { from: 0, to: old.records });
        }
        block = of;
      }
      writeRun(out, partOf(run, from, to));
    }
  }
  if (block >= 0) written(block);
}

function partOf(run: Run, from: number, to: number): Run {
  if (from === run.from && to === run.to) return run;
  return { arrival: run.arrival, entry: run.entry, from, to };
}

function byBlock(records: readonly LocatedRecord[]): Map<number, LocatedRecord[]> {
  const blocks = new Map<number, LocatedRecord[]>();
  for (const record of records) {
    const block = blockOf(record.version.counter);
    const of = blocks.get(block);
    if (of === undefined) blocks.set(block, [record]);
    else of.push(record);
  }
  return blocks;
}

function newsByBlock(runs: readonly Run[]): { readonly block: number; readonly news: Run[] }[] {
  const blocks: { block: number; news: Run[] }[] = [];
  for (const run of runs) {
    for (let from = run.from, to = from; from < run.to; from = to) {
      const block = blockOf(run.entry.counter(from));
      to = from + 1;
      while (to < run.to && blockOf(run.entry.counter(to)) === block) to++;
      const last = blocks.at(-1);
      if (last?.block === block) last.news.push(partOf(run, from, to));
      else blocks.push({ block, news: [partOf(run, from, to)] });
    }
  }
  return blocks;
}

function mergeBlock(
  block: number,
  { news, gone }: { news: readonly Run[]; gone: readonly LocatedRecord[] },
  { read, out, written, gone: removed }: BlockTable,
): void {
  const old = read(block);
  const added = news.reduce((sum, { from, to }) => sum + to - from, 0);
  const left = (old?.records ?? 0) - gone.length;
  if (added + left === 0) {
    removed(block);
    return;
  }
  out.begin(blockBytes(added + left));
  const end = out.at + blockBytes(added + left);
  if (old === undefined) for (const of of news) writeRun(out, of);
  else mergeInto(out, old, { news, gone });
  if (out.at !== end) throw new RangeError('a block of the index has gaps');
  written(block);
}

function mergeInto(
  out: BlockOut,
  old: IndexBlock,
  { news, gone }: { news: readonly Run[]; gone: readonly LocatedRecord[] },
): void {
  const isGone = new Set(gone.map(({ version }) => old.placeOf(version)));
  let place = 0;
  /** Brings in the old places below this one. */
  const upTo = (end: number) => {
    if (isGone.size === 0 && end > place) writePlaces(out, old, { from: place, to: end });
    else for (let i = place; i < end; i++) if (!isGone.has(i)) writePlaces(out, old, { from: i, to: i + 1 });
    place = Math.max(place, end);
  };
  for (const run of news) {
    const { entry, from, to } = run;
    const last = entry.version(to - 1);
    const isWholeAbove = old.placeOf(entry.version(from)) === old.placeOf(last);
    // As a rule nothing old lies between: then all of them go in together.
    if (isWholeAbove) {
      upTo(old.placeOf(last));
      writeRun(out, run);
      continue;
    }
    for (let i = from; i < to; i++) {
      upTo(old.placeOf(entry.version(i)));
      writeRun(out, partOf(run, i, i + 1));
    }
  }
  upTo(old.records);
}
