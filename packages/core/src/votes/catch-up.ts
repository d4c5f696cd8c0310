/**
 * How far a new store has caught up with one peer: the peer's partitions are compared in the order of their names, a
 * page at a time, and those that differ are open until a session has brought what the peer holds.
 *
 *   compared, and equal or brought | compared, and open | not compared yet
 *   ------------------------------- names --------------------------------->
 */

export interface ComparedPage {
  /** Partitions of which the peer holds something else. */
  readonly differing: readonly string[];
  /** The last name that was compared. */
  readonly last: string;
  /** The peer holds nothing behind it. */
  readonly isLast: boolean;
}

/** Partitions of one page. */
export const COMPARED_PAGE_MAX = 10_000;
/** With fewer open ones the next page is compared, so that no more than twice as many are open. */
const OPEN_ENOUGH = COMPARED_PAGE_MAX;

export class CatchUp {
  /** When the comparison that is under way began. */
  #beganAt = 0;
  /** When the last one began that is through, with nothing open. */
  #doneAt = 0;
  #reached = '';
  #isThrough = false;
  #isComparing = false;
  readonly #open = new Set<string>();

  get doneAt(): number {
    return this.#doneAt;
  }

  get beganAt(): number {
    return this.#beganAt;
  }

  get open(): ReadonlySet<string> {
    return this.#open;
  }

  /** All over: what was compared before was too early. */
  begin(atTick: number): void {
    this.#beganAt = atTick;
    this.#reached = '';
    this.#isThrough = false;
    this.#isComparing = false;
    this.#open.clear();
  }

  /** After which name the next page is to be compared; undefined where none is now. */
  next(): string | undefined {
    if (this.#isThrough || this.#isComparing || this.#open.size > OPEN_ENOUGH) return undefined;
    this.#isComparing = true;
    return this.#reached;
  }

  compared({ differing, last, isLast }: ComparedPage): void {
    this.#isComparing = false;
    for (const partition of differing) this.#open.add(partition);
    this.#reached = last;
    this.#isThrough = isLast;
    this.#checkDone();
  }

  notCompared(): void {
    this.#isComparing = false;
  }

  brought(partition: string): void {
    if (this.#open.delete(partition)) this.#checkDone();
  }

  /** Whether all is here that the peer held of the partition at this time. */
  hasBrought(partition: string, sinceTick: number): boolean {
    if (this.#doneAt >= sinceTick) return true;
    if (this.#beganAt < sinceTick || this.#open.has(partition)) return false;
    return this.#isThrough || partition <= this.#reached;
  }

  #checkDone(): void {
    if (this.#isThrough && this.#open.size === 0) this.#doneAt = this.#beganAt;
  }
}
