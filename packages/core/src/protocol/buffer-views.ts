/**
 * Views on the whole buffers in which groups lie. The groups of a message lie in one as a rule: then all of them have the
 * same view, since making one costs more than what is read with it. To be kept no longer than the groups: it holds on to
 * the buffer of the last one.
 */
import type { PackedGroup } from './packed.js';

export class BufferViews {
  #last: DataView | undefined;

  /** Its offsets are those of the buffer: a group begins at `byteOffset` of its bytes. */
  of({ bytes: { buffer } }: Pick<PackedGroup, 'bytes'>): DataView {
    if (this.#last?.buffer !== buffer) this.#last = new DataView(buffer);
    return this.#last;
  }
}
