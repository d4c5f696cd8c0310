/** How the blocks of a partition change: which ones are written with what, and which ones go. */
import { type BlockNews, BlockWriter, blockOf, type IndexBlock } from './index-block.js';
import type { LocatedRecord, Run } from './located-record.js';

/** Reads a block as it is. */
type ReadBlock = (block: number) => IndexBlock | undefined;

/** The blocks that differ afterwards; undefined where nothing is left. `added` ascend and are not there yet. */
export function* changedBlocks(
  { added, removed }: { added: readonly Run[]; removed: readonly LocatedRecord[] },
  read: ReadBlock,
): Generator<[block: number, value: Buffer | undefined]> {
  const gone = byBlock(removed);
  for (const [block, news] of newsByBlock(added)) {
    yield [block, merged(read(block), news, gone.get(block))];
    gone.delete(block);
  }
  for (const [block, places] of gone) yield [block, merged(read(block), [], places)];
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

function* newsByBlock(runs: readonly Run[]): Generator<[block: number, news: readonly BlockNews[]]> {
  let block = -1;
  let news: BlockNews[] = [];
  for (const run of runs) {
    for (let from = run.from, to = from; from < run.to; from = to) {
      const of = blockOf(run.entry.counter(from));
      to = from + 1;
      while (to < run.to && blockOf(run.entry.counter(to)) === of) to++;
      if (of !== block) {
        if (news.length > 0) yield [block, news];
        block = of;
        news = [];
      }
      news.push({ run, from, to });
    }
  }
  if (news.length > 0) yield [block, news];
}

function merged(
  old: IndexBlock | undefined,
  news: readonly BlockNews[],
  gone: readonly LocatedRecord[] = [],
): Buffer | undefined {
  const added = news.reduce((sum, { from, to }) => sum + to - from, 0);
  const left = (old?.records ?? 0) - gone.length;
  if (added + left === 0) return undefined;
  const writer = new BlockWriter(added + left);
  if (old === undefined) {
    for (const of of news) writer.addRun(of);
    return writer.finish();
  }
  const isGone = new Set(gone.map(({ version }) => old.placeOf(version)));
  let place = 0;
  /** Brings in the old places below this one. */
  const upTo = (end: number) => {
    if (isGone.size === 0 && end > place) writer.addBlock(old, place, end);
    else for (let i = place; i < end; i++) if (!isGone.has(i)) writer.addBlock(old, i, i + 1);
    place = Math.max(place, end);
  };
  for (const { run, from, to } of news) {
    const last = run.entry.version(to - 1);
    const isWholeAbove = old.placeOf(run.entry.version(from)) === old.placeOf(last);
    // As a rule nothing old lies between: then all of them go in together.
    if (isWholeAbove) {
      upTo(old.placeOf(last));
      writer.addRun({ run, from, to });
      continue;
    }
    for (let i = from; i < to; i++) {
      upTo(old.placeOf(run.entry.version(i)));
      writer.addRun({ run, from: i, to: i + 1 });
    }
  }
  upTo(old.records);
  return writer.finish();
}
