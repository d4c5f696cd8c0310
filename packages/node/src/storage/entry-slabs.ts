/**
 * Room for the entries that are in the overlay. They live for as long as the index needs to follow, which is longer
 * than what a garbage collector takes for young: as buffers of their own they would be old garbage, 18 MB a second and
 * a collection of everything once or twice a second at full load. So they lie in slabs that are used again.
 *
 *   take() --> flushed, read from, indexed --> give() --> the slab is free when all of its entries are given back
 *
 * Entries are given back about in the order in which they were taken. Whoever still reads one after that reads another.
 */

const SLAB_BYTES = 1024 * 1024;
/** What is larger has a buffer of its own. */
const SHARED_BYTES_MAX = SLAB_BYTES / 4;
/** Slabs that are kept though nobody needs them now. */
const FREE_MAX = 32;

interface Slab {
  readonly bytes: Buffer;
  end: number;
  /** Entries in it that are not given back. */
  used: number;
}

export class EntrySlabs {
  readonly #slabs = new Map<ArrayBufferLike, Slab>();
  readonly #free: Slab[] = [];
  #current: Slab | undefined;

  /** Bytes whose content is not defined. */
  take(length: number): Buffer {
    if (length > SHARED_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
    let slab = this.#current;
    if (slab === undefined || slab.end + length > SLAB_BYTES) {
      if (slab !== undefined && slab.used === 0) this.#setFree(slab);
      slab = this.#free.pop() ?? this.#newSlab();
      this.#current = slab;
    }
    const from = slab.end;
    // Aligned, as a buffer of its own is.
    slab.end = (from + length + 7) & ~7;
    slab.used++;
    return slab.bytes.subarray(from, from + length);
  }

  /** Nobody reads these bytes any more. */
  give({ buffer }: Uint8Array): void {
    const slab = this.#slabs.get(buffer);
    if (slab === undefined) return;
    slab.used--;
    if (slab.used === 0 && slab !== this.#current) this.#setFree(slab);
  }

  #newSlab(): Slab {
    const bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
    const slab = { bytes, end: 0, used: 0 };
    this.#slabs.set(bytes.buffer, slab);
    return slab;
  }

  #setFree(slab: Slab): void {
    slab.end = 0;
    if (this.#free.length < FREE_MAX) this.#free.push(slab);
    else this.#slabs.delete(slab.bytes.buffer);
  }
}
