/**
 * When the next request to a node may go out. While one is under way what is called meanwhile gathers, so that
 * batches grow under load by themselves; but a request that takes long, since a replica does not answer, holds the
 * others up for a moment only.
 *
 *   answer --> its callers call again --> [ gather: an eighth of the trip, while other nodes are to answer ] --> request
 *
 * A commit costs the cluster much the same with 20 records as with 300. Of writes that are spread over all nodes,
 * whoever sent as soon as one node answered would send what that one answer brought about, and leave the same for the
 * next; a moment later the other nodes have answered too. PostgreSQL waits so before a flush (`commit_delay`), as long
 * as others are active (`commit_siblings`).
 */

const UNDER_WAY_MAX = 16;
/** Of full batches, which gain nothing by waiting. */
const FULL_UNDER_WAY_MAX = 4;
/** So long after the last request another one may follow, whether or not that one was answered. */
const PAUSE_MS = 20;
/** Of the time since the last request was sent; in whole milliseconds, as timers count, so short trips have none. */
const GATHER_SHARE = 1 / 8;
const GATHER_MS_MAX = 2;

export class RequestPacer {
  readonly #mayGoOn: () => void;
  readonly #moreMayCome: () => boolean;
  #underWay = 0;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  /** Until then what is called joins the next request. */
  #gatherUntilMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /**
   * `mayGoOn` is called whenever a request that had to wait may go out. It goes at the end of that turn of the event
   * loop, so that the calls which an answer brings about go along. `moreMayCome` tells whether other nodes are to answer
   * soon, which brings calls about; where that ends without an answer, the gathering goes on to its end.
   */
  constructor(mayGoOn: () => void, moreMayCome: () => boolean = () => false) {
    this.#mayGoOn = mayGoOn;
    this.#moreMayCome = moreMayCome;
  }

  /** Whether a request may go out now, as full as it gets or not; if not, `mayGoOn` will be called. */
  mayGo(isFull: boolean): boolean {
    if (isFull && this.#underWay < FULL_UNDER_WAY_MAX) return true;
    if (this.#underWay >= UNDER_WAY_MAX) return false;
    const leftMs = this.#mayGoAtMs() - performance.now();
    if (leftMs <= 0) return true;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // It may have fired a little early: waiting for that little would take another millisecond.
      this.#gatherUntilMs = Number.NEGATIVE_INFINITY;
      this.#mayGoOn();
    }, leftMs);
    return false;
  }

  /** An answer is to come soon: a request is under way, and not for long. */
  get isToBeAnswered(): boolean {
    return this.#underWay > 0 && performance.now() < this.#lastSentMs + PAUSE_MS;
  }

  sent(): void {
    this.#underWay++;
    this.#lastSentMs = performance.now();
  }

  ended(): void {
    this.#underWay--;
    if (this.#underWay === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      const nowMs = performance.now();
      const gatherMs = Math.min(GATHER_MS_MAX, Math.round((nowMs - this.#lastSentMs) * GATHER_SHARE));
      this.#gatherUntilMs = nowMs + gatherMs;
    }
    this.#mayGoOn();
  }

  #mayGoAtMs(): number {
    if (this.#underWay > 0) return this.#lastSentMs + PAUSE_MS;
    return this.#moreMayCome() ? this.#gatherUntilMs : Number.NEGATIVE_INFINITY;
  }
}
