// Keeps appends outstanding while nodes die, remembers what became of each, and compares that with what is stored.
import { setTimeout as delay } from 'node:timers/promises';
import { bytesCodec, type Client, type ErrorCode, MendlogError } from '@mendlog/client';

/** The record may be there or not: the caller cannot know. */
const UNKNOWN: ReadonlySet<ErrorCode> = new Set(['WRITE_TIMEOUT', 'CONNECTION_LOST']);
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  'UNREACHABLE',
  'UNAVAILABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
]);
const PAUSE_AFTER_REFUSAL_MS = 20;

export interface Found {
  readonly read: number;
  /** Acknowledged versions that are not stored. */
  readonly missing: readonly string[];
  /** Acknowledged versions that are stored with other bytes. */
  readonly altered: readonly string[];
  /** Stored values that nobody sent, that were refused, or that are there more often than they were sent. */
  readonly strange: readonly string[];
}

export class Writer {
  readonly #client: Client;
  readonly #partitions: readonly string[];
  readonly #acknowledged = new Map<string, Map<string, string>>();
  readonly #unknown = new Map<string, Set<string>>();
  readonly #failures: unknown[] = [];
  readonly #workers: Promise<void>[];
  #stopped = false;
  #sent = 0;
  #acknowledgedCount = 0;
  #unknownCount = 0;
  #refusedCount = 0;

  /** Starts at once: each of so many workers awaits one append after another, over the partitions in turn. */
  constructor(client: Client, partitions: readonly string[], outstanding: number) {
    this.#client = client;
    this.#partitions = partitions;
    this.#workers = Array.from({ length: outstanding }, () => this.#work());
  }

  get acknowledged(): number {
    return this.#acknowledgedCount;
  }

  get account(): string {
    return `${this.#acknowledgedCount} acknowledged, ${this.#unknownCount} of unknown outcome, ${this.#refusedCount} refused`;
  }

  /** Lets what is outstanding end. Rejects with whatever an append may never end with. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    if (this.#failures.length > 0)
      throw new AggregateError(this.#failures, 'appends failed as they never may');
  }

  /** Reads everything through this client, at its level, and compares. */
  async compare(client: Client): Promise<Found> {
    const found = { read: 0, missing: [] as string[], altered: [] as string[], strange: [] as string[] };
    for (const name of this.#partitions) {
      const open = new Map(this.#acknowledged.get(name));
      const unknown = new Set(this.#unknown.get(name));
      for await (const { version, value } of client.partition(name, { codec: bytesCodec }).scan()) {
        found.read++;
        const text = Buffer.from(value).toString('latin1');
        const expected = open.get(version);
        if (expected === undefined) {
          if (!unknown.delete(text)) found.strange.push(text);
        } else {
          open.delete(version);
          if (expected !== text) found.altered.push(version);
        }
      }
      found.missing.push(...open.keys());
    }
    return found;
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const number = this.#sent++;
      const name = this.#partitions[number % this.#partitions.length] ?? '';
      // No two are the same, so a refused one that is stored nevertheless is noticed.
      const text = `${name} ${number} ${'.'.repeat(number % 200)}\r`;
      try {
        const partition = this.#client.partition(name, { codec: bytesCodec });
        const { version } = await partition.append(Buffer.from(text, 'latin1'));
        entryOf(this.#acknowledged, name, () => new Map<string, string>()).set(version, text);
        this.#acknowledgedCount++;
      } catch (error) {
        if (error instanceof MendlogError && UNKNOWN.has(error.code)) {
          entryOf(this.#unknown, name, () => new Set<string>()).add(text);
          this.#unknownCount++;
        } else if (error instanceof MendlogError && REFUSED.has(error.code)) {
          this.#refusedCount++;
          await delay(PAUSE_AFTER_REFUSAL_MS);
        } else {
          this.#failures.push(error);
          return;
        }
      }
    }
  }
}

function entryOf<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
