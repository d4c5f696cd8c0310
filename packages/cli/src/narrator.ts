/** Tells the story, on standard output unless told: finished lines everywhere, a moving one on a terminal. */

export class Narrator {
  readonly #out: NodeJS.WriteStream;
  readonly #isTerminal: boolean;
  #lastShownMs = 0;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    this.#isTerminal = out.isTTY;
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  /** What is going on just now. Without a terminal, one line every two seconds. */
  progress(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastShownMs < (this.#isTerminal ? 100 : 2000)) return;
    this.#lastShownMs = nowMs;
    if (this.#isTerminal) this.#out.write(`\r\x1b[K  ${text}`);
    else this.#out.write(`  ${text}\n`);
  }

  /** What is going on, as often as it is called: on a terminal one moving line, elsewhere a line each time. */
  live(text: string): void {
    this.#out.write(this.#isTerminal ? `\r\x1b[K  ${text}` : `  ${text}\n`);
  }

  /** Takes the moving line away. */
  clear(): void {
    if (this.#isTerminal) this.#out.write('\r\x1b[K');
    this.#lastShownMs = performance.now();
  }
}
