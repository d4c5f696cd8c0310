/**
 * The history of a run: in memory for the checks, and in a file line by line as it comes, so that a run that is
 * broken off leaves what it saw. It is bounded as every history is: the run ends when it is full.
 */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { encodeLine, HISTORY_LIMITS, type History, HistoryCollector, type HistoryLine } from '@mendlog/sim';

/** Room for what is under way when it is full, and for the last reads. */
const RESERVED = 1000;

export class Recorder implements AsyncDisposable {
  readonly #collector = new HistoryCollector();
  readonly #file: WriteStream;
  readonly #ended: Promise<unknown>;
  readonly #linesMax: number;
  readonly #startNs = process.hrtime.bigint();
  #lines = 0;

  /** Rejects where the file cannot be written. */
  static async open(path: string, options: { linesMax?: number } = {}): Promise<Recorder> {
    const handle = await open(path, 'w');
    return new Recorder(createWriteStream(path, { fd: handle }), options.linesMax ?? HISTORY_LIMITS.linesMax);
  }

  private constructor(file: WriteStream, linesMax: number) {
    this.#file = file;
    this.#linesMax = linesMax;
    this.#ended = once(file, 'close');
    // Whoever writes next, or closes, is told.
    this.#ended.catch(() => {});
  }

  get isFull(): boolean {
    return this.#lines >= this.#linesMax - RESERVED;
  }

  /** Nanoseconds since the start, of the one clock of all clients. */
  now(): number {
    return Number(process.hrtime.bigint() - this.#startNs);
  }

  /** Resolves when the file takes more. */
  async add(line: HistoryLine): Promise<void> {
    this.#collector.add(line);
    this.#lines++;
    if (this.#file.errored !== null) throw this.#file.errored;
    if (!this.#file.write(`${encodeLine(line)}\n`)) await once(this.#file, 'drain');
  }

  history(): History {
    return this.#collector.history();
  }

  /** Resolves when all is in the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.end();
    await this.#ended;
  }
}
