/** The replicas of one partition as a tail sees them: who they are, which can be reached, and where their arrivals end. */
import { type ArrivalCursor, MendlogError, toMendlogError } from '@mendlog/core';
import type { NodePool, PoolNode } from './node-pool.js';
import type { ReplicaEnd } from './tail-places.js';

export class TailReplicas {
  readonly #pool: NodePool;
  readonly #partition: string;
  /** Undefined until a node has told. */
  #primaries: readonly string[] | undefined;
  /** Their stores are other ones than the tail has read. */
  readonly #wiped = new Set<string>();

  constructor(pool: NodePool, partition: string) {
    this.#pool = pool;
    this.#partition = partition;
  }

  get count(): number {
    return this.#primaries?.length ?? 0;
  }

  /** Those that may serve, in order of preference. Throws CLOSED, and BAD_REQUEST where none is left. */
  candidates(): readonly PoolNode[] {
    const primaries = this.#known();
    const left = primaries.filter(({ id }) => !this.#wiped.has(id));
    if (primaries.length > 0 && left.length === 0)
      throw new MendlogError(
        'BAD_REQUEST',
        `the stores of ${this.#partition} that this tail has read are gone: begin anew, from 'start' or 'now'`,
        { details: { wiped: [...this.#wiped] } },
      );
    return left;
  }

  markWiped(node: string): void {
    this.#wiped.add(node);
  }

  /** A node has said who the replicas are. */
  learn(primaries: readonly string[]): void {
    this.#primaries = primaries;
  }

  /** Learns who they are, and gives each the time that a first attempt to connect takes. */
  async attempted(): Promise<void> {
    if (this.#primaries === undefined) await this.#learnFromAny();
    await Promise.all(this.#known().map(({ attempted }) => attempted));
  }

  /** Asks all that can be reached; no answer is left out. The serving one is asked about its place too. */
  async ends(serving?: { node: string; place: ArrivalCursor }): Promise<Map<string, ReplicaEnd>> {
    if (this.#primaries === undefined) await this.#learnFromAny();
    const ends = new Map<string, ReplicaEnd>();
    await Promise.all(
      this.#known().map(async (node) => {
        const end = await this.end(node, node.id === serving?.node ? serving.place : undefined).catch(
          () => undefined,
        );
        if (end !== undefined && !this.#wiped.has(node.id)) ends.set(node.id, end);
      }),
    );
    return ends;
  }

  /** Rejects as a call does. */
  async end({ connection }: PoolNode, after: ArrivalCursor | undefined): Promise<ReplicaEnd> {
    const { primaries, ...end } = await connection.call.batches.tailEnd.query({
      partition: this.#partition,
      after,
    });
    this.#primaries = primaries;
    return end;
  }

  /** All nodes, while nobody has told who the replicas are. */
  #known(): readonly PoolNode[] {
    const primaries = this.#primaries;
    const nodes = this.#pool.nodesFor(this.#partition);
    return primaries === undefined ? nodes : nodes.filter(({ id }) => primaries.includes(id));
  }

  async #learnFromAny(): Promise<void> {
    for (const node of this.#pool.nodesFor(this.#partition)) {
      try {
        await this.end(node, undefined);
        return;
      } catch (thrown) {
        const primaries = primariesNamedBy(toMendlogError(thrown));
        if (primaries === undefined) continue;
        this.#primaries = primaries;
        return;
      }
    }
  }
}

/** Who is a replica, of an error that says that the asked one is none. */
export function primariesNamedBy({ code, details }: MendlogError): readonly string[] | undefined {
  const { primaries } = details;
  return code === 'NOT_REPLICA' && Array.isArray(primaries) ? primaries : undefined;
}
