/** A partition as an app sees it: append, put, get, delete, read and scan, with values of one type. */
import {
  checkPartitionName,
  type Draft,
  decodeFrame,
  decodePacked,
  draftOf,
  formatVersion,
  frameIsTombstone,
  frameVersion,
  itemsOf,
  type Level,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  parseRecordId,
  putKey,
  type RecordId,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  type WriteLevel,
  type WriteOrder,
} from '@mendlog/core';
import type { Codec } from './codec.js';
import type { GetBatcher } from './get-batcher.js';
import type { NodePool } from './node-pool.js';
import type { OrderedAppends } from './ordered-appends.js';
import { appendOnce } from './retried-append.js';
import type { RetryBudget } from './retry-budget.js';
import type { SeenCounters } from './seen-counters.js';
import { Tail, type TailOptions } from './tail.js';
import type { TailCursor } from './tail-places.js';
import type { WriteBatcher, WriteHow, WriteResult } from './write-batcher.js';

export interface ReadRecord<T> {
  readonly version: string;
  readonly id: number;
  /** Wall clock of the coordinator, milliseconds since 1970. */
  readonly timeMs: number;
  /** Of a record that was put. */
  readonly key?: string;
  readonly value: T;
}

/** A record that has arrived, or the deletion of a key: `deleted` tells. */
export type TailedRecord<T> = ((ReadRecord<T> & { readonly deleted?: never }) | DeletedKey) & {
  /** Plain JSON; `tail({ from: cursor })` goes on behind this record. */
  readonly cursor: TailCursor;
};

/** What a `delete` leaves: it has a version like any record, and no value. */
interface DeletedKey extends Omit<ReadRecord<never>, 'value'> {
  readonly value?: never;
  readonly deleted: true;
}

export interface CallOptions {
  /** A level by name, or how many replicas a read and a write need. */
  readonly consistency?: Level | undefined;
}

export interface WriteOptions {
  /** As of any call; or ANY: while no replica can be reached, a node that is none keeps the write for them. */
  readonly consistency?: WriteLevel | undefined;
  /**
   * real-time (the default): the version is above that of every write that was acknowledged before this call.
   * causal: it is above what this client has seen of the partition, and its coordinator; that saves a round trip.
   */
  readonly order?: WriteOrder | undefined;
}

export interface AppendOptions extends WriteOptions {
  /** False: an append of unknown outcome is not retried, and its record has no key: for bulk loads. */
  readonly idempotent?: boolean | undefined;
  /**
   * ordered: of appends that are not awaited one by one, each has a higher version than those called before it, also
   * where attempts are retried. One batch of the partition is under way at a time, so fewer appends a second.
   */
  readonly pipeline?: 'ordered' | undefined;
}

/** What became of one of many writes. */
export type WriteSettled =
  | ({ readonly ok: true } & WriteResult)
  | { readonly ok: false; readonly error: MendlogError };

export interface ScanOptions extends CallOptions {
  /** First and last record, both included: a version, or a counter. */
  readonly from?: string | number | undefined;
  readonly to?: string | number | undefined;
  /** Only records written between these times, by the clocks of their coordinators; both included. */
  readonly fromTimeMs?: number | undefined;
  readonly toTimeMs?: number | undefined;
  readonly limit?: number | undefined;
  /** From the last record of the range to the first. */
  readonly reverse?: boolean | undefined;
}

export interface PartitionOptions<T> {
  readonly codec: Codec<T>;
  /** Undefined: what the partition, else the node says. */
  readonly consistency: Level | undefined;
  readonly pool: NodePool;
  readonly batcher: WriteBatcher;
  readonly ordered: OrderedAppends;
  readonly gets: GetBatcher;
  readonly seen: SeenCounters;
  readonly budget: RetryBudget;
}

const PAGE_RECORDS = 1000;

export class Partition<T> {
  readonly name: string;
  readonly #options: PartitionOptions<T>;
  readonly #usual: WriteHow;

  /** @internal */
  constructor(name: string, options: PartitionOptions<T>) {
    checkPartitionName(name);
    this.name = name;
    this.#options = options;
    this.#usual = { level: options.consistency, order: undefined };
  }

