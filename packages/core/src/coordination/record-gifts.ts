/** Records of one partition for replicas that lack them. */
import { type PackedGroup, packItems } from '../protocol/packed.js';
import { cutGifts } from './cut-gifts.js';

export function recordGifts(
  partition: string,
  lacking: ReadonlyMap<string, readonly Uint8Array[]>,
): { readonly node: string; readonly groups: readonly PackedGroup[] }[] {
  return [...lacking].flatMap(([node, frames]) =>
    cutGifts(frames, ({ length }) => length).map((part) => ({ node, groups: [packItems(partition, part)] })),
  );
}
