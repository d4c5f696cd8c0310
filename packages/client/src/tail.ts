/**
 * Follows a partition at one of its replicas, and goes on by itself: at the same one while that comes back soon, else
 * at another. docs/consistency.md says what is promised, tail-places.ts why it holds.
 *
 * Now and then the serving replica is asked whether it is still there, since a silent one looks like a quiet
 * partition; and the others whether they hold the same, so that little is repeated when one of them takes over.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  decodePacked,
  itemsOf as framesOf,
  MendlogError,
  ORIGIN_LOWEST,
  toMendlogError,
} from '@mendlog/core';
import { itemsOf } from '@mendlog/transport/items';
import type { NodePool, PoolNode } from './node-pool.js';
import { type TailCursor, TailPlaces } from './tail-places.js';
import { primariesNamedBy, TailReplicas } from './tail-replicas.js';

export interface TailOptions {
  /**
   * now (the default): records whose append begins after the first `next()` has reached the nodes. start: everything
   * that is there too. Or the cursor of a record: what comes after it.
   */
  readonly from?: 'now' | 'start' | TailCursor | undefined;
  /** How long no replica may be reached before the tail ends as UNAVAILABLE; a minute unless told. */
  readonly patienceMs?: number | undefined;
  /** Ends the tail, also while it waits: it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

interface TailedFrame {
  readonly frame: Uint8Array;
  readonly cursor: TailCursor;
}

/** One page of a replica's arrivals: frame i arrived at `arrivals[i]`, `ordinals[i]`. */
interface TailItem {
  readonly packed: Uint8Array;
  readonly arrivals: readonly number[];
  readonly ordinals: readonly number[];
  readonly cursor: { readonly storeId: string; readonly arrival: number; readonly ordinal: number };
}

const PATIENCE_MS = 60_000;
/** How long the tail waits for the replica that served before it turns to another. */
const STAY_MS = 2000;
const BACKOFF_FIRST_MS = 25;
const BACKOFF_MAX_MS = 1000;
/** A subscription that lasted so long had begun well: what ends it is a new trouble. */
const STEADY_MS = 1000;
const CHECK_MS = 3000;

const PASSING: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'UNREACHABLE',
  'UNAVAILABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
  'CLOSED',
]);

export class Tail {
  readonly #partition: string;
  readonly #pool: NodePool;
  readonly #options: TailOptions;
  readonly #replicas: TailReplicas;
  #places = new TailPlaces();
  #troubleSinceMs: number | undefined;
  #failures = 0;

  constructor(partition: string, pool: NodePool, options: TailOptions) {
    this.#partition = partition;
    this.#pool = pool;
    this.#options = options;
    this.#replicas = new TailReplicas(pool, partition);
  }

