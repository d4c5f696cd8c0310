/**
 * What waits for its turn, in the order in which it came: bounded in number, in bytes and in time. A line that stands,
 * since more comes than goes, would make everybody wait until nobody waits any more, and all work be done for nobody.
 * So what comes is refused while the oldest has waited too long, and what was let in goes through in time. As in CoDel
 * (Nichols and Jacobson, ACM Queue 2012) time is the measure and not length, which says nothing without the rate; and
 * it is looked at after each turn of taking, so that a burst, or a process that was paused, is not taken for a line
 * that stands. Order is kept: records of one client get their versions as it sent them, so the newest are not served
 * first, as Facebook does ("Fail at Scale", ACM Queue 2015).
 */
import { MendlogError } from './errors.js';

export interface LineBounds {
  readonly itemsMax: number;
  readonly bytesMax: number;
  /** How long the oldest may have waited after a turn. */
  readonly waitMsMax: number;
  /** What becomes of what is not let in, from how long the oldest has waited. */
  readonly refusal: (waitMs: number) => MendlogError;
}

interface Entry<Item> {
  readonly item: Item;
  readonly bytes: number;
  readonly sinceMs: number;
}

const RETRY_MS_MIN = 50;
/** Places at the front that are given back together: one by one, each would cost a look at all others. */
const TAKEN_MAX = 1024;

export class WaitingLine<Item> {
  readonly #bounds: LineBounds;
  #entries: Entry<Item>[] = [];
  /** Places at the front that are empty. */
  #taken = 0;
  #bytes = 0;
  #stands = false;
  #refusal: MendlogError | undefined;

  constructor(bounds: LineBounds) {
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#entries.length - this.#taken;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest has waited too long. */
  get stands(): boolean {
    return this.#stands;
  }

  get oldest(): Item | undefined {
    return this.#entries[this.#taken]?.item;
  }

  /** How long the oldest has waited, in milliseconds; 0 where nothing waits. */
  waitMs(nowMs: number): number {
    const oldest = this.#entries[this.#taken];
    return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.sinceMs);
  }

  /** Whether something of so many bytes is let in. What was taken and takes room still is `underWay`. */
  hasRoom(bytes: number, underWay = 0): boolean {
    const { itemsMax, bytesMax } = this.#bounds;
    return !this.#stands && this.length + underWay < itemsMax && this.#bytes + bytes <= bytesMax;
  }

  /**
   * What is not let in is refused with this: the same error until the next turn, since making one, with its stack, costs
   * more than all else that is done for what is refused, and under overload most is.
   */
  refusal(nowMs: number): MendlogError {
    this.#refusal ??= this.#bounds.refusal(this.waitMs(nowMs));
    return this.#refusal;
  }

  /** Whoever has not asked whether there is room is let in. */
  add(item: Item, bytes: number, nowMs: number): void {
    this.#entries.push({ item, bytes, sinceMs: nowMs });
    this.#bytes += bytes;
  }

  takeOldest(): Item | undefined {
    const entry = this.#entries[this.#taken];
    if (entry === undefined) return undefined;
    this.#taken++;
    this.#bytes -= entry.bytes;
    if (this.length === 0) this.#entries = [];
    else if (this.#taken >= TAKEN_MAX && this.#taken * 2 >= this.#entries.length)
      this.#entries = this.#entries.slice(this.#taken);
    else return entry.item;
    this.#taken = 0;
    return entry.item;
  }

  takeAll(): Item[] {
    const items = this.#entries.slice(this.#taken).map(({ item }) => item);
    this.#entries = [];
    this.#taken = 0;
    this.#bytes = 0;
    this.#stands = false;
    return items;
  }

  /** All was taken that could be: whether the line stands is told by what is left. */
  turned(nowMs: number): void {
    this.#stands = this.waitMs(nowMs) > this.#bounds.waitMsMax;
    this.#refusal = undefined;
  }
}

/** OVERLOADED with `retryAfterMs`: what comes now would wait about as long as the oldest has. */
export function tooMany(what: string): (waitMs: number) => MendlogError {
  return (waitMs) => {
    const retryAfterMs = Math.max(RETRY_MS_MIN, Math.ceil(waitMs));
    return new MendlogError('OVERLOADED', `too many ${what} are waiting; try again in ${retryAfterMs} ms`, {
      details: { retryAfterMs },
    });
  };
}
