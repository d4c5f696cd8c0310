/** How records that arrived come into the blocks of the index: of one version the one with the higher tag stays. */
import { compareTags, compareVersions } from '@mendlog/core';
import { blockOf, type IndexBlock } from './index-block.js';
import type { LiveShares } from './live-shares.js';
import type { LocatedRecord } from './overlay.js';

/** Records that ascend, block by block. */
export function* byBlock(
  records: readonly LocatedRecord[],
): Generator<[block: number, records: readonly LocatedRecord[]]> {
  for (let from = 0, to = 0; from < records.length; from = to) {
    const block = blockOf((records[from] as LocatedRecord).version.counter);
    to = from + 1;
    while (to < records.length && blockOf((records[to] as LocatedRecord).version.counter) === block) to++;
    yield [block, from === 0 && to === records.length ? records : records.slice(from, to)];
  }
}

interface MergedBlock {
  readonly records: readonly LocatedRecord[];
  readonly added: readonly LocatedRecord[];
  /** Records of the block that give way. */
  readonly replaced: readonly LocatedRecord[];
  /** Records that do not come in: of their version there is one with a higher tag. */
  readonly refused: readonly LocatedRecord[];
}

/** A block with new records in it; `news` ascend. */
export function mergedBlock(block: IndexBlock | undefined, news: readonly LocatedRecord[]): MergedBlock {
  if (block === undefined) return { records: news, added: news, replaced: [], refused: [] };
  const old = block.all();
  if (compareVersions((old.at(-1) as LocatedRecord).version, (news[0] as LocatedRecord).version) < 0) {
    return { records: [...old, ...news], added: news, replaced: [], refused: [] };
  }
  const replaced: LocatedRecord[] = [];
  const refused: LocatedRecord[] = [];
  for (const record of news) {
    const present = block.find(record.version);
    if (present === undefined) continue;
    // Of equal tags the later arrival stays: it was written because the disk had changed the other.
    if (compareTags(present.tag, record.tag) > 0) refused.push(record);
    else replaced.push(present);
  }
  const added = news.filter((record) => !refused.includes(record));
  const isReplaced = ({ version }: LocatedRecord) =>
    replaced.some((gone) => compareVersions(gone.version, version) === 0);
  const records = [...old.filter((record) => !isReplaced(record)), ...added];
  records.sort((a, b) => compareVersions(a.version, b.version));
  return { records, added, replaced, refused };
}

/** The records ascending by version; of several of one version the one with the highest tag, the others dead. */
export function winners(records: readonly LocatedRecord[], shares: LiveShares): readonly LocatedRecord[] {
  const ascends = records.every(
    (record, i) => i === 0 || compareVersions((records[i - 1] as LocatedRecord).version, record.version) < 0,
  );
  if (ascends) return records;
  const sorted = [...records].sort(
    (a, b) => compareVersions(a.version, b.version) || compareTags(b.tag, a.tag) || b.arrival - a.arrival,
  );
  return sorted.filter((record, i) => {
    const wins = i === 0 || compareVersions((sorted[i - 1] as LocatedRecord).version, record.version) < 0;
    if (!wins) shares.addDead(record);
    return wins;
  });
}
