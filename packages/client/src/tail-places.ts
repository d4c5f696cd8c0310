/**
 * Where a tail stands at each replica of its partition, so that it can go on at any of them without a gap.
 *
 * Of each place this holds: what its replica held up to there was given out, or was there before the tail began.
 * It is true of the place that the serving replica has reached; of places taken when a tail of 'now' begins; and of
 * the end of a replica that holds the same records (equal roots) as the serving one at a moment when everything of
 * that one was given out. A replica without a place is read from its first arrival on, above the low water.
 */
import { type ArrivalCursor, MendlogError, majorityOf } from '@mendlog/core';

export interface TailPlace extends ArrivalCursor {
  readonly node: string;
}

/** Plain JSON: keep the last one, and a tail goes on from it in another process. */
export interface TailCursor extends TailPlace {
  /** No record that the tail owes has a counter at or below it. */
  readonly lowWater: number;
  readonly others: readonly TailPlace[];
}

/** A replica at one moment. */
export interface ReplicaEnd {
  readonly end: ArrivalCursor;
  readonly head: number;
  readonly root: Uint8Array;
  readonly isAllSeen: boolean;
}

export class TailPlaces {
  readonly #places = new Map<string, TailPlace>();
  readonly #lowWater: number;
  #serving: string | undefined;
  #others: readonly TailPlace[] = [];

  /** Of a tail of everything, unless there are places and a low water already. */
  constructor(places: readonly TailPlace[] = [], lowWater = 0) {
    for (const place of places) this.#places.set(place.node, place);
    this.#lowWater = lowWater;
  }

  /** Of a tail of what comes after these ends were asked for. */
  static fromEnds(ends: ReadonlyMap<string, ReplicaEnd>, replicas: number): TailPlaces {
    const places = [...ends].map(([node, { end }]) => ({ ...end, node }));
    return new TailPlaces(places, lowWaterOf([...ends.values()], replicas));
  }

  /** Throws BAD_REQUEST for what is none. */
  static fromCursor(cursor: TailCursor): TailPlaces {
    // It may come from a file, or still be the JSON text of one.
    const { lowWater, others, ...place } = cursor ?? {};
    if (!Number.isSafeInteger(lowWater) || !Array.isArray(others) || ![place, ...others].every(isPlace))
      throw new MendlogError('BAD_REQUEST', 'from is no cursor of a record that a tail has given out');
    const places = new TailPlaces([place, ...others], lowWater);
    places.serve(place.node);
    return places;
  }

  get serving(): string | undefined {
    return this.#serving;
  }

  get lowWater(): number {
    return this.#lowWater;
  }

  of(node: string): TailPlace | undefined {
    return this.#places.get(node);
  }

  serve(node: string): void {
    this.#serving = node;
    this.#others = [...this.#places.values()].filter((place) => place.node !== node);
  }

  /** The serving replica has given everything out up to here. */
  reached(node: string, { storeId, arrival, ordinal }: ArrivalCursor): void {
    this.#places.set(node, { node, storeId, arrival, ordinal });
  }

  /** Of the serving replica, behind this record. */
  cursorAt(place: TailPlace): TailCursor {
    return { ...place, lowWater: this.#lowWater, others: this.#others };
  }

  /**
   * What was asked of all replicas, the serving one by the place that it has reached. Returns how many of them hold
   * the same, that one included, where it has nothing behind that place.
   */
  advance(ends: ReadonlyMap<string, ReplicaEnd>): number {
    const own = ends.get(this.#serving ?? '');
    if (own?.isAllSeen !== true) return 0;
    let equal = 0;
    for (const [node, { end, root }] of ends) {
      if (!hasSameBytes(root, own.root)) continue;
      equal++;
      if (node !== this.#serving) this.#places.set(node, { ...end, node });
    }
    if (this.#serving !== undefined) this.serve(this.#serving);
    return equal;
  }
}

/**
 * A counter that every append which begins later exceeds, under real-time order: its coordinator asks a majority for
 * their heads, which shares a replica with those that have told theirs here, and heads never fall. So it is the
 * lowest head of the majority with the highest ones; 0 where fewer have told it.
 */
export function lowWaterOf(ends: readonly { readonly head: number }[], replicas: number): number {
  const heads = ends.map(({ head }) => head).sort((a, b) => b - a);
  return heads[majorityOf(replicas) - 1] ?? 0;
}

function isPlace(place: Partial<TailPlace>): boolean {
  return (
    typeof place.node === 'string' &&
    typeof place.storeId === 'string' &&
    Number.isSafeInteger(place.arrival) &&
    Number.isSafeInteger(place.ordinal)
  );
}

function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
