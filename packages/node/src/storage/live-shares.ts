/**
 * What of each entry of the log the index still points to, as a step changes it. An entry of which less
 * than half is live is outworn: it is written anew without the rest, or removed.
 *
 * The entries that a step brings count as wholly live until something of them is found dead, and their shares are written
 * once, with the end of the step: records of one entry lie in many partitions, and so in many slices. Where the step does
 * not get to its end they are counted anew. Shares of older entries change with the slice.
 */
import type { LiveShare } from './keys.js';
import type { LocatedRecord, Run } from './located-record.js';

type Share = { -readonly [Part in keyof LiveShare]: LiveShare[Part] };

export interface ChangedShare {
  readonly arrival: number;
  /** Undefined where it is written with the end of the step. */
  readonly share: LiveShare | undefined;
  readonly isOutworn: boolean;
}

export type ArrivedEntry = Pick<Run, 'arrival' | 'entry'>;

export class LiveShares {
  readonly #stored: (arrival: number) => LiveShare | undefined;
  readonly #arrived = new Map<number, Share>();
  readonly #older = new Map<number, Share>();
  readonly #changed = new Set<number>();
  readonly #outworn = new Set<number>();

  /** `arrived` are the entries that the step brings, whole. */
  constructor(stored: (arrival: number) => LiveShare | undefined, arrived: readonly ArrivedEntry[] = []) {
    this.#stored = stored;
    for (const { arrival, entry } of arrived) {
      const bytes = entry.frameBytes(0, entry.records);
      this.#arrived.set(arrival, { records: entry.records, bytes, bytesInLog: bytes });
    }
  }

  /** A record that is not pointed to, or no longer. */
  takeAway(record: LocatedRecord): void {
    const share = this.#arrived.get(record.arrival) ?? this.#olderShare(record.arrival);
    share.records--;
    share.bytes -= record.length;
  }

  /** An entry is to be written anew, however much of it is live. */
  setOutworn(arrival: number): void {
    this.#outworn.add(arrival);
    this.#changed.add(arrival);
  }

  /** Those that changed since this was called. */
  takeChanged(): ChangedShare[] {
    const changed = [...this.#changed].map((arrival) => {
      const share = this.#older.get(arrival);
      const isOutworn = this.#outworn.has(arrival) || (share !== undefined && isMostlyDead(share));
      return { arrival, share, isOutworn };
    });
    this.#changed.clear();
    return changed;
  }

  /** Those of the entries that the step brings, at its end. */
  arrived(): ChangedShare[] {
    return [...this.#arrived].map(([arrival, share]) => {
      return { arrival, share, isOutworn: this.#outworn.has(arrival) || isMostlyDead(share) };
    });
  }

  #olderShare(arrival: number): Share {
    let share = this.#older.get(arrival);
    if (share === undefined) {
      share = { records: 0, bytes: 0, bytesInLog: 0, ...this.#stored(arrival) };
      this.#older.set(arrival, share);
    }
    this.#changed.add(arrival);
    return share;
  }
}

/** A frame is longer than nothing: of an entry without a live record this holds too. */
function isMostlyDead({ bytes, bytesInLog }: LiveShare): boolean {
  return bytes < bytesInLog / 2;
}