  /**
   * Appends a record. Resolves when as many replicas as the level asks for have flushed it.
   * An attempt of unknown outcome is followed by others, of which one record stays, and so is one that a busy node has
   * refused, or that a trim or a fence overtook. UNREACHABLE, UNAVAILABLE, OVERLOADED, DISK_FULL, TRIMMED, FENCED, CLOSED,
   * TOO_LARGE and BAD_REQUEST (where the codec or schema refuses the value, its error is the cause): nothing was
   * written. WRITE_TIMEOUT, CONNECTION_LOST and INTERNAL: after all
   * attempts the outcome is unknown; another append would be a second record.
   */
  append(value: T, options: AppendOptions = {}): Promise<WriteResult> {
    return promised(() => {
      const { batcher, budget, codec, ordered, pool } = this.#options;
      if (pool.isReady) batcher.checkRoom(this.name);
      const bytes = encoded(codec, value);
      checkPipeline(options);
      const how = this.#how(options);
      if (options.idempotent === false) return this.#write(draftOf({ value: bytes }), how);
      if (options.pipeline === 'ordered') return ordered.append(this.name, bytes, how);
      return this.#whenReady(() => appendOnce(batcher, this.name, { value: bytes, how, budget }));
    });
  }

  /**
   * Appends many records, in their order where none is retried, and with `pipeline: 'ordered'` always. Never rejects:
   * each has a result of its own, since one may be refused, or have an unknown outcome, and the others not.
   */
  async appendMany(values: Iterable<T>, options: AppendOptions = {}): Promise<WriteSettled[]> {
    return await settled(Array.from(values, (value) => this.append(value, options)));
  }

  /** Puts many records, each under its key. Never rejects, as `appendMany`. Of two of one key the later one stays. */
  async putMany(
    entries: Iterable<readonly [key: string, value: T]>,
    options: WriteOptions = {},
  ): Promise<WriteSettled[]> {
    return await settled(Array.from(entries, ([key, value]) => this.put(key, value, options)));
  }

  /**
   * Puts a record under a key, in place of the one that holds it. Rejects as `append`, but a put of unknown outcome
   * is not retried: the retry would be a second write.
   */
  put(key: string, value: T, options: WriteOptions = {}): Promise<WriteResult> {
    return promised(() => {
      checkKey(key);
      return this.#write(draftOf({ key, value: encoded(this.#options.codec, value) }), this.#how(options));
    });
  }

