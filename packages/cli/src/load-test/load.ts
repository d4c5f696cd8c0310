/**
 * The load: writers that each await one call after another, and what became of the calls.
 *
 * A writer remembers the last few records that it wrote, and reads one of them now and then. A record
 * that is not found, or not as it was written, counts as an error of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { bytesCodec, type Client, type Partition } from '@mendlog/client';
import { LatencyHistogram, toMendlogError } from '@mendlog/core';

export interface LoadOptions {
  readonly writers: number;
  readonly valueBytes: number;
  readonly partitions: number;
  /** From 0 to 1: how many of the calls are reads. */
  readonly readShare: number;
}

const REMEMBERED_MAX = 32;
/** After a failed call, so that a dead cluster is not asked a million times. */
const PAUSE_AFTER_ERROR_MS = 20;
/** Bytes of a value that tell it from all others, where it has that many. */
const NUMBER_BYTES = 8;

interface Remembered {
  readonly partition: Partition<Uint8Array>;
  readonly version: string;
  readonly number: bigint;
}

export class Load {
  readonly writes = new LatencyHistogram();
  readonly reads = new LatencyHistogram();
  /** Writes since somebody last cleared it. */
  readonly latest = new LatencyHistogram();
  /** By code; MISSING and ALTERED are records that a read did not find as they were acknowledged. */
  readonly errors = new Map<string, number>();
  readonly #options: LoadOptions;
  readonly #partitions: readonly Partition<Uint8Array>[];
  readonly #filler: Uint8Array;
  #next = 0n;
  #stopped = false;

  constructor(client: Client, options: LoadOptions) {
    this.#options = options;
    this.#partitions = Array.from({ length: options.partitions }, (_, i) =>
      client.partition(`load-test-${i}`, { codec: bytesCodec }),
    );
    this.#filler = Buffer.alloc(options.valueBytes, 'mendlog ');
  }

  get errorCount(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when every writer has ended its last call after `stop`. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.writers }, () => this.#work()));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(): Promise<void> {
    const remembered: Remembered[] = [];
    while (!this.#stopped) {
      try {
        const isRead = remembered.length > 0 && Math.random() < this.#options.readShare;
        if (isRead) await this.#read(remembered[Math.floor(Math.random() * remembered.length)]);
        else await this.#write(remembered);
      } catch (thrown) {
        this.#countError(toMendlogError(thrown).code);
        await delay(PAUSE_AFTER_ERROR_MS);
      }
    }
  }

  async #write(remembered: Remembered[]): Promise<void> {
    const number = this.#next++;
    const partition = this.#partitions[Number(number % BigInt(this.#partitions.length))];
    if (partition === undefined) throw new TypeError('partitions is 0: a record belongs to one');
    const value = Buffer.from(this.#filler);
    if (value.length >= NUMBER_BYTES) value.writeBigUInt64LE(number);
    const startedMs = performance.now();
    const { version } = await partition.append(value);
    const latencyMs = performance.now() - startedMs;
    this.writes.record(latencyMs);
    this.latest.record(latencyMs);
    if (this.#options.readShare === 0) return;
    if (remembered.length < REMEMBERED_MAX) remembered.push({ partition, version, number });
    else remembered[Number(number % BigInt(REMEMBERED_MAX))] = { partition, version, number };
  }

  async #read(expected: Remembered | undefined): Promise<void> {
    if (expected === undefined) return;
    const startedMs = performance.now();
    const record = await expected.partition.read(expected.version);
    this.reads.record(performance.now() - startedMs);
    if (record === undefined) this.#countError('MISSING');
    else if (!this.#isAsWritten(record.value, expected.number)) this.#countError('ALTERED');
  }

  #isAsWritten(value: Uint8Array, number: bigint): boolean {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (bytes.length !== this.#filler.length) return false;
    return bytes.length < NUMBER_BYTES || bytes.readBigUInt64LE() === number;
  }

  #countError(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}
