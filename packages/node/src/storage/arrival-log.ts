/**
 * The arrival log: the LMDB environment whose flush is the acknowledgement.
 *
 *   entries     arrival number u64 -> entry (log-entry.ts), in the order of arrival
 *   partitions  name -> id, watermarks and fence
 *   meta        the id of this log, after which its index is named
 *   hints, jobs, catalog (side-tables.ts)
 *
 * What belongs together is written in one commit. Two traps of lmdb-js decide the options. With
 * overlapping sync, which is its default, a commit resolves before it is flushed. With event turn
 * batching, its default too, a commit that fails also rejects a promise that nobody can reach, which ends
 * the process. `batch` puts all writes of a callback into one transaction, and a write that fails undoes
 * the transaction whole.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import { checkCounts } from './check-counts.js';
import { DiskRoom } from './disk-room.js';
import { arrivalKey, arrivalLookup, arrivalOfKey } from './keys.js';
import { makeLmdbFileSafe } from './lmdb-file.js';
import type { LocatedRecord } from './located-record.js';
import { EntryWriter, LogEntry } from './log-entry.js';
import { SideTables } from './side-tables.js';
import { isOfFolder, storeError } from './store-error.js';

const ID_KEY = 'id';
const LAST_ARRIVAL_KEY = 'last arrival';

export interface LoggedPartition {
  readonly id: number;
  readonly trimmedTo: number;
  /** The fence, and the store that has it: one that is restored from a backup has another id. */
  readonly fence: { readonly counter: number; readonly storeId: string };
  readonly purgedTo: number;
  /** Records at or below the counter that arrived up to there are gone, wherever they lie in the log. */
  readonly dropped: { readonly counter: number; readonly arrival: number };
  /** A counter that the head does not fall below, though its record may be gone from the log. */
  readonly head: number;
}

export class ArrivalLog {
  readonly side: SideTables;
  /** Random, made with the log; its index is named after it. */
  readonly id: string;
  readonly #path: string;
  readonly #room: DiskRoom;
  readonly #env: RootDatabase;
  readonly #entries: Database<Buffer, Buffer>;
  readonly #partitions: Database<LoggedPartition, string>;
  readonly #meta: Database<string, string>;
  /** Its checksums belong to this log, wherever its file is copied to. */
  readonly writer: EntryWriter;
  #closed = false;

  constructor(path: string, kernel: DigestKernel) {
    this.#path = path;
    this.#room = new DiskRoom(path);
    let env: RootDatabase | undefined;
    try {
      makeLmdbFileSafe(path);
      env = open({ path, maxDbs: 16, overlappingSync: false, eventTurnBatching: false });
      this.#env = env;
      this.#entries = env.openDB({ name: 'entries', keyEncoding: 'binary', encoding: 'binary' });
      this.#partitions = env.openDB({ name: 'partitions' });
      const meta = env.openDB<string, string>({ name: 'meta' });
      this.#meta = meta;
      const id = meta.get(ID_KEY);
      this.id = id ?? randomUUID();
      if (id === undefined) meta.putSync(ID_KEY, this.id);
      this.side = new SideTables(env, (write) => this.commit(write));
      checkCounts([this.#entries, this.#partitions, meta, ...this.side.tables]);
      this.writer = new EntryWriter(kernel, this.id);
    } catch (cause) {
      void env?.close();
      throw untrusted(path, cause);
    }
  }

  /** The highest number that an entry had; 0 before the first. */
  get lastArrival(): number {
    const [key] = this.#entries.getKeys({ reverse: true, limit: 1 });
    return Math.max(key === undefined ? 0 : arrivalOfKey(key), Number(this.#meta.get(LAST_ARRIVAL_KEY) ?? 0));
  }

  /** Inside a commit that removes entries: no number is given out twice, though none may be left. */
  keepLastArrival(): void {
    void this.#meta.put(LAST_ARRIVAL_KEY, String(this.lastArrival));
  }

  /** The number of the first entry above this one; undefined where there is none. */
  nextArrival(after: number): number | undefined {
    const [key] = this.#entries.getKeys({ start: arrivalKey(after + 1), limit: 1 });
    return key === undefined ? undefined : arrivalOfKey(key);
  }

  partitions(): { name: string; partition: LoggedPartition }[] {
    return [...this.#partitions.getRange()].map(({ key, value }) => ({ name: key, partition: value }));
  }

  /**
   * All writes of `write`, about so many bytes, in one transaction. Resolves when it is flushed; rejects with
   * DISK_FULL or CLOSED.
   */
  async commit(write: () => void, bytes = 0): Promise<void> {
    if (this.#closed) throw new MendlogError('CLOSED', 'the store is closed');
    this.#room.check(bytes);
    try {
      await this.#env.batch(write);
    } catch (cause) {
      this.#room.doubt();
      throw await storeError(cause, this.#path);
    }
  }

  /** Inside a commit. */
  putEntry(arrival: number, bytes: Uint8Array): void {
    // A copy would be a second one: LMDB reads the bytes before the commit is done.
    void this.#entries.put(arrivalKey(arrival), bytes as Buffer);
  }

  /** Inside a commit. */
  removeEntry(arrival: number): void {
    void this.#entries.remove(arrivalKey(arrival));
  }

  /** Inside a commit. */
  putPartition(name: string, partition: LoggedPartition): void {
    void this.#partitions.put(name, partition);
  }

  /** An entry to read at once: the next read overwrites its bytes. Undefined where it is none. */
  peek(arrival: number): LogEntry | undefined {
    return entryOf(this.#entries.getBinaryFast(arrivalLookup(arrival)));
  }

  /** The frame of a record to use at once; undefined where the disk has not kept it. */
  frameOf({ arrival, ordinal }: LocatedRecord): Uint8Array | undefined {
    return this.peek(arrival)?.frameOf(ordinal);
  }

  /** An entry to keep; undefined where it is not there, or not as it was written. */
  readWhole(arrival: number): LogEntry | undefined {
    const entry = entryOf(this.#entries.getBinary(arrivalKey(arrival)));
    return entry?.isWhole(this.writer) === true ? entry : undefined;
  }

  /** The entries above an arrival number, in order; undefined of one that is not as it was written. */
  *after(arrival: number): Generator<{ arrival: number; entry: LogEntry | undefined }> {
    for (const { key, value } of this.#entries.getRange({ start: arrivalKey(arrival + 1) })) {
      const entry = entryOf(value);
      const isWhole = entry?.isWhole(this.writer) === true;
      yield { arrival: arrivalOfKey(key), entry: isWhole ? entry : undefined };
    }
  }

  /** Moves an entry that nothing can be read of into a file of the folder, for whoever wants to look. */
  setAside(arrival: number, folder: string): void {
    const bytes = this.#entries.getBinary(arrivalKey(arrival));
    if (bytes === undefined) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `entry-${arrival}`), bytes);
    this.#entries.removeSync(arrivalKey(arrival));
  }

  /** Copies the environment as it is at one moment into a folder that is there; whoever closes it waits for that. */
  async copyTo(folder: string): Promise<void> {
    await this.#env.backup(folder, false);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#env.close();
  }
}

function untrusted(path: string, cause: unknown): unknown {
  if (isOfFolder(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new MendlogError('LOG_DAMAGED', `the log in ${path} is damaged: ${text}`, { cause });
}

/** Undefined for bytes that cannot be an entry. */
function entryOf(bytes: Uint8Array | undefined): LogEntry | undefined {
  if (bytes === undefined) return undefined;
  try {
    return new LogEntry(bytes);
  } catch (cause) {
    if (cause instanceof MendlogError) return undefined;
    throw cause;
  }
}