  /** Deletes a key, whether or not a record holds it. Rejects as `put`. */
  delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    return promised(() => {
      checkKey(key);
      return this.#write(draftOf({ key, tombstone: true, value: NO_VALUE }), this.#how(options));
    });
  }

  /**
   * The record that holds a key, or undefined. Rejects with UNAVAILABLE, READ_TIMEOUT or OVERLOADED, and with
   * MALFORMED where the codec cannot read the value.
   */
  async get(key: string, options: CallOptions = {}): Promise<ReadRecord<T> | undefined> {
    checkKey(key);
    const recordKey = putKey(key);
    const { gets, pool } = this.#options;
    if (!pool.isReady) await pool.ready();
    const frame = await gets.get(this.name, recordKey, options.consistency ?? this.#options.consistency);
    if (frame === undefined) return undefined;
    if (frameIsTombstone(frame)) {
      this.#options.seen.note(this.name, frameVersion(frame).counter);
      return undefined;
    }
    return this.#decode(frame);
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

  /** The records of a range in order of version, or from the last to the first, fetched page by page. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<ReadRecord<T>, void, undefined> {
    const consistency = options.consistency ?? this.#options.consistency;
    let to: Version =
      options.to === undefined ? VERSION_HIGHEST : { origin: ORIGIN_HIGHEST, ...idOf(options.to) };
    let from: Version =
      options.from === undefined ? VERSION_LOWEST : { origin: ORIGIN_LOWEST, ...idOf(options.from) };
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (!(left >= 0) || (Number.isFinite(left) && !Number.isInteger(left)))
      throw new MendlogError('BAD_REQUEST', `limit is ${left}: expected a whole number of at least 0`);
    const time = { fromMs: options.fromTimeMs, toMs: options.toTimeMs };
    const descending = options.reverse ?? false;
    await this.#options.pool.ready();
    while (left > 0) {
      const range = { from, to, limit: Math.min(PAGE_RECORDS, left), descending };
      const input = { partition: this.name, range, time, consistency };
      const page = await this.#call((connection) => connection.call.batches.scan.query(input));
      const frames = decodePacked(page.packed).flatMap((group) => [...itemsOf(group)]);
      for (const frame of frames) {
        if (frameIsTombstone(frame)) continue;
        yield this.#decode(frame);
        left--;
      }
      if (page.next === undefined) return;
      if (descending) to = page.next;
      else from = page.next;
    }
  }

  /**
   * The records of the partition as they arrive at one of its replicas, each at least once, without an end: leave the
   * loop, or abort the signal. Goes on by itself when a connection or a replica is lost. Throws UNAVAILABLE when no
   * replica could be reached for `patienceMs`, CLOSED with the client, BAD_REQUEST for a cursor whose stores are gone,
   * and MALFORMED for a value that the codec cannot read.
   */
  async *tail(options: TailOptions = {}): AsyncGenerator<TailedRecord<T>, void, undefined> {
    for await (const { frame, cursor } of new Tail(this.name, this.#options.pool, options).frames()) {
      if (!frameIsTombstone(frame)) {
        yield { ...this.#decode(frame), cursor };
        continue;
      }
      const { version, timeMs, key } = decodeFrame(frame);
      const record = { version: formatVersion(version), id: version.counter, timeMs, cursor };
      yield { ...record, ...(key === undefined ? {} : { key }), deleted: true };
    }
  }

  #write(draft: Draft, how: WriteHow): Promise<WriteResult> {
    return this.#whenReady(() => this.#options.batcher.write(this.name, draft, how));
  }

  #whenReady(write: () => Promise<WriteResult>): Promise<WriteResult> {
    const { pool } = this.#options;
    return pool.isReady ? write() : pool.ready().then(write);
  }

  #how({ consistency, order }: WriteOptions): WriteHow {
    // One object for all calls that say nothing: a batch is of one kind.
    if (consistency === undefined && order === undefined) return this.#usual;
    return { level: consistency ?? this.#options.consistency, order };
  }

  #decode(frame: Uint8Array): ReadRecord<T> {
    const { version, timeMs, value, key } = decodeFrame(frame);
    const text = formatVersion(version);
    this.#options.seen.note(this.name, version.counter);
    try {
      const decoded = this.#options.codec.decode(value);
      return {
        version: text,
        id: version.counter,
        timeMs,
        ...(key === undefined ? {} : { key }),
        value: decoded,
      };
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

/**
 * What an async function would do with a throw, and nothing else: a call costs the batcher's promise. Each async
 * function on the way would add its own, a generator and a turn of the microtask queue, which at full load were a
 * quarter of what a record costs the client.
 */
function promised(write: () => Promise<WriteResult>): Promise<WriteResult> {
  try {
    return write();
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** What is not retried under one key cannot be sent again in order. Throws BAD_REQUEST. */
function checkPipeline({ pipeline, idempotent }: AppendOptions): void {
  if (pipeline === undefined) return;
  if (pipeline !== 'ordered')
    throw new MendlogError('BAD_REQUEST', `pipeline is ${String(pipeline)}: expected 'ordered', or nothing`);
  if (idempotent === false)
    throw new MendlogError('BAD_REQUEST', "pipeline: 'ordered' retries appends: leave idempotent: false out");
}

async function settled(writes: readonly Promise<WriteResult>[]): Promise<WriteSettled[]> {
  const outcomes = await Promise.allSettled(writes);
  return outcomes.map((outcome) =>
    outcome.status === 'fulfilled'
      ? { ok: true, ...outcome.value }
      : { ok: false, error: toMendlogError(outcome.reason) },
  );
}

const NO_VALUE = new Uint8Array(0);

function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    return codec.encode(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MendlogError('BAD_REQUEST', `the value is not what the codec takes: ${why}`, { cause });
  }
}

/** JavaScript lets it through, and without a key a put would be an append. */
function checkKey(key: string): void {
  if (typeof key !== 'string') throw new MendlogError('BAD_REQUEST', `a key is text, not ${typeof key}`);
}

function recordIdText(id: string | number): string {
  const text = String(id);
  parseRecordId(text);
  return text;
}

function idOf(id: string | number): RecordId {
  return parseRecordId(String(id));
}
