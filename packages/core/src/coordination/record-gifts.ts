/** Records for replicas that lack them, in messages that a connection takes. */
import { LIMITS } from '../limits.js';
import { type PackedGroup, packItems } from '../protocol/packed.js';
import { PAGE_BYTES_MAX } from './answer-range-question.js';

export function recordGifts(
  partition: string,
  lacking: ReadonlyMap<string, readonly Uint8Array[]>,
): { readonly node: string; readonly groups: readonly PackedGroup[] }[] {
  return [...lacking].flatMap(([node, frames]) =>
    inMessages(frames).map((part) => ({ node, groups: [packItems(partition, part)] })),
  );
}

/** One record may be longer than a message is to be. */
function inMessages(frames: readonly Uint8Array[]): Uint8Array[][] {
  const messages: Uint8Array[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const frame of frames) {
    if (bytes >= PAGE_BYTES_MAX || (messages.at(-1)?.length ?? 0) >= LIMITS.batchRecordsMax) {
      messages.push([]);
      bytes = 0;
    }
    messages.at(-1)?.push(frame);
    bytes += frame.length;
  }
  return messages;
}
