/**
 * How fast a step of the index goes. Made at once it would hold up whoever writes meanwhile; so it is spread over a part
 * of the time in which its records came, as long as nobody waits for its end.
 */

/** The share of that time. */
const SPREAD_SHARE = 0.3;
const SPREAD_MS_MAX = 300;
/** A timer of less is not worth it. */
const REST_MS_MIN = 1;

export interface PacePorts {
  /** Of a clock that never goes back. */
  nowMs(): number;
  /** Somebody waits for the end of the step, or for what comes after it. */
  isHurried(): boolean;
  /** Lets others have their turn. */
  turn(): Promise<void>;
  /** The same for so long, or until somebody is in a hurry. */
  pause(ms: number): Promise<void>;
}

export class StepPace {
  readonly #ports: PacePorts;
  readonly #startMs: number;
  readonly #spreadMs: number;

  /** Of a step that begins now, and whose first record came at `sinceMs`. */
  constructor(sinceMs: number, ports: PacePorts) {
    this.#ports = ports;
    this.#startMs = ports.nowMs();
    this.#spreadMs = Math.min(SPREAD_MS_MAX, SPREAD_SHARE * (this.#startMs - sinceMs));
  }

  /** It takes its time: then slices are gathered into few transactions. */
  get isSpread(): boolean {
    return !this.#ports.isHurried();
  }

  /** Until the rest of the step is due, of which this share is done. */
  async rest(done: number): Promise<void> {
    const restMs = this.#startMs + done * this.#spreadMs - this.#ports.nowMs();
    if (restMs < REST_MS_MIN || this.#ports.isHurried()) await this.#ports.turn();
    else await this.#ports.pause(restMs);
  }
}
