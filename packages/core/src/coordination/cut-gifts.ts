/** Cuts records for a replica into messages that a connection takes; one record may be longer than a message is to be. */
import { LIMITS } from '../limits.js';
import { PAGE_BYTES_MAX } from './answer-range-question.js';

export function cutGifts<Item>(items: readonly Item[], bytesOf: (item: Item) => number): Item[][] {
  const messages: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (bytes >= PAGE_BYTES_MAX || (messages.at(-1)?.length ?? 0) >= LIMITS.batchRecordsMax) {
      messages.push([]);
      bytes = 0;
    }
    messages.at(-1)?.push(item);
    bytes += bytesOf(item);
  }
  return messages;
}
