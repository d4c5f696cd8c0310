/**
 * What happened in a run, to be read by whoever looks into a violation. Nothing is kept unless somebody asks: a seed
 * that fails is run again with a trace, and does the same again.
 */

export interface TraceLine {
  readonly atUs: number;
  readonly who: string;
  readonly text: string;
}

/** The oldest lines are forgotten beyond this. */
const LINES_MAX = 200_000;

export class Trace {
  readonly isOn: boolean;
  readonly #now: () => number;
  readonly #lines: TraceLine[] = [];

  constructor(isOn: boolean, now: () => number) {
    this.isOn = isOn;
    this.#now = now;
  }

  /** Callers ask `isOn` first where the text costs something. */
  note(who: string, text: string): void {
    if (!this.isOn) return;
    this.#lines.push({ atUs: this.#now(), who, text });
    if (this.#lines.length > LINES_MAX) this.#lines.splice(0, LINES_MAX / 2);
  }

  /** The last lines up to a time, of those that mention one of these words; all where there are none. */
  last(count: number, untilUs: number, words: readonly string[] = []): TraceLine[] {
    return this.#lines
      .filter(({ atUs }) => atUs <= untilUs)
      .filter(
        ({ text }) => words.length === 0 || text.startsWith('*') || words.some((word) => text.includes(word)),
      )
      .slice(-count);
  }
}

export function formatTraceLine({ atUs, who, text }: TraceLine): string {
  return `${(atUs / 1000).toFixed(3).padStart(10)} ms  ${who.padEnd(8)} ${text}`;
}
