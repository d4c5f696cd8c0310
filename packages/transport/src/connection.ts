/**
 * A connection to one node: a tRPC link that ends in a WebSocket of binary messages.
 *
 * It reconnects by itself, with jittered backoff, and never queues for a closed socket: a call on a
 * connection that is not open is refused at once as UNREACHABLE, and has not been sent. A call whose
 * answer does not come before its deadline, or before the socket closes, ends as CONNECTION_LOST:
 * it may or may not have been carried out. Calls under way are bounded in number and bytes.
 */
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { createTRPCClient, type TRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { WebSocket } from 'ws';
import { decodeAnswer, encodeRequest, SUBPROTOCOL } from './messages.js';

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

interface PendingCall {
  readonly bytes: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: MendlogError) => void;
}

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1000;
const HANDSHAKE_TIMEOUT_MS = 2000;

export class Connection<Router extends AnyRouter> {
  readonly url: string;
  /** The procedures of the node, typed. Errors carry a MendlogError as their cause. */
  readonly call: TRPCClient<Router>;
  readonly #options: ConnectionOptions;
  readonly #pending = new Map<number, PendingCall>();
  readonly #openWaiters = new Set<() => void>();
  #socket: WebSocket | undefined;
  #open = false;
  #closed = false;
  #failures = 0;
  #nextId = 1;
  #pendingBytes = 0;
  #reconnectTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.url = options.url;
    this.#options = options;
    this.call = createTRPCClient<Router>({ links: [this.#link()] });
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#open && !this.#closed;
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
    this.#failPending('CLOSED', 'the connection was closed');
    for (const done of [...this.#openWaiters]) done();
  }

  #connect(): void {
    this.#reconnectTimer = undefined;
    const url = new URL(this.#options.path ?? '/trpc/binary', this.url.replace(/^http/, 'ws'));
    const socket = new WebSocket(url, SUBPROTOCOL, {
      perMessageDeflate: false,
      maxPayload: LIMITS.messageBytesMax,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headers: this.#options.token === undefined ? {} : { authorization: `Bearer ${this.#options.token}` },
    });
    socket.binaryType = 'nodebuffer';
    this.#socket = socket;
    socket.on('open', () => {
      this.#open = true;
      this.#failures = 0;
      this.#options.onOpen?.();
      for (const done of [...this.#openWaiters]) done();
    });
    socket.on('message', (bytes: Buffer) => this.#receive(bytes));
    // The close event follows every error and carries on from there.
    socket.on('error', () => {});
    socket.on('close', () => this.#onSocketClosed());
  }

  #onSocketClosed(): void {
    this.#open = false;
    this.#failPending('CONNECTION_LOST', `the connection to ${this.url} ended before the answer came`);
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

  #failPending(code: 'CLOSED' | 'CONNECTION_LOST', message: string): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(new MendlogError(code, message));
  }

  #receive(bytes: Uint8Array): void {
    try {
      const answer = decodeAnswer(bytes);
      // An answer to a call that timed out has no one waiting for it any more.
      const call = this.#take(answer.id);
      if (answer.ok) call?.resolve(answer.data);
      else call?.reject(MendlogError.fromShape(answer.error));
    } catch {
      this.#socket?.close(1007, 'malformed answer');
    }
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    this.#pendingBytes -= call.bytes;
    clearTimeout(call.timer);
    return call;
  }

  #send(type: 'query' | 'mutation', path: string, input: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw refusal('CLOSED', 'the connection was closed');
      const socket = this.#socket;
      if (!this.#open || socket === undefined) throw refusal('UNREACHABLE', `no connection to ${this.url}`);
      const id = this.#nextId++;
      const bytes = encodeRequest({ id, type, path, input, timeoutMs });
      if (bytes.length > LIMITS.messageBytesMax) {
        throw refusal(
          'TOO_LARGE',
          `a message of ${bytes.length} bytes is over the limit of ${LIMITS.messageBytesMax}`,
        );
      }
      const full =
        this.#pending.size >= LIMITS.connectionRequestsMax ||
        this.#pendingBytes + bytes.length > LIMITS.connectionBytesMax;
      if (full) throw refusal('OVERLOADED', `too much is waiting for ${this.url}; try again later`);
      const timer = setTimeout(() => {
        this.#take(id)?.reject(
          new MendlogError('CONNECTION_LOST', `${this.url} did not answer ${path} in ${timeoutMs} ms`),
        );
      }, timeoutMs);
      this.#pending.set(id, { bytes: bytes.length, timer, resolve, reject });
      this.#pendingBytes += bytes.length;
      socket.send(bytes);
    });
  }

  #link(): TRPCLink<Router> {
    return () =>
      ({ op }) =>
        observable((observer) => {
          if (op.type === 'subscription') {
            observer.error(
              TRPCClientError.from(refusal('BAD_REQUEST', 'the binary link carries no subscriptions yet')),
            );
            return;
          }
          const { timeoutMs } = op.context;
          this.#send(
            op.type,
            op.path,
            op.input,
            typeof timeoutMs === 'number' ? timeoutMs : this.#timeoutMs,
          ).then(
            (data) => {
              observer.next({ result: { type: 'data', data } });
              observer.complete();
            },
            (error: Error) => observer.error(TRPCClientError.from(error)),
          );
        });
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 5000;
  }
}

function refusal(code: ErrorShape['code'], message: string): MendlogError {
  return new MendlogError(code, message);
}
