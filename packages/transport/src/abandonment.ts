/**
 * Tells when nobody waits for a call any more. Nearly every call ends before anybody asks, and an AbortController costs
 * a fifth of what a small call does: the signal is made when it is asked for.
 */
export class Abandonment {
  #controller: AbortController | undefined;
  #why: Error | undefined;

  get isAbandoned(): boolean {
    return this.#why !== undefined;
  }

  /** Aborts when nobody waits any more; the same signal each time. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#why !== undefined) this.#controller.abort(this.#why);
    }
    return this.#controller.signal;
  }

  /** Once: what is said later is no news. */
  abandon(why: Error): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#controller?.abort(why);
  }
}
