/**
 * One connection at the serving side: messages in, procedures of a tRPC router called, answers out.
 *
 * A procedure gets a signal that aborts when nobody waits for it any more: at its deadline, when the caller
 * cancels, and when the connection ends. What it answers after that is thrown away; it counts among the
 * calls under way until it has really ended. A connection that is no good ends for one reason, which is told.
 */

import type { Writable } from 'node:stream';
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { type AnyRouter, callTRPCProcedure, type inferRouterContext } from '@trpc/server';
import type { WebSocket } from 'ws';
import type { FaultReason } from './connection-faults.js';
import { Deadlines } from './deadlines.js';
import {
  type AnswerMessage,
  type CallMessage,
  decodeRequest,
  encodeAnswer,
  type RequestMessage,
} from './messages.js';
import { TurnWriter } from './turn-writer.js';

export interface ServedConnectionOptions<Router extends AnyRouter> {
  readonly router: Router;
  /** The context of a call, from its signal. */
  readonly contextOf: (signal: AbortSignal) => inferRouterContext<Router>;
  /** Turns anything a procedure throws into what the caller gets to see. */
  readonly toErrorShape: (thrown: unknown) => ErrorShape;
  /** The connection is ended for this reason; called once at most. */
  readonly onFault: (reason: FaultReason) => void;
}

interface ServedCall {
  readonly id: number;
  readonly deadlineMs: number;
  readonly controller: AbortController;
}

const SILENT_TIMES_MAX = 2;
/** Whoever is told to go, goes; else it is cut off. */
const CLOSE_TIMEOUT_MS = 1000;

export class ServedConnection<Router extends AnyRouter> {
  readonly #socket: WebSocket;
  readonly #writer: TurnWriter;
  readonly #options: ServedConnectionOptions<Router>;
  /** Those whose answer is waited for. */
  readonly #calls = new Map<number, ServedCall>();
  readonly #deadlines: Deadlines<ServedCall>;
  /** Procedures that have not ended, waited for or not. */
  #running = 0;
  /** Pings since anything was heard. */
  #silentTimes = 0;
  #ended = false;

  constructor(socket: WebSocket, stream: Writable, options: ServedConnectionOptions<Router>) {
    this.#socket = socket;
    this.#writer = new TurnWriter(socket, stream);
    this.#options = options;
    this.#deadlines = new Deadlines({
      underWay: () => this.#calls.values(),
      onDue: (call) => this.#abandon(call, 'the deadline of the call has passed'),
    });
    socket.binaryType = 'nodebuffer';
    socket.on('message', (bytes: Buffer, isBinary: boolean) => this.#receive(bytes, isBinary));
    socket.on('pong', () => {
      this.#silentTimes = 0;
    });
    // What ws finds wrong has a code of its own; it closes the connection itself. Others are the network's.
    socket.on('error', (error) => {
      const code = 'code' in error ? String(error.code) : '';
      if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#end('oversized');
      else if (code.startsWith('WS_ERR_')) this.#end('garbage');
    });
    socket.on('close', () => this.#stop());
  }

  /** To be called now and then: ends the connection if nothing was heard of it since the time before the last. */
  checkAlive(): void {
    if (this.#ended) return;
    if (this.#silentTimes >= SILENT_TIMES_MAX) {
      this.#end(this.#socket.bufferedAmount > 0 ? 'answers-unread' : 'silent');
      this.#socket.terminate();
      return;
    }
    this.#silentTimes++;
    this.#socket.ping();
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    if (this.#ended) return;
    this.#silentTimes = 0;
    if (!isBinary) {
      this.#end('text');
      this.#socket.close(1007, 'a message is text');
      return;
    }
    try {
      this.#take(decodeRequest(bytes));
    } catch {
      this.#end('garbage');
      this.#socket.close(1007, 'malformed message');
    }
  }

  #take(request: RequestMessage): void {
    if (request.type === 'cancel') {
      const call = this.#calls.get(request.id);
      // Unless its answer is on the way already.
      if (call !== undefined) this.#abandon(call, 'the caller has cancelled the call');
      return;
    }
    if (this.#calls.has(request.id))
      throw new MendlogError('MALFORMED', 'two calls under way have the same id');
    if (this.#running >= LIMITS.connectionRequestsMax)
      this.#send(refusal(request.id, { code: 'OVERLOADED', message: 'too many calls are under way' }));
    else void this.#serve(request);
  }

  async #serve(request: CallMessage): Promise<void> {
    const nowMs = performance.now();
    const controller = new AbortController();
    const call = { id: request.id, deadlineMs: nowMs + request.timeoutMs, controller };
    this.#calls.set(call.id, call);
    this.#deadlines.watch(call.deadlineMs, nowMs);
    this.#running++;
    try {
      const data = await callTRPCProcedure({
        router: this.#options.router,
        path: request.path,
        getRawInput: async () => request.input,
        ctx: this.#options.contextOf(controller.signal),
        type: request.type,
        signal: controller.signal,
        batchIndex: 0,
      });
      this.#answer(call, { id: call.id, ok: true, data });
    } catch (thrown) {
      this.#answer(call, refusal(call.id, this.#options.toErrorShape(thrown)));
    } finally {
      this.#running--;
    }
  }

  #answer(call: ServedCall, message: AnswerMessage): void {
    if (this.#calls.get(call.id) !== call) return;
    this.#send(message);
    this.#calls.delete(call.id);
  }

  #send(message: AnswerMessage): void {
    if (this.#ended || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > LIMITS.connectionBytesMax) {
      this.#end('answers-unread');
      this.#socket.terminate();
      return;
    }
    const bytes = encodeAnswer(message);
    if (bytes.length <= LIMITS.messageBytesMax) this.#writer.send(bytes);
    else
      this.#send(refusal(message.id, { code: 'TOO_LARGE', message: 'the answer is over the message limit' }));
  }

  #abandon(call: ServedCall, why: string): void {
    this.#calls.delete(call.id);
    call.controller.abort(new MendlogError('CONNECTION_LOST', why));
  }

  #end(reason: FaultReason): void {
    if (this.#ended) return;
    this.#options.onFault(reason);
    this.#stop();
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  /** Nobody waits for anything any more. */
  #stop(): void {
    this.#ended = true;
    this.#deadlines.stop();
    for (const call of this.#calls.values()) this.#abandon(call, 'the connection of the caller has ended');
  }
}

function refusal(id: number, error: ErrorShape): AnswerMessage {
  return { id, ok: false, error };
}
