/** A partition as an app sees it: append, read and scan, with values of one type. */
import {
  type ConsistencyLevel,
  checkPartitionName,
  decodeFrame,
  decodePacked,
  formatVersion,
  itemsOf,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  parseRecordId,
  type RecordId,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
} from '@mendlog/core';
import type { Acknowledgement, AppendBatcher } from './append-batcher.js';
import type { Codec } from './codec.js';
import type { NodePool } from './node-pool.js';

export interface AppendResult {
  /** Names the record for good, such as `1042-0k3v9x2m7q1ab`. */
  readonly version: string;
  /** The version's counter: enough while no other record has it. */
  readonly id: number;
  readonly acks: number;
}

export interface ReadRecord<T> {
  readonly version: string;
  readonly id: number;
  /** Wall clock of the coordinator, milliseconds since 1970. */
  readonly timeMs: number;
  readonly value: T;
}

export interface CallOptions {
  readonly consistency?: ConsistencyLevel;
}

export interface ScanOptions extends CallOptions {
  /** First and last record, both included: a version, or a counter. */
  readonly from?: string | number;
  readonly to?: string | number;
  /** Only records written between these times, by the clocks of their coordinators; both included. */
  readonly fromTimeMs?: number;
  readonly toTimeMs?: number;
  readonly limit?: number;
}

export interface PartitionOptions<T> {
  readonly codec: Codec<T>;
  /** Undefined: what the partition, else the node says. */
  readonly consistency: ConsistencyLevel | undefined;
  readonly pool: NodePool;
  readonly batcher: AppendBatcher;
}

const PAGE_RECORDS = 1000;

export class Partition<T> {
  readonly name: string;
  readonly #options: PartitionOptions<T>;

  /** @internal */
  constructor(name: string, options: PartitionOptions<T>) {
    checkPartitionName(name);
    this.name = name;
    this.#options = options;
  }

  /**
   * Appends a record. Resolves when as many replicas as the level asks for have flushed it.
   * UNREACHABLE, UNAVAILABLE, OVERLOADED and TOO_LARGE: nothing was written.
   * WRITE_TIMEOUT and CONNECTION_LOST: the outcome is unknown; another append would be a second record.
   */
  async append(value: T, options: CallOptions = {}): Promise<AppendResult> {
    const { batcher, codec, pool } = this.#options;
    const bytes = codec.encode(value);
    await pool.ready();
    const acknowledgement = await batcher.append(
      this.name,
      bytes,
      options.consistency ?? this.#options.consistency,
    );
    return appendResult(acknowledgement);
  }

  /**
   * The record with this version or counter, or undefined. Rejects with AMBIGUOUS_ID, UNAVAILABLE or
   * READ_TIMEOUT, and with MALFORMED where the codec cannot read the value, the codec's error as its cause.
   */
  async read(id: string | number, options: CallOptions = {}): Promise<ReadRecord<T> | undefined> {
    const text = recordIdText(id);
    await this.#options.pool.ready();
    const consistency = options.consistency ?? this.#options.consistency;
    const input = { partition: this.name, ids: [text], consistency };
    const { records } = await this.#call((connection) => connection.call.batches.read.query(input));
    const found = (records[0]?.frames ?? []).map((frame) => this.#decode(frame));
    if (found.length <= 1) return found[0];
    throw new MendlogError(
      'AMBIGUOUS_ID',
      `${found.length} records carry the counter ${text}: name one by its version`,
      {
        details: { versions: found.map(({ version }) => version) },
      },
    );
  }

  /** The records of a range in order of version, fetched page by page. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<ReadRecord<T>, void, undefined> {
    const consistency = options.consistency ?? this.#options.consistency;
    const to = options.to === undefined ? VERSION_HIGHEST : { origin: ORIGIN_HIGHEST, ...idOf(options.to) };
    let from: Version =
      options.from === undefined ? VERSION_LOWEST : { origin: ORIGIN_LOWEST, ...idOf(options.from) };
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const time = { fromMs: options.fromTimeMs, toMs: options.toTimeMs };
    await this.#options.pool.ready();
    while (left > 0) {
      const range = { from, to, limit: Math.min(PAGE_RECORDS, left) };
      const input = { partition: this.name, range, time, consistency };
      const page = await this.#call((connection) => connection.call.batches.scan.query(input));
      const frames = decodePacked(page.packed).flatMap((group) => [...itemsOf(group)]);
      for (const frame of frames) yield this.#decode(frame);
      left -= frames.length;
      if (page.next === undefined) return;
      from = page.next;
    }
  }

  #decode(frame: Uint8Array): ReadRecord<T> {
    const { version, timeMs, value } = decodeFrame(frame);
    const text = formatVersion(version);
    try {
      return { version: text, id: version.counter, timeMs, value: this.#options.codec.decode(value) };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MendlogError(
        'MALFORMED',
        `record ${text} of ${this.name} is not what this codec reads (${why}); read it with bytesCodec`,
        { details: { version: text }, cause },
      );
    }
  }

  /** Reads change nothing, so one that a dying node took along is asked of the next node. */
  async #call<Answer>(ask: (connection: ReturnType<NodePool['pick']>) => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(this.#options.pool.pick(this.name));
      } catch (thrown) {
        const error = toMendlogError(thrown);
        if (error.code !== 'CONNECTION_LOST' || attempt >= READ_ATTEMPTS_MAX) throw error;
      }
    }
  }
}

const READ_ATTEMPTS_MAX = 3;

function appendResult({ counter, origin, acks }: Acknowledgement): AppendResult {
  return { version: formatVersion({ counter, origin }), id: counter, acks };
}

function recordIdText(id: string | number): string {
  const text = String(id);
  parseRecordId(text);
  return text;
}

function idOf(id: string | number): RecordId {
  return parseRecordId(String(id));
}
