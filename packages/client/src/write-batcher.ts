/**
 * Coalesces writes: what is called in one turn of the event loop goes out as one request per node,
 * grouped by partition. A call costs a promise; everything else is paid by the batch.
 *
 * Bounds: bytes waiting in all, records and time waiting per node, requests under way per node. While a node's
 * requests are under way, and a moment longer, its writes gather, so batches grow under load by themselves
 * (request-pacer.ts). Where more comes than the node takes, what comes is refused rather than sent when nobody waits for
 * it any more. What was called first goes out first; a first retry is a group of its own, since it may be answered with
 * what the first attempt has left.
 */
import {
  type Draft,
  draftBytes,
  encodeDrafts,
  formatVersion,
  LIMITS,
  MendlogError,
  toMendlogError,
  WaitingLine,
  type WriteLevel,
  type WriteOrder,
} from '@mendlog/core';
import { clientLine, timeLeft, timeOver } from './client-line.js';
import type { NodeConnection, NodePool } from './node-pool.js';
import { RequestPacer } from './request-pacer.js';
import type { SeenCounters } from './seen-counters.js';

export interface WriteResult {
  /** Names the record for good, such as `1042-0k3v9x2m7q1ab`. */
  readonly version: string;
  /** The version's counter: enough while no other record has it. */
  readonly id: number;
  /** Replicas that had flushed the record when the node answered. */
  readonly acks: number;
}

interface PendingWrite {
  readonly partition: string;
  readonly draft: Draft;
  readonly bytes: number;
  /** In the time of `performance.now()`. */
  readonly deadlineMs: number;
  readonly how: WriteHow;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: MendlogError) => void;
}

/** What writes of one request have in common: the same object, or equal ones. */
export interface WriteHow {
  readonly level: WriteLevel | undefined;
  readonly order: WriteOrder | undefined;
  /** The write may be found done: it is answered by itself. */
  readonly isRetry?: boolean;
}

interface Lane {
  readonly queue: WaitingLine<PendingWrite>;
  readonly pacer: RequestPacer;
}

export class WriteBatcher {
  readonly #pool: NodePool;
  readonly #seen: SeenCounters;
  readonly #timeoutMs: number;
  readonly #lanes = new Map<NodeConnection, Lane>();
  #waitingBytes = 0;
  #scheduled = false;