  async *frames(): AsyncGenerator<TailedFrame, void, undefined> {
    const { from = 'now' } = this.#options;
    if (from !== 'now' && from !== 'start') this.#places = TailPlaces.fromCursor(from);
    await this.#pool.ready();
    await this.#replicas.attempted();
    if (from === 'now') await this.#beginNow();
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const node = this.#choose();
      if (node === undefined)
        await this.#backOff(new MendlogError('UNREACHABLE', 'no replica can be reached'));
      else yield* this.#servedBy(node);
    }
  }

  async #beginNow(): Promise<void> {
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const ends = await this.#replicas.ends();
      if (ends.size > 0) {
        this.#places = TailPlaces.fromEnds(ends, this.#replicas.count);
        this.#troubleSinceMs = undefined;
        return;
      }
      await this.#backOff(new MendlogError('UNREACHABLE', 'no replica can be reached'));
    }
  }

  /** The one that served, if it can be had; soon after it was lost no other one. */
  #choose(): PoolNode | undefined {
    const candidates = this.#replicas.candidates();
    const open = candidates.filter(({ connection }) => connection.isOpen);
    const serving = candidates.find(({ id }) => id === this.#places.serving);
    // One that can be connected to and does not serve is as good as gone after a while.
    const isLate = this.#troubleMs() >= STAY_MS;
    if (serving !== undefined && !isLate) return open.includes(serving) ? serving : undefined;
    return open.find((node) => node !== serving) ?? open[0];
  }

  /** Ends when the replica serves no more. Throws what is no passing trouble. */
  async *#servedBy(node: PoolNode): AsyncGenerator<TailedFrame, void, undefined> {
    const after = this.#places.of(node.id);
    this.#places.serve(node.id);
    const lost = new AbortController();
    const { signal: stopped } = this.#options;
    const signal = stopped === undefined ? lost.signal : AbortSignal.any([stopped, lost.signal]);
    const beganMs = performance.now();
    const endChecks = this.#checkNowAndThen(node, lost);
    try {
      for await (const item of itemsOf<TailItem>(
        (how) => {
          const { lowWater } = this.#places;
          const isWithin = after !== undefined || lowWater === 0;
          const fromVersion = isWithin ? undefined : { counter: lowWater + 1, origin: ORIGIN_LOWEST };
          const place = after && { storeId: after.storeId, arrival: after.arrival, ordinal: after.ordinal };
          const input = { partition: this.#partition, after: place, fromVersion };
          return node.connection.call.batches.tail.subscribe(input, how);
        },
        { signal },
      )) {
        this.#troubleSinceMs = undefined;
        this.#failures = 0;
        yield* this.#given(node, item);
      }
      throw new MendlogError('CONNECTION_LOST', `${node.connection.url} has ended the tail`);
    } catch (thrown) {
      stopped?.throwIfAborted();
      const error = toMendlogError(thrown);
      if (performance.now() - beganMs >= STEADY_MS) this.#troubleSinceMs = undefined;
      await this.#failed(node, error);
    } finally {
      endChecks();
    }
  }

  *#given({ id }: PoolNode, { packed, arrivals, ordinals, cursor }: TailItem): Generator<TailedFrame> {
    const { storeId } = cursor;
    let i = 0;
    for (const group of decodePacked(packed)) {
      for (const frame of framesOf(group)) {
        const [arrival, ordinal] = [arrivals[i], ordinals[i]];
        if (arrival === undefined || ordinal === undefined)
          throw new MendlogError('MALFORMED', 'a page of a tail names no place for one of its records');
        yield { frame, cursor: this.#places.cursorAt({ node: id, storeId, arrival, ordinal }) };
        // Only now: whoever leaves the loop before has not been given the next one.
        this.#places.reached(id, { storeId, arrival, ordinal });
        i++;
      }
    }
    this.#places.reached(id, cursor);
  }

  async #failed(node: PoolNode, error: MendlogError): Promise<void> {
    const primaries = primariesNamedBy(error);
    if (primaries !== undefined) this.#replicas.learn(primaries);
    // The store refuses a place that is of another one.
    else if (error.code === 'BAD_REQUEST' && this.#places.of(node.id) !== undefined)
      this.#replicas.markWiped(node.id);
    else if (!PASSING.has(error.code)) throw error;
    // Throws where none is left, or the client is closed.
    this.#replicas.candidates();
    await this.#backOff(error);
  }

  /** Waits a little. Throws UNAVAILABLE when that has not helped for too long. */
  async #backOff(cause: MendlogError): Promise<void> {
    const { patienceMs = PATIENCE_MS, signal } = this.#options;
    this.#troubleSinceMs ??= performance.now();
    const leftMs = patienceMs - this.#troubleMs();
    if (leftMs <= 0) {
      const why = `no replica of ${this.#partition} has served this tail for ${patienceMs} ms: go on with its last cursor`;
      throw new MendlogError('UNAVAILABLE', why, { cause });
    }
    const fullMs = Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_MAX_MS, leftMs);
    this.#failures = Math.min(this.#failures + 1, 10);
    await pause(fullMs * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal }).catch(
      () => {},
    );
  }

  #troubleMs(): number {
    return this.#troubleSinceMs === undefined ? 0 : performance.now() - this.#troubleSinceMs;
  }

  /** Returns what ends it. */
  #checkNowAndThen(node: PoolNode, lost: AbortController): () => void {
    let timer: NodeJS.Timeout | undefined;
    let compared: unknown;
    const check = async () => {
      const place = this.#places.of(node.id);
      try {
        if (place !== undefined && place !== compared) {
          const { storeId, arrival, ordinal } = place;
          const ends = await this.#replicas.ends({ node: node.id, place: { storeId, arrival, ordinal } });
          if (!ends.has(node.id)) throw new MendlogError('CONNECTION_LOST', 'the replica is silent');
          // Once all hold the same there is nothing to compare until something arrives.
          if (!lost.signal.aborted && this.#places.advance(ends) === this.#replicas.count) compared = place;
        } else await this.#replicas.end(node, undefined);
      } catch (thrown) {
        lost.abort(toMendlogError(thrown));
      }
      if (!lost.signal.aborted) wait();
    };
    const wait = () => {
      timer = setTimeout(() => void check(), CHECK_MS);
      timer.unref();
    };
    wait();
    return () => {
      lost.abort(new MendlogError('CONNECTION_LOST', 'the tail has left this replica'));
      clearTimeout(timer);
    };
  }
}
