/**
 * A connection to one node: a tRPC link that ends in a WebSocket of binary messages.
 *
 * It reconnects by itself, with jittered backoff, and never queues for a closed socket: a call on a
 * connection that is not open is refused at once as UNREACHABLE (or UNAUTHORIZED where the node refuses the
 * proof of the secret), and has not been sent. A call whose
 * answer does not come before its deadline, or before the socket closes, ends as CONNECTION_LOST:
 * it may or may not have been carried out. So does one that its caller aborts. The node is told that nobody
 * waits any more, and stops. Calls under way are bounded in number and bytes.
 */
import { LIMITS, MendlogError, toMendlogError } from '@mendlog/core';
import { createTRPCClient, type TRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import type { WebSocket } from 'ws';
import { type CallMessage, decodeAnswer, encodeRequest } from './messages.js';
import { openSocket } from './open-socket.js';
import { type PendingCall, PendingCalls } from './pending-calls.js';
import { TurnWriter } from './turn-writer.js';

export interface ConnectionOptions {
  /** `http://host:port` of a node. */
  readonly url: string;
  /** Path of the binary endpoint. */
  readonly path?: string;
  /** Proof of the cluster secret, for the peer procedures. */
  readonly token?: string;
  readonly timeoutMs?: number;
  readonly onOpen?: () => void;
  /** After each socket that closed, also one that never opened. */
  readonly onClose?: () => void;
}

type OutgoingCall = Omit<CallMessage, 'id'>;
type Outcome = Pick<PendingCall, 'resolve' | 'reject'>;

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1000;

export class Connection<Router extends AnyRouter> {
  readonly url: string;
  /** The procedures of the node, typed. Errors carry a MendlogError as their cause. */
  readonly call: TRPCClient<Router>;
  readonly #options: ConnectionOptions;
  readonly #pending: PendingCalls;
  readonly #openWaiters = new Set<() => void>();
  #socket: WebSocket | undefined;
  #writer: TurnWriter | undefined;
  #open = false;
  #closed = false;
  #failures = 0;
  #refusal: MendlogError | undefined;
  #nextId = 1;
  #reconnectTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.url = options.url;
    this.#options = options;
    this.#pending = new PendingCalls(options.url, { onTimeout: (id) => this.#tellCancelled(id) });
    this.call = createTRPCClient<Router>({ links: [this.#link()] });
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#open && !this.#closed;
  }

  /** What the node said when it refused the last attempt to connect: UNAUTHORIZED, or UNREACHABLE. */
  get refusal(): MendlogError | undefined {
    return this.#refusal;
  }

  /** Resolves to whether the connection is open, as soon as it is or when time is up. */
  async waitUntilOpen(timeoutMs: number): Promise<boolean> {
    if (this.#open || this.#closed) return this.isOpen;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#openWaiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#openWaiters.add(done);
    });
    return this.isOpen;
  }

  /** Drops the socket of a node that no longer answers; the connection then tries anew. */
  reset(): void {
    this.#socket?.terminate();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#reconnectTimer);
    this.#socket?.terminate();
    this.#pending.failAll('CLOSED', 'the connection was closed');
    for (const done of [...this.#openWaiters]) done();
  }

  #connect(): void {
    this.#reconnectTimer = undefined;
    const { path = '/trpc/binary', token } = this.#options;
    const socket = openSocket({ url: this.url, path, token }, (refusal) => {
      this.#refusal = refusal;
    });
    this.#socket = socket;
    socket.on('upgrade', (response) => {
      this.#writer = new TurnWriter(socket, response.socket);
    });
    socket.on('open', () => {
      this.#open = true;
      this.#failures = 0;
      this.#refusal = undefined;
      this.#options.onOpen?.();
      for (const done of [...this.#openWaiters]) done();
    });
    socket.on('message', (bytes: Buffer) => this.#receive(bytes));
    socket.on('close', () => this.#onSocketClosed());
  }

  #onSocketClosed(): void {
    this.#open = false;
    this.#pending.failAll('CONNECTION_LOST', `the connection to ${this.url} ended before the answer came`);
    this.#options.onClose?.();
    if (this.#closed) return;
    const fullMs = Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_MAX_MS);
    this.#failures++;
    this.#reconnectTimer = setTimeout(() => this.#connect(), fullMs * (0.5 + Math.random() / 2));
  }

  /** Ends the pause before the next attempt: the node is known to be there. */
  connectNow(): void {
    if (this.#closed || this.#reconnectTimer === undefined) return;
    clearTimeout(this.#reconnectTimer);
    this.#connect();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#pending.settle(decodeAnswer(bytes));
    } catch {
      this.#socket?.close(1007, 'malformed answer');
    }
  }

  #tellCancelled(id: number): void {
    if (this.#open) this.#writer?.send(encodeRequest({ id, type: 'cancel' }));
  }

  /** Sends the call, and returns what aborts it. Throws where nothing was sent. */
  #send(call: OutgoingCall, outcome: Outcome): () => void {
    if (this.#closed) throw new MendlogError('CLOSED', 'the connection was closed');
    const writer = this.#writer;
    if (!this.#open || writer === undefined)
      throw new MendlogError(
        this.#refusal?.code ?? 'UNREACHABLE',
        this.#refusal?.message ?? `no connection to ${this.url}`,
      );
    const id = this.#nextId++;
    const bytes = encodeRequest({ id, ...call });
    if (bytes.length > LIMITS.messageBytesMax) {
      throw new MendlogError(
        'TOO_LARGE',
        `a message of ${bytes.length} bytes is over the limit of ${LIMITS.messageBytesMax}`,
      );
    }
    this.#pending.makeRoomFor(bytes.length);
    const { path, timeoutMs } = call;
    const nowMs = performance.now();
    this.#pending.add(
      { id, path, bytes: bytes.length, timeoutMs, deadlineMs: nowMs + timeoutMs, ...outcome },
      nowMs,
    );
    writer.send(bytes);
    return () => {
      const error = new MendlogError('CONNECTION_LOST', `the caller has aborted ${path}`);
      if (this.#pending.fail(id, error)) this.#tellCancelled(id);
    };
  }

  #link(): TRPCLink<Router> {
    return () =>
      ({ op: { type, path, input, context, signal } }) =>
        observable((observer) => {
          let abort: (() => void) | undefined;
          const forget = () => {
            if (abort !== undefined) signal?.removeEventListener('abort', abort);
          };
          const reject = (error: MendlogError) => {
            forget();
            observer.error(TRPCClientError.from(error));
          };
          // Not completed: tRPC's promise has its value, and would throw an exception away for the completion,
          // which is a fifth of what a call costs.
          const resolve = (data: unknown) => {
            forget();
            observer.next({ result: { type: 'data', data } });
          };
          try {
            if (type === 'subscription')
              throw new MendlogError('BAD_REQUEST', 'the binary link carries no subscriptions yet');
            if (signal?.aborted) throw new MendlogError('CONNECTION_LOST', `${path} was aborted unsent`);
            const timeoutMs = typeof context.timeoutMs === 'number' ? context.timeoutMs : this.#timeoutMs;
            abort = this.#send({ type, path, input, timeoutMs }, { resolve, reject });
            signal?.addEventListener('abort', abort);
          } catch (error) {
            reject(toMendlogError(error));
          }
        });
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 5000;
  }
}
