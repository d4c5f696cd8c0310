/** Work in turns: one begins each interval, and none while another is under way. */
export class Turns {
  readonly #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** The interval is 0 for never. */
  constructor(intervalMs: number, turn: () => Promise<void>) {
    if (intervalMs === 0) return;
    this.#timer = setInterval(() => {
      this.#running ??= turn().finally(() => {
        this.#running = undefined;
      });
    }, intervalMs);
  }

  /** The turn that is under way is to end soon. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when no turn is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}
