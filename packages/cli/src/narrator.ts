/** Tells the story on standard output: finished lines everywhere, a moving one on a terminal. */

export class Narrator {
  readonly #isTerminal = process.stdout.isTTY;
  #lastShownMs = 0;

  /** A line that stays. */
  say(text: string): void {
    this.#clear();
    process.stdout.write(`${text}\n`);
  }

  /** What is going on just now. Without a terminal, one line every two seconds. */
  progress(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastShownMs < (this.#isTerminal ? 100 : 2000)) return;
    this.#lastShownMs = nowMs;
    if (this.#isTerminal) process.stdout.write(`\r\x1b[K  ${text}`);
    else process.stdout.write(`  ${text}\n`);
  }

  /** What is going on, as often as it is called: on a terminal one moving line, elsewhere a line each time. */
  live(text: string): void {
    process.stdout.write(this.#isTerminal ? `\r\x1b[K  ${text}` : `  ${text}\n`);
  }

  #clear(): void {
    if (this.#isTerminal) process.stdout.write('\r\x1b[K');
    this.#lastShownMs = performance.now();
  }
}
