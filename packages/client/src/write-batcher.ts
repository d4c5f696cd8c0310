/**
 * Coalesces writes: what is called in one turn of the event loop goes out as one request per node,
 * grouped by partition. A call costs a promise; everything else is paid by the batch.
 *
 * Bounds: bytes waiting in all, requests under way per node. While a node's requests are under way,
 * its writes gather, so batches grow under load by themselves. What was called first goes out first; a
 * first retry is a group of its own, since it may be answered with what the first attempt has left.
 */
import {
  type Draft,
  draftBytes,
  encodePacked,
  formatVersion,
  type Level,
  LIMITS,
  MendlogError,
  packDrafts,
  toMendlogError,
  type WriteOrder,
} from '@mendlog/core';
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
  readonly how: WriteHow;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: MendlogError) => void;
}

/** What writes of one request have in common: the same object, or equal ones. */
export interface WriteHow {
  readonly level: Level | undefined;
  readonly order: WriteOrder | undefined;
  /** The write may be found done: it is answered by itself. */
  readonly isRetry?: boolean;
}

interface Lane {
  readonly queue: PendingWrite[];
  readonly pacer: RequestPacer;
}

export class WriteBatcher {
  readonly #pool: NodePool;
  readonly #seen: SeenCounters;
  readonly #lanes = new Map<NodeConnection, Lane>();
  #waitingBytes = 0;
  #scheduled = false;

  constructor(pool: NodePool, seen: SeenCounters) {
    this.#pool = pool;
    this.#seen = seen;
  }

  /** Rejects with what the node says, or with OVERLOADED, UNREACHABLE or CLOSED where nothing was sent. */
  write(partition: string, draft: Draft, how: WriteHow): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const bytes = draftBytes(draft);
      if (this.#waitingBytes + bytes > LIMITS.writeQueueBytesMax)
        throw new MendlogError('OVERLOADED', 'too many writes are waiting; await some before you send more');
      const connection = this.#pool.pick(partition);
      let lane = this.#lanes.get(connection);
      if (lane === undefined) {
        lane = { queue: [], pacer: new RequestPacer(() => this.#schedule()) };
        this.#lanes.set(connection, lane);
      }
      lane.queue.push({ partition, draft, bytes, how, resolve, reject });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const [connection, lane] of this.#lanes) this.#pump(connection, lane);
    });
  }

  #pump(connection: NodeConnection, lane: Lane): void {
    while (lane.queue.length > 0 && lane.pacer.mayGo()) {
      lane.pacer.sent();
      void this.#send(connection, this.#takeBatch(lane.queue)).finally(() => lane.pacer.ended());
    }
  }

  /** The longest prefix of one kind that fits a batch; at least one write. */
  #takeBatch(queue: PendingWrite[]): PendingWrite[] {
    const first = queue[0]?.how;
    let bytes = 0;
    let count = 0;
    for (const write of queue) {
      const fits = bytes + write.bytes <= LIMITS.batchBytesTarget && count < LIMITS.batchRecordsMax;
      if (count > 0 && (!fits || !isAlike(write.how, first))) break;
      bytes += write.bytes;
      count++;
    }
    this.#waitingBytes -= bytes;
    return queue.splice(0, count);
  }

  async #send(connection: NodeConnection, batch: readonly PendingWrite[]): Promise<void> {
    const { level, order } = (batch[0] as PendingWrite).how;
    const wasOpen = connection.isOpen;
    try {
      const groups = grouped(batch);
      const packed = encodePacked(
        groups.map((writes) => {
          const { partition } = writes[0] as PendingWrite;
          const floor = order === 'causal' ? this.#seen.of(partition) : 0;
          return packDrafts(
            partition,
            writes.map(({ draft }) => draft),
            floor,
          );
        }),
      );
      const answer = await connection.call.batches.write.mutate({ packed, consistency: level, order });
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
