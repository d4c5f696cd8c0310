/** Pages of ranges as they travel: one group a page. */
import {
  decodePacked,
  encodePacked,
  itemsOf,
  MendlogError,
  packItems,
  type RangeDigest,
  type RangePage,
} from '@mendlog/core';

export interface PackedPages {
  readonly packed: Uint8Array;
  readonly truncated: readonly boolean[];
  readonly digests: readonly RangeDigest[];
}

export function packPages(partition: string, pages: readonly RangePage[]): PackedPages {
  return {
    packed: encodePacked(pages.map(({ frames }) => packItems(partition, frames))),
    truncated: pages.map(({ truncated }) => truncated),
    digests: pages.map(({ digest }) => digest),
  };
}

/** Throws MALFORMED where a page is not whole. */
export function unpackPages({ packed, truncated, digests }: PackedPages): RangePage[] {
  return decodePacked(packed).map((group, i) => {
    const digest = digests[i];
    if (digest === undefined) throw new MendlogError('MALFORMED', 'a page has no digest');
    return { frames: [...itemsOf(group)], truncated: truncated[i] === true, digest };
  });
}
