/**
 * When the next request to a node may go out. While one is under way what is called meanwhile gathers, so that
 * batches grow under load by themselves; but a request that takes long, since a replica does not answer, holds the
 * others up for a moment only.
 */

const UNDER_WAY_MAX = 16;
/** Of full batches, which gain nothing by waiting. */
const FULL_UNDER_WAY_MAX = 4;
/** So long after the last request another one may follow, whether or not that one was answered. */
const PAUSE_MS = 20;

export class RequestPacer {
  readonly #mayGoOn: () => void;
  #underWay = 0;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /**
   * `mayGoOn` is called whenever a request that had to wait may go out. It goes at the end of that turn of the event
   * loop, so that the calls which an answer brings about go along.
   */
  constructor(mayGoOn: () => void) {
    this.#mayGoOn = mayGoOn;
  }

  /** Whether a request may go out now, as full as it gets or not; if not, `mayGoOn` will be called. */
  mayGo(isFull: boolean): boolean {
    if (this.#underWay === 0 || (isFull && this.#underWay < FULL_UNDER_WAY_MAX)) return true;
    if (this.#underWay >= UNDER_WAY_MAX) return false;
    const leftMs = this.#lastSentMs + PAUSE_MS - performance.now();
    if (leftMs <= 0) return true;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#mayGoOn();
    }, leftMs);
    return false;
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
    }
    this.#mayGoOn();
  }
}
