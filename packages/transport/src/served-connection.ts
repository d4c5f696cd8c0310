/**
 * One connection at the serving side: messages in, procedures of a tRPC router called, answers out.
 *
 * A procedure gets a signal that aborts when nobody waits for it any more: at its deadline, when the caller
 * cancels, and when the connection ends. What it answers after that is thrown away; it counts among the
 * calls under way until it has really ended.
 */

import type { Writable } from 'node:stream';
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { type AnyRouter, callTRPCProcedure, type inferRouterContext } from '@trpc/server';
import type { WebSocket } from 'ws';
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
}

interface ServedCall {
  readonly id: number;
  readonly deadlineMs: number;
  readonly controller: AbortController;
}

export class ServedConnection<Router extends AnyRouter> {
  readonly #socket: WebSocket;
  readonly #writer: TurnWriter;
  readonly #options: ServedConnectionOptions<Router>;
  /** Those whose answer is waited for. */
  readonly #calls = new Map<number, ServedCall>();
  readonly #deadlines: Deadlines<ServedCall>;
  /** Procedures that have not ended, waited for or not. */
  #running = 0;

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
    // The close event follows every error.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClosed());
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    try {
      if (!isBinary) throw new MendlogError('MALFORMED', 'a message is text');
      this.#take(decodeRequest(bytes));
    } catch {
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
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > LIMITS.connectionBytesMax) {
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

  #onClosed(): void {
    this.#deadlines.stop();
    for (const call of this.#calls.values()) this.#abandon(call, 'the connection of the caller has ended');
  }
}

function refusal(id: number, error: ErrorShape): AnswerMessage {
  return { id, ok: false, error };
}
