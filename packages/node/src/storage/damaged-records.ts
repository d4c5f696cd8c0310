/**
 * Records of which a read found that the disk has changed them. They are listed still, since this replica
 * did take them, and absent would be a lie; their bytes are never given out, so that a reader asks another
 * replica. One that comes again is written anew. Whoever reads it after a restart finds it again.
 */
import { formatVersion, type Version } from '@mendlog/core';

/** Of one partition. Beyond that the oldest are forgotten, and found again when they are read. */
const DAMAGED_MAX = 4096;

export class DamagedRecords {
  readonly #versions = new Map<string, Version>();

  get size(): number {
    return this.#versions.size;
  }

  versions(): Version[] {
    return [...this.#versions.values()];
  }

  add(version: Version): void {
    this.#versions.set(formatVersion(version), version);
    if (this.#versions.size <= DAMAGED_MAX) return;
    const [oldest] = this.#versions.keys();
    if (oldest !== undefined) this.#versions.delete(oldest);
  }

  has(version: Version): boolean {
    return this.#versions.size > 0 && this.#versions.has(formatVersion(version));
  }

  delete(version: Version): void {
    if (this.#versions.size > 0) this.#versions.delete(formatVersion(version));
  }
}
