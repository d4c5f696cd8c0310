/**
 * Whether the other side still speaks while calls wait for it. A process that is stopped, and a network that drops
 * what it is given, leave the socket open and say nothing; a side that is merely slow answers pings.
 *
 * It looks every half second while calls wait, and pings. Silence is a number of looks, not a time: where this
 * process itself was held up, what came meanwhile is read before the next look.
 */
const LOOK_MS = 500;
const SILENT_LOOKS_MAX = 3;

export interface SilenceOptions {
  /** Whether any call waits for an answer. */
  readonly isWaiting: () => boolean;
  readonly ping: () => void;
}

export class Silence {
  readonly #options: SilenceOptions;
  #timer: NodeJS.Timeout | undefined;
  #wasHeard = true;
  #silentLooks = 0;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  get isSilent(): boolean {
    return this.#silentLooks >= SILENT_LOOKS_MAX;
  }

  /** Something came from the other side. */
  heard(): void {
    this.#wasHeard = true;
    this.#silentLooks = 0;
  }

  /** A call waits from now on. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#wasHeard = true;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** The socket is closed. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.heard();
  }

  #look(): void {
    if (!this.isSilent && !this.#options.isWaiting()) {
      this.stop();
      return;
    }
    if (!this.#wasHeard) this.#silentLooks++;
    this.#wasHeard = false;
    this.#options.ping();
  }
}
