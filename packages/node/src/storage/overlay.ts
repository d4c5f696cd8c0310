/**
 * The overlay: records that are in the arrival log and not yet in the index.
 *
 *   apply() --> arrival log --flush--> visible in the overlay --index--> gone from the overlay
 *
 * A record is put in before its flush, so that the same record is not written twice, and counts as there
 * only afterwards: readers pass the arrival number up to which everything is flushed. Per partition the
 * runs are sorted by version and do not overlap; as a rule a new one is above them all.
 */
import type { Version, VersionRange } from '@mendlog/core';
import { type ArrivalLink, latestBy, without } from './arrival-chain.js';
import { type LocatedRecord, type Run, recordAt } from './located-record.js';
import { lowerBound } from './lower-bound.js';

/** `before` is the record of the same version that this one, alone in its run, takes the place of. */
interface OverlayRun extends Run, ArrivalLink<OverlayRun> {}

/** Arrivals above `after` and up to `flushed`. */
export interface Arrivals {
  readonly after: number;
  readonly flushed: number;
}

/** The records of one partition. */
export class OverlayRecords {
  #runs: OverlayRun[] = [];
  #lastArrival = 0;

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Puts a run in that is above all that is there. */
  putAbove(run: Run): void {
    this.#lastArrival = run.arrival;
    this.#runs.push(run);
  }

  /** Puts a run in; a record of a version that is there takes that one's place with its flush. */
  put(run: Run): void {
    this.#lastArrival = run.arrival;
    const last = this.#runs.at(-1);
    if (last === undefined || last.entry.compareVersion(last.to - 1, run.entry.version(run.from)) < 0) {
      this.#runs.push(run);
      return;
    }
    const { arrival, entry } = run;
    for (let place = run.from; place < run.to; place++)
      this.#putOne({ arrival, entry, from: place, to: place + 1 });
  }

  /** The latest record of this version that arrived up to there; whichever the last is unless told. */
  find(version: Version, arrivedBy = Number.POSITIVE_INFINITY): LocatedRecord | undefined {
    const last = this.#runs[this.#runOf(version)];
    if (last === undefined) return undefined;
    const place = placeIn(last, version);
    if (place === last.to || last.entry.compareVersion(place, version) !== 0) return undefined;
    const run = latestBy(last, arrivedBy);
    return run === undefined ? undefined : recordAt(run, run === last ? place : run.from);
  }

  /** Records of the range, in its order. */
  range(range: VersionRange, arrivals: Arrivals): LocatedRecord[] {
    const found: LocatedRecord[] = [];
    const { from, to, limit, descending = false } = range;
    const step = descending ? -1 : 1;
    const first = descending ? Math.min(this.#runOf(to), this.#runs.length - 1) : this.#runOf(from);
    for (let r = first; r >= 0 && r < this.#runs.length; r += step) {
      const last = this.#runs[r] as OverlayRun;
      const run = latestBy(last, arrivals.flushed);
      const isBeyond = descending
        ? last.entry.compareVersion(last.to - 1, from) < 0
        : last.entry.compareVersion(last.from, to) > 0;
      if (isBeyond) break;
      if (run === undefined || run.arrival <= arrivals.after) continue;
      for (let i = 0; i < run.to - run.from; i++) {
        const place = descending ? run.to - 1 - i : run.from + i;
        if (run.entry.compareVersion(place, from) < 0 || run.entry.compareVersion(place, to) > 0) continue;
        if (found.length === limit) return found;
        found.push(recordAt(run, place));
      }
    }
    return found;
  }

  /** All records of a range that arrived then, also several of one version. */
  *all({ from, to }: VersionRange, arrivals: Arrivals): Generator<LocatedRecord> {
    for (const run of this.runs(arrivals)) {
      for (let place = placeIn(run, from); place < run.to; place++) {
        if (run.entry.compareVersion(place, to) > 0) break;
        yield recordAt(run, place);
      }
    }
  }

  /** The runs that arrived then, for whoever sums up their tags; of one version all records that are there. */
  runs({ after, flushed }: Arrivals): Run[] {
    const found: Run[] = [];
    for (const last of this.#runs) {
      for (let run: OverlayRun | undefined = last; run !== undefined; run = run.before)
        if (run.arrival > after && run.arrival <= flushed) found.push(run);
    }
    return found;
  }

  /** The index has what arrived up to there. */
  forgetUpTo(applied: number): void {
    if (this.#lastArrival <= applied) this.#runs = [];
    else this.forget((arrival) => arrival <= applied);
  }

  /** Forgets the runs for which this is true. */
  forget(isGone: (arrival: number) => boolean): void {
    let kept = 0;
    for (const run of this.#runs) {
      const left = without(run, isGone);
      if (left !== undefined) this.#runs[kept++] = left;
    }
    this.#runs.length = kept;
  }

  #putOne(run: OverlayRun): void {
    const version = run.entry.version(run.from);
    const at = this.#runOf(version);
    const found = this.#runs[at];
    if (found === undefined) {
      this.#runs.push(run);
      return;
    }
    const place = placeIn(found, version);
    const isThere = place < found.to && found.entry.compareVersion(place, version) === 0;
    const { arrival, entry } = found;
    const above = isThere ? place + 1 : place;
    const parts: OverlayRun[] = [];
    if (place > found.from) parts.push({ arrival, entry, from: found.from, to: place });
    if (isThere) {
      const isAlone = found.to - found.from === 1;
      run.before = isAlone ? found : { arrival, entry, from: place, to: place + 1 };
    }
    parts.push(run);
    if (found.to > above) parts.push({ arrival, entry, from: above, to: found.to });
    // A run that lies whole above the new record keeps what came before its own.
    if (!isThere && place === found.from) parts[parts.length - 1] = found;
    this.#runs.splice(at, 1, ...parts);
  }

  /** The first run that does not lie whole below. */
  #runOf(version: Version): number {
    return lowerBound(this.#runs.length, (i) => {
      const { entry, to } = this.#runs[i] as OverlayRun;
      return entry.compareVersion(to - 1, version) < 0;
    });
  }
}

/** The first place of a run that is not below; its end where all are. */
function placeIn({ entry, from, to }: Run, version: Version): number {
  return from + lowerBound(to - from, (i) => entry.compareVersion(from + i, version) < 0);
}