  /** A write may take so long from when it is called. */
  constructor(pool: NodePool, seen: SeenCounters, timeoutMs: number) {
    this.#pool = pool;
    this.#seen = seen;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Rejects with what the node says, or with OVERLOADED, REQUEST_TIMEOUT, UNREACHABLE or CLOSED where nothing was sent.
   */
  write(partition: string, draft: Draft, how: WriteHow): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const bytes = draftBytes(draft);
      const lane = this.#laneOf(this.#pool.pick(partition));
      const nowMs = performance.now();
      if (this.#waitingBytes + bytes > LIMITS.writeQueueBytesMax || !lane.queue.hasRoom(bytes))
        throw lane.queue.refusal(nowMs);
      const deadlineMs = nowMs + this.#timeoutMs;
      lane.queue.add({ partition, draft, bytes, deadlineMs, how, resolve, reject }, bytes, nowMs);
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** Throws what would become of a write, where that is known before its value is even looked at. */
  checkRoom(partition: string): void {
    const { queue } = this.#laneOf(this.#pool.pick(partition));
    if (!queue.hasRoom(0)) throw queue.refusal(performance.now());
  }

  #laneOf(connection: NodeConnection): Lane {
    let lane = this.#lanes.get(connection);
    if (lane === undefined) {
      const queue = new WaitingLine<PendingWrite>(clientLine('writes', this.#timeoutMs));
      lane = { queue, pacer: this.#newPacer() };
      this.#lanes.set(connection, lane);
    }
    return lane;
  }

  #newPacer(): RequestPacer {
    return new RequestPacer(
      () => this.#schedule(),
      () => this.#isAnyToAnswer(),
    );
  }

  #isAnyToAnswer(): boolean {
    for (const { pacer } of this.#lanes.values()) if (pacer.isToBeAnswered) return true;
    return false;
  }

  /** All lanes, also those whose node has not answered: one that gathers may go on once no other is to answer. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const [connection, lane] of this.#lanes) this.#pump(connection, lane);
    });
  }

  #pump(connection: NodeConnection, { queue, pacer }: Lane): void {
    while (queue.length > 0 && pacer.mayGo(isFull(queue))) {
      const batch = this.#takeBatch(queue);
      if (batch.length === 0) continue;
      pacer.sent();
      void this.#send(connection, batch).finally(() => pacer.ended());
    }
    queue.turned(performance.now());
  }

  /** The longest prefix of one kind that fits a batch, without those whose time is over. */
  #takeBatch(queue: WaitingLine<PendingWrite>): PendingWrite[] {
    const batch: PendingWrite[] = [];
    const nowMs = performance.now();
    let bytes = 0;
    for (let write = queue.oldest; write !== undefined; write = queue.oldest) {
      const isLate = write.deadlineMs <= nowMs;
      const fits = bytes + write.bytes <= LIMITS.batchBytesTarget && batch.length < LIMITS.batchRecordsMax;
      if (!isLate && batch.length > 0 && !(fits && isAlike(write.how, batch[0]?.how))) break;
      queue.takeOldest();
      this.#waitingBytes -= write.bytes;
      if (isLate) write.reject(timeOver());
      else {
        bytes += write.bytes;
        batch.push(write);
      }
    }
    return batch;
  }

  async #send(connection: NodeConnection, batch: readonly PendingWrite[]): Promise<void> {
    const { level, order } = (batch[0] as PendingWrite).how;
    const wasOpen = connection.isOpen;
    try {
      const groups = grouped(batch);
      const needsFloor = order === 'causal' || level === 'ANY';
      const packed = encodeDrafts(
        groups.map((writes) => {
          const { partition } = writes[0] as PendingWrite;
          const floor = needsFloor ? this.#seen.of(partition) : 0;
          return { partition, drafts: writes.map(({ draft }) => draft), floor };
        }),
      );
      const input = { packed, consistency: level, order };
      const answer = await connection.call.batches.write.mutate(input, { context: timeLeft(batch) });
      const { counters, acks, origins, originOf, refused } = answer;
      const refusals = new Map(refused);
      for (const [i, writes] of groups.entries()) {
        const refusal = refusals.get(i);
        const firstCounter = counters[i];
        if (refusal !== undefined || firstCounter === undefined) {
          const error = refusal === undefined ? missingOutcome() : MendlogError.fromShape(refusal);
          for (const { reject } of writes) reject(error);
          continue;
        }
        const origin = origins[originOf[i] ?? 0] ?? '';
        const replicas = acks[i] ?? 0;
        this.#seen.note((writes[0] as PendingWrite).partition, firstCounter + writes.length - 1);
        for (let offset = 0; offset < writes.length; offset++) {
          const id = firstCounter + offset;
          const version = formatVersion({ counter: id, origin });
          (writes[offset] as PendingWrite).resolve({ version, id, acks: replicas });
        }
      }
    } catch (thrown) {
      const error = toMendlogError(thrown);
      // Closed here while the node was writing.
      const isUnknown = error.code === 'CLOSED' && wasOpen;
      const why = 'the client was closed before the answer came: the outcome is unknown';
      const told = isUnknown ? new MendlogError('CONNECTION_LOST', why, { cause: error }) : error;
      for (const { reject } of batch) reject(told);
    }
  }
}

/** What waits makes a batch that more would not make larger. */
function isFull({ bytes, length }: WaitingLine<PendingWrite>): boolean {
  return bytes >= LIMITS.batchBytesTarget || length >= LIMITS.batchRecordsMax;
}

/** By partition, in the order of the first write of each; retries one by one. */
function grouped(batch: readonly PendingWrite[]): PendingWrite[][] {
  if (batch[0]?.how.isRetry === true) return batch.map((write) => [write]);
  const byPartition = new Map<string, PendingWrite[]>();
  for (const write of batch) {
    const group = byPartition.get(write.partition);
    if (group === undefined) byPartition.set(write.partition, [write]);
    else group.push(write);
  }
  return [...byPartition.values()];
}

function isAlike(a: WriteHow, b: WriteHow | undefined): boolean {
  if (a === b) return true;
  if (b === undefined || a.order !== b.order || a.isRetry !== b.isRetry) return false;
  if (a.level === b.level) return true;
  if (typeof a.level !== 'object' || typeof b.level !== 'object') return false;
  return a.level.r === b.level.r && a.level.w === b.level.w;
}

function missingOutcome(): MendlogError {
  return new MendlogError('INTERNAL', 'the node answered without an outcome for this write');
}
