/** Whether a frame is as it was written: its tag is the one that was noted. */
import { compareTags, type DigestKernel, TAG_BYTES } from '@mendlog/core';

export function isSoundFrame(
  kernel: DigestKernel,
  frame: Uint8Array,
  { tagKey, tag }: { tagKey: Uint8Array; tag: Uint8Array },
): boolean {
  const found = new Uint8Array(TAG_BYTES);
  kernel.tags(tagKey, frame, Uint32Array.of(frame.length), found);
  return compareTags(found, tag) === 0;
}
