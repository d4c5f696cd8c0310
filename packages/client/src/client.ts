/** The client: partitions of one cluster, over one connection to each of its nodes. */
import { type Level, MendlogError } from '@mendlog/core';
import { pskOf } from '@mendlog/transport/psk';
import { type Codec, jsonCodec, type Schema } from './codec.js';
import { GetBatcher } from './get-batcher.js';
import { NodePool } from './node-pool.js';
import { OrderedAppends } from './ordered-appends.js';
import { Partition } from './partition.js';
import { newRetryBudget } from './retry-budget.js';
import { SeenCounters } from './seen-counters.js';
import { WriteBatcher } from './write-batcher.js';

export interface ClientOptions {
  /** URLs of one or more nodes; the others are found through them. */
  readonly nodes: readonly string[];
  /** The cluster secret: nodes that are not on loopback are reached by TLS with it, and refuse a client without. */
  readonly secret?: string | undefined;
  /** For calls that name no level; by default that of the partition, else of the node (QUORUM). */
  readonly consistency?: Level | undefined;
  /** How long an attempt of a call may take, and how long the first one waits for a node. */
  readonly timeoutMs?: number | undefined;
}

export type ValueOptions<T> =
  | { readonly codec: Codec<T>; readonly schema?: never }
  | { readonly schema: Schema<T>; readonly codec?: never };

export interface Client extends AsyncDisposable {
  /** Values are JSON unless a codec says otherwise; a schema types and checks them. */
  partition(name: string): Partition<unknown>;
  partition<T>(name: string, options: ValueOptions<T>): Partition<T>;
  close(): Promise<void>;
}

/** Connects in the background; the first call waits until a node is reached. Throws BAD_CONFIG. */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = 5000 } = options;
  if (!(timeoutMs > 0))
    throw new MendlogError('BAD_CONFIG', `timeoutMs is ${timeoutMs}: expected a number above 0`);
  const pool = new NodePool(options.nodes, {
    timeoutMs,
    psk: options.secret === undefined ? undefined : pskOf(new TextEncoder().encode(options.secret)),
  });
  const { consistency } = options;
  const seen = new SeenCounters();
  const batcher = new WriteBatcher(pool, seen, timeoutMs);
  const gets = new GetBatcher(pool, timeoutMs);
  const budget = newRetryBudget();
  const ordered = new OrderedAppends(batcher, () => pool.ready());
  const shared = { consistency, pool, batcher, ordered, gets, seen, budget };

  function partition(name: string): Partition<unknown>;
  function partition<T>(name: string, values: ValueOptions<T>): Partition<T>;
  function partition<T>(name: string, values?: ValueOptions<T>): Partition<unknown> | Partition<T> {
    if (values === undefined) return new Partition<unknown>(name, { ...shared, codec: jsonCodec<unknown>() });
    return new Partition<T>(name, { ...shared, codec: values.codec ?? jsonCodec(values.schema) });
  }

  const close = async () => pool.close();
  return { partition, close, [Symbol.asyncDispose]: close };
}
