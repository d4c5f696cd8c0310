// Somebody who uses a node as it is meant to be used, over REST and over a binary connection, all the time.
import type { BinaryRouter } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';
import { eventually } from './eventually.js';

const TIMEOUT_MS = 15_000;

export class Neighbour {
  readonly #url: string;
  readonly #connection: Connection<BinaryRouter>;
  readonly #failures: unknown[] = [];
  readonly #work: Promise<void>;
  #closes = 0;
  #calls = 0;
  #stopped = false;

  constructor(url: string) {
    this.#url = url;
    this.#connection = new Connection<BinaryRouter>({
      url,
      timeoutMs: TIMEOUT_MS,
      onClose: () => {
        this.#closes++;
      },
    });
    this.#work = this.#run();
  }

  /** Resolves when it has made another call since. */
  async goesOn(): Promise<void> {
    const before = this.#calls;
    await eventually(
      { for: 'another call of the neighbour' },
      () => this.#calls,
      (calls) => calls > before,
    );
  }

  /** Stops, and returns what went wrong in all that time: nothing, one hopes. */
  async stop(): Promise<unknown[]> {
    this.#stopped = true;
    await this.#work;
    if (this.#closes > 0) this.#failures.push(new Error(`the connection was closed ${this.#closes} times`));
    this.#connection.close();
    return this.#failures;
  }

  async #run(): Promise<void> {
    await this.#connection.waitUntilOpen(TIMEOUT_MS);
    while (!this.#stopped) {
      try {
        await this.#write();
        this.#calls++;
      } catch (error) {
        this.#failures.push(error);
      }
    }
  }

  async #write(): Promise<void> {
    const input = { partitionId: 'neighbour', message: `call ${this.#calls}` };
    await this.#connection.call.records.append.mutate(input);
    const response = await fetch(`${this.#url}/api/write`, { method: 'POST', body: JSON.stringify(input) });
    if (response.status !== 201)
      throw new Error(`REST answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}
