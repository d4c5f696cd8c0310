/**
 * What of each entry of the log the index still points to, as a step changes it. An entry of which less
 * than half is live is outworn: it is written anew without the rest, or removed.
 */
import type { LiveShare } from './keys.js';
import type { LocatedRecord, Run } from './located-record.js';

type Share = { -readonly [Part in keyof LiveShare]: LiveShare[Part] };

export class LiveShares {
  readonly #stored: (arrival: number) => LiveShare | undefined;
  readonly #shares = new Map<number, Share>();
  readonly #changed = new Map<number, LiveShare>();
  readonly #outworn = new Set<number>();

  constructor(stored: (arrival: number) => LiveShare | undefined) {
    this.#stored = stored;
  }

  /** Records of an entry that this step applies. */
  addLive({ arrival, entry, from, to }: Run): void {
    const share = this.#share(arrival);
    const bytes = entry.frameBytes(from, to);
    share.records += to - from;
    share.bytes += bytes;
    share.bytesInLog += bytes;
  }

  /** The same of one that gives way to another. */
  addDead(record: LocatedRecord): void {
    this.#share(record.arrival).bytesInLog += record.length;
  }

  /** A record that is no longer pointed to. */
  takeAway(record: LocatedRecord): void {
    const share = this.#share(record.arrival);
    share.records--;
    share.bytes -= record.length;
  }

  /** An entry is to be written anew, however much of it is live. */
  setOutworn(arrival: number): void {
    this.#outworn.add(arrival);
  }

  /** Those that changed since this was called. */
  takeChanged(): { arrival: number; share: LiveShare; isOutworn: boolean }[] {
    const changed = [...this.#changed].map(([arrival, share]) => {
      return { arrival, share, isOutworn: this.#outworn.has(arrival) || isOutworn(share) };
    });
    this.#changed.clear();
    return changed;
  }

  #share(arrival: number): Share {
    let share = this.#shares.get(arrival);
    if (share === undefined) {
      share = { records: 0, bytes: 0, bytesInLog: 0, ...this.#stored(arrival) };
      this.#shares.set(arrival, share);
    }
    this.#changed.set(arrival, share);
    return share;
  }
}

/** A frame is longer than nothing: of an entry without a live record this holds too. */
function isOutworn({ bytes, bytesInLog }: LiveShare): boolean {
  return bytes < bytesInLog / 2;
}
