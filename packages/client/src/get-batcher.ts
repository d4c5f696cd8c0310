/**
 * Coalesces reads of keys: what is called in one turn of the event loop goes out as one request per node,
 * as long as its level is the same. Requests under way per node are bounded, and so is what waits. Keys that an
 * answer has no room for go out again, before the others: each answer has one record at least.
 */
import {
  encodePacked,
  type Level,
  LIMITS,
  levelText,
  MendlogError,
  packKeyQuestions,
  type RecordKey,
  toMendlogError,
  WaitingLine,
} from '@mendlog/core';
import { clientLine, timeLeft, timeOver } from './client-line.js';
import type { NodeConnection, NodePool } from './node-pool.js';
import { RequestPacer } from './request-pacer.js';

interface PendingGet {
  readonly partition: string;
  readonly key: RecordKey;
  readonly level: Level | undefined;
  attempt: number;
  /** Of the attempt, in the time of `performance.now()`. */
  deadlineMs: number;
  readonly resolve: (frame: Uint8Array | undefined) => void;
  readonly reject: (error: MendlogError) => void;
}

/** Gets of one level on their way to one node. */
interface Lane {
  readonly connection: NodeConnection;
  readonly level: Level | undefined;
  readonly queue: WaitingLine<PendingGet>;
  /** Those that an answer had no room for: they go first. */
  readonly again: PendingGet[];
  readonly pacer: RequestPacer;
}

const ATTEMPTS_MAX = 3;

export class GetBatcher {
  readonly #pool: NodePool;
  readonly #lanes = new Map<NodeConnection, Map<string, Lane>>();
  readonly #timeoutMs: number;
  #waiting = 0;
  #isScheduled = false;

  /** A get may take so long from when it is called. */
  constructor(pool: NodePool, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /** The frame of the record that holds the key, a tombstone where it was deleted. */
  get(partition: string, key: RecordKey, level: Level | undefined): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#ask({ partition, key, level, attempt: 1, deadlineMs: 0, resolve, reject });
    });
  }

  /** Throws where it is not let in. */
  #ask(get: PendingGet): void {
    const { partition, key, level } = get;
    const lane = this.#laneOf(this.#pool.pick(partition), level);
    const nowMs = performance.now();
    if (this.#waiting >= LIMITS.readQueueMax || !lane.queue.hasRoom(key.length))
      throw lane.queue.refusal(nowMs);
    get.deadlineMs = nowMs + this.#timeoutMs;
    lane.queue.add(get, key.length, nowMs);
    this.#waiting++;
    this.#schedule();
  }

  /** Reads change nothing, so one that a dying node took along is asked of the next node. */
  #failed(get: PendingGet, error: MendlogError): void {
    if (error.code !== 'CONNECTION_LOST' || get.attempt >= ATTEMPTS_MAX) {
      get.reject(error);
      return;
    }
    get.attempt++;
    try {
      this.#ask(get);
    } catch (thrown) {
      get.reject(toMendlogError(thrown));
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (const lanes of this.#lanes.values()) for (const lane of lanes.values()) this.#pump(lane);
    });
  }

  #laneOf(connection: NodeConnection, level: Level | undefined): Lane {
    let lanes = this.#lanes.get(connection);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(connection, lanes);
    }
    const name = level === undefined ? '' : levelText(level);
    let lane = lanes.get(name);
    if (lane === undefined) {
      lane = this.#newLane(connection, level);
      lanes.set(name, lane);
    }
    return lane;
  }

  #newLane(connection: NodeConnection, level: Level | undefined): Lane {
    const queue = new WaitingLine<PendingGet>(clientLine('reads', this.#timeoutMs));
    return { connection, level, queue, again: [], pacer: new RequestPacer(() => this.#schedule()) };
  }

  #pump(lane: Lane): void {
    while (
      lane.again.length + lane.queue.length > 0 &&
      lane.pacer.mayGo(lane.queue.length >= LIMITS.rangesMax)
    ) {
      const batch = this.#takeBatch(lane);
      if (batch.length === 0) continue;
      lane.pacer.sent();
      void this.#send(lane, batch).finally(() => lane.pacer.ended());
    }
    lane.queue.turned(performance.now());
  }

  /** As many as one request takes, without those whose time is over. */
  #takeBatch({ again, queue }: Lane): PendingGet[] {
    const batch: PendingGet[] = [];
    const nowMs = performance.now();
    while (batch.length < LIMITS.rangesMax) {
      const get = again.shift() ?? queue.takeOldest();
      if (get === undefined) break;
      this.#waiting--;
      if (get.deadlineMs <= nowMs) get.reject(timeOver());
      else batch.push(get);
    }
    return batch;
  }

  async #send(lane: Lane, batch: readonly PendingGet[]): Promise<void> {
    const { connection, level } = lane;
    try {
      const input = { packed: encodePacked(packKeyQuestions(batch)), consistency: level };
      const { frames, failed } = await connection.call.batches.get.query(input, {
        context: timeLeft(batch),
      });
      const failures = failed.length === 0 ? undefined : new Map(failed);
      const isShort = failures !== undefined && frames.some(({ length }) => length > 0);
      const again: PendingGet[] = [];
      for (const [i, get] of batch.entries()) {
        const { resolve, reject } = get;
        const failure = failures?.get(i);
        const frame = frames[i];
        if (failure?.code === 'TOO_LARGE' && isShort) again.push(get);
        else if (failure !== undefined) this.#failed(get, MendlogError.fromShape(failure));
        else if (frame === undefined)
          reject(new MendlogError('INTERNAL', 'the node answered without an outcome for this key'));
        else resolve(frame.length === 0 ? undefined : frame);
      }
      lane.again.push(...again);
      this.#waiting += again.length;
    } catch (thrown) {
      const error = toMendlogError(thrown);
      for (const get of batch) this.#failed(get, error);
    }
  }
}
