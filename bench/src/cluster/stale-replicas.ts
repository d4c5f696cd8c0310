/**
 * Makes one replica stale on purpose: a newer record of a key is stored on the others alone, past every coordinator,
 * as if that replica had missed the write. The coordinator of a quorum read asks itself and the next replica, so one
 * of these two is left behind, by turns: the read finds it and repairs it before it answers.
 */
import {
  encodeFrame,
  encodePacked,
  MendlogError,
  originFromBits,
  type PackedGroup,
  packItems,
  preferenceList,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { type BinaryRouter, clusterSecret, peerToken } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';

const OPEN_TIMEOUT_MS = 5000;
/** Above the counters of everything that the benchmark has put before. */
const COUNTER_FIRST = 1_000_000;

export interface StaleReplicasOptions {
  /** URL by node id: all of them are replicas of every partition. */
  readonly urls: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
}

export class StaleReplicas implements Disposable {
  readonly #connections: ReadonlyMap<string, Connection<BinaryRouter>>;
  readonly #value: Uint8Array;
  readonly #origin = originFromBits(BigInt(process.hrtime.bigint()));
  #made = 0;

  constructor({ urls, value }: StaleReplicasOptions) {
    const token = peerToken(loadKernel(), clusterSecret(undefined, '127.0.0.1'));
    this.#value = value;
    this.#connections = new Map(
      Object.entries(urls).map(([id, url]) => [id, new Connection<BinaryRouter>({ url, token })]),
    );
  }

  /** Rejects with UNREACHABLE. */
  async open(): Promise<void> {
    for (const connection of this.#connections.values())
      if (!(await connection.waitUntilOpen(OPEN_TIMEOUT_MS)))
        throw new MendlogError('UNREACHABLE', `no connection to ${connection.url} as a peer`);
  }

  /** Resolves when all replicas but one hold a newer record of the key. */
  async leaveOneBehind(partition: string, key: string): Promise<void> {
    const counter = COUNTER_FIRST + this.#made;
    const frame = encodeFrame({
      version: { counter, origin: this.#origin },
      timeMs: Date.now(),
      key,
      value: this.#value,
    });
    const { primaries } = preferenceList(partition, [...this.#connections.keys()], this.#connections.size);
    const stale = primaries[this.#made % 2];
    this.#made++;
    const group = packItems(partition, [frame]);
    await Promise.all(primaries.flatMap((id) => (id === stale ? [] : this.#store(id, group))));
  }

  async #store(id: string, group: PackedGroup): Promise<void> {
    await this.#connections.get(id)?.call.peer.store.mutate({ packed: encodePacked([group]) });
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections.values()) connection.close();
  }
}
