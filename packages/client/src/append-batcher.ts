/**
 * Coalesces appends: what is called in one turn of the event loop goes out as one request per node,
 * grouped by partition. A call costs a promise; everything else is paid by the batch.
 *
 * Bounds: bytes waiting in all, requests under way per node. While a node's requests are under way,
 * its appends gather, so batches grow under load by themselves.
 */
import {
  type ConsistencyLevel,
  encodePacked,
  LIMITS,
  MendlogError,
  packItems,
  toMendlogError,
} from '@mendlog/core';
import type { NodeConnection, NodePool } from './node-pool.js';

export interface Acknowledgement {
  readonly counter: number;
  readonly origin: string;
  /** Replicas that had flushed the record when the node answered. */
  readonly acks: number;
}

interface PendingAppend {
  readonly partition: string;
  readonly level: ConsistencyLevel | undefined;
  readonly bytes: Uint8Array;
  readonly resolve: (acknowledgement: Acknowledgement) => void;
  readonly reject: (error: MendlogError) => void;
}

interface Lane {
  readonly queue: PendingAppend[];
  underWay: number;
}

const REQUESTS_PER_NODE_MAX = 2;

export class AppendBatcher {
  readonly #pool: NodePool;
  readonly #lanes = new Map<NodeConnection, Lane>();
  #waitingBytes = 0;
  #scheduled = false;

  constructor(pool: NodePool) {
    this.#pool = pool;
  }

  append(
    partition: string,
    bytes: Uint8Array,
    level: ConsistencyLevel | undefined,
  ): Promise<Acknowledgement> {
    return new Promise((resolve, reject) => {
      if (bytes.length > LIMITS.valueBytesMax) {
        throw new MendlogError(
          'TOO_LARGE',
          `a value of ${bytes.length} bytes is over the limit of ${LIMITS.valueBytesMax}`,
        );
      }
      if (this.#waitingBytes + bytes.length > LIMITS.writeQueueBytesMax) {
        throw new MendlogError('OVERLOADED', 'too many appends are waiting; await some before you send more');
      }
      const connection = this.#pool.pick(partition);
      let lane = this.#lanes.get(connection);
      if (lane === undefined) {
        lane = { queue: [], underWay: 0 };
        this.#lanes.set(connection, lane);
      }
      lane.queue.push({ partition, level, bytes, resolve, reject });
      this.#waitingBytes += bytes.length;
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
    while (lane.queue.length > 0 && lane.underWay < REQUESTS_PER_NODE_MAX) {
      lane.underWay++;
      void this.#send(connection, this.#takeBatch(lane.queue)).finally(() => {
        lane.underWay--;
        this.#pump(connection, lane);
      });
    }
  }

  /** The longest prefix of one level that fits a batch; at least one append. */
  #takeBatch(queue: PendingAppend[]): PendingAppend[] {
    const level = queue[0]?.level;
    let bytes = 0;
    let count = 0;
    for (const append of queue) {
      const fits = bytes + append.bytes.length <= LIMITS.batchBytesTarget && count < LIMITS.batchRecordsMax;
      if (count > 0 && (!fits || append.level !== level)) break;
      bytes += append.bytes.length;
      count++;
    }
    this.#waitingBytes -= bytes;
    return queue.splice(0, count);
  }

  async #send(connection: NodeConnection, batch: readonly PendingAppend[]): Promise<void> {
    const byPartition = new Map<string, PendingAppend[]>();
    for (const append of batch) {
      const group = byPartition.get(append.partition);
      if (group === undefined) byPartition.set(append.partition, [append]);
      else group.push(append);
    }
    const groups = [...byPartition.values()];
    const packed = encodePacked(
      [...byPartition].map(([partition, appends]) =>
        packItems(
          partition,
          appends.map(({ bytes }) => bytes),
        ),
      ),
    );
    const consistency = batch[0]?.level;
    try {
      const { outcomes } = await connection.call.batches.append.mutate({ packed, consistency });
      for (const [i, group] of groups.entries()) {
        const outcome = outcomes[i];
        for (const [offset, append] of group.entries()) {
          if (outcome?.ok) {
            append.resolve({
              counter: outcome.firstCounter + offset,
              origin: outcome.origin,
              acks: outcome.acks,
            });
          } else {
            append.reject(outcome === undefined ? missingOutcome() : MendlogError.fromShape(outcome.error));
          }
        }
      }
    } catch (thrown) {
      const error = toMendlogError(thrown);
      for (const append of batch) append.reject(error);
    }
  }
}

function missingOutcome(): MendlogError {
  return new MendlogError('INTERNAL', 'the node answered without an outcome for this append');
}
