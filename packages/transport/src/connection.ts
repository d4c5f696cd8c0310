/**
 * A connection to one node: a tRPC client whose calls are binary messages on a WebSocket.
 *
 * It reconnects by itself, with jittered backoff, and never queues for a closed socket: a call on a
 * connection that is not open is refused at once as UNREACHABLE (or UNAUTHORIZED where the node refuses the
 * proof of the secret), and has not been sent. A call whose
 * answer does not come before its deadline, or before the socket closes, ends as CONNECTION_LOST:
 * it may or may not have been carried out. So does one that its caller aborts. The node is told that nobody
 * waits any more, and stops. Calls under way are bounded in number and bytes by what the node grants: one
 * more is refused as OVERLOADED, and not sent.
 */
import { LIMITS, MendlogError } from '@mendlog/core';
import { createTRPCClientProxy, type TRPCClient } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import type { WebSocket } from 'ws';
import { GRANT_HEADER, parseGrant } from './grant.js';
import {
  type AnswerMessage,
  decodeAnswer,
  encodeRequest,
  ITEM_OVERHEAD_BYTES,
  type RequestMessage,
} from './messages.js';
import { openSocket } from './open-socket.js';
import type { Outcome, OutgoingCall, SendCall, SentCall } from './outgoing-call.js';
import { PendingCalls } from './pending-calls.js';
import { Silence } from './silence.js';
import { TurnWriter } from './turn-writer.js';
import { UntypedClient } from './untyped-client.js';

export interface ConnectionOptions {
  /** `http://host:port` of a node. */
  readonly url: string;
  /** Path of the binary endpoint. */
  readonly path?: string;
  /** Proof of the cluster secret, for the peer procedures. */
  readonly token?: string;
  /** The key of the cluster (`pskOf`): with it a node that is not on loopback is reached by TLS. */
  readonly psk?: Uint8Array | undefined;
  /** Whether TLS is spoken on loopback too. */
  readonly tls?: 'off-loopback' | 'always';
  readonly timeoutMs?: number;
  readonly onOpen?: () => void;
  /** After each socket that closed, also one that never opened. */
  readonly onClose?: () => void;
}

const TIMEOUT_MS_DEFAULT = 5000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1000;

export class Connection<Router extends AnyRouter> {
  readonly url: string;
  /** The procedures of the node, typed. Errors carry a MendlogError as their cause. */
  readonly call: TRPCClient<Router>;
  readonly #options: ConnectionOptions;
  readonly #pending: PendingCalls;
  readonly #silence: Silence;
  readonly #openWaiters = new Set<() => void>();
  #socket: WebSocket | undefined;
  #writer: TurnWriter | undefined;
  #open = false;
  #closed = false;
  #failures = 0;
  #refusal: MendlogError | undefined;
  #unreachable: MendlogError | undefined;
  #nextId = 1;
  #reconnectTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.url = options.url;
    this.#options = options;
    this.#pending = new PendingCalls(options.url, { onTimeout: (id) => this.#tell({ id, type: 'cancel' }) });
    this.#silence = new Silence({
      isWaiting: () => this.#pending.isWaiting,
      ping: () => this.#socket?.ping(),
    });
    const send: SendCall = (call, outcome) => this.#send(call, outcome);
    this.call = createTRPCClientProxy(
      new UntypedClient<Router>(send, options.timeoutMs ?? TIMEOUT_MS_DEFAULT),
    );
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#open && !this.#closed;
  }

  /** It is open, and the node is not silent while calls wait for it: stopped, or cut off. */
  get isResponsive(): boolean {
    return this.isOpen && !this.#silence.isSilent;
  }

  /** What the node said when it refused the last attempt to connect: UNAUTHORIZED, or UNREACHABLE. */
  get refusal(): MendlogError | undefined {
    return this.#refusal;
  }

  /** Why the connection is not open: what the node said, else what the network did. */
  get failure(): MendlogError | undefined {
    return this.#refusal ?? this.#unreachable;
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
    this.#silence.stop();
    this.#pending.failAll('CLOSED', 'the connection was closed');
    for (const done of [...this.#openWaiters]) done();
  }

  #connect(): void {
    this.#reconnectTimer = undefined;
    const { path = '/trpc/binary', token, psk, tls = 'off-loopback' } = this.#options;
    const socket = openSocket(
      { url: this.url, path, token, psk, tls },
      {
        onRefused: (refusal) => {
          this.#refusal = refusal;
        },
        onUnreachable: (error) => {
          this.#unreachable = error;
        },
      },
    );
    this.#socket = socket;
    socket.on('upgrade', (response) => {
      this.#writer = new TurnWriter(socket, response.socket);
      const grant = parseGrant(response.headers[GRANT_HEADER]);
      if (grant !== undefined) this.#pending.grant = grant;
      else {
        this.#refusal = new MendlogError('UNREACHABLE', `${this.url} does not say how much may be under way`);
        socket.terminate();
      }
    });
    socket.on('open', () => {
      this.#open = true;
      this.#failures = 0;
      this.#refusal = undefined;
      this.#unreachable = undefined;
      this.#options.onOpen?.();
      for (const done of [...this.#openWaiters]) done();
    });
    socket.on('pong', () => this.#silence.heard());
    socket.on('message', (bytes: Buffer) => this.#receive(bytes));
    socket.on('close', () => this.#onSocketClosed());
  }

  #onSocketClosed(): void {
    this.#open = false;
    this.#silence.stop();
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
    this.#silence.heard();
    let answer: AnswerMessage;
    try {
      answer = decodeAnswer(bytes);
    } catch {
      this.#socket?.close(1007, 'malformed answer');
      return;
    }
    this.#pending.settle(answer, bytes.length + ITEM_OVERHEAD_BYTES);
  }

  #tell(message: RequestMessage): void {
    if (this.#open) this.#writer?.send(encodeRequest(message));
  }

  /** Throws where nothing was sent. */
  #send(call: OutgoingCall, outcome: Outcome): SentCall {
    if (this.#closed) throw new MendlogError('CLOSED', 'the connection was closed');
    const writer = this.#writer;
    if (!this.#open || writer === undefined)
      throw new MendlogError(
        this.failure?.code ?? 'UNREACHABLE',
        this.failure?.message ?? `no connection to ${this.url}`,
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
    const nowMs = performance.now();
    const timeoutMs = call.type === 'subscription' ? Number.POSITIVE_INFINITY : call.timeoutMs;
    this.#pending.add(
      {
        id,
        path: call.path,
        bytes: bytes.length,
        timeoutMs,
        deadlineMs: nowMs + timeoutMs,
        resolve: outcome.resolve,
        reject: outcome.reject,
        onItem: outcome.onItem,
      },
      nowMs,
    );
    this.#silence.watch();
    writer.send(bytes);
    return {
      cancel: () => {
        if (this.#pending.drop(id)) this.#tell({ id, type: 'cancel' });
      },
      grant: (creditBytes) => {
        if (this.#pending.has(id)) this.#tell({ id, type: 'credit', creditBytes });
      },
    };
  }
}
