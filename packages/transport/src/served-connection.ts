/**
 * One connection at the serving side: messages in, procedures of a tRPC router called, answers out.
 *
 * A procedure is told when nobody waits for it any more: at its deadline, when the caller
 * cancels, and when the connection ends. What it answers after that is thrown away; it counts among the
 * calls under way until it has really ended. A connection that is no good ends for one reason, which is told.
 */

import type { Writable } from 'node:stream';
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { type AnyRouter, callTRPCProcedure, type inferRouterContext } from '@trpc/server';
import type { WebSocket } from 'ws';
import { Abandonment } from './abandonment.js';
import type { FaultReason } from './connection-faults.js';
import { Credits } from './credits.js';
import { Deadlines } from './deadlines.js';
import type { Grant } from './grant.js';
import {
  type AnswerMessage,
  type CallMessage,
  decodeRequest,
  encodeAnswer,
  type RequestMessage,
  type SubscribeMessage,
} from './messages.js';
import { sendItems } from './send-items.js';
import { TurnWriter } from './turn-writer.js';

export interface ServedConnectionOptions<Router extends AnyRouter> {
  readonly router: Router;
  readonly contextOf: (call: ServedCallFacts) => inferRouterContext<Router>;
  /** Turns anything a procedure throws into what the caller gets to see. */
  readonly toErrorShape: (thrown: unknown) => ErrorShape;
  readonly grant: Grant;
  /** The connection is ended for this reason; called once at most. */
  readonly onFault: (reason: FaultReason) => void;
}

/** What is known of a call beside what it asks. */
export interface ServedCallFacts {
  /** Of its request. */
  readonly bytes: number;
  readonly abandonment: Abandonment;
  /** In the time of `performance.now()`; Infinity for a subscription. */
  readonly deadlineMs: number;
}

interface ServedCall {
  readonly id: number;
  readonly deadlineMs: number;
  readonly abandonment: Abandonment;
  /** Of a subscription. */
  readonly credits?: Credits;
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
  #runningBytes = 0;
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
      this.#take(decodeRequest(bytes), bytes.length);
    } catch {
      this.#end('garbage');
      this.#socket.close(1007, 'malformed message');
    }
  }

  #take(request: RequestMessage, bytes: number): void {
    const known = this.#calls.get(request.id);
    switch (request.type) {
      // Both may cross the answer to what they are about.
      case 'cancel':
        if (known !== undefined) this.#abandon(known, 'the caller has cancelled the call');
        return;
      case 'credit':
        known?.credits?.grant(request.creditBytes);
        return;
      default:
        if (known !== undefined) throw new MendlogError('MALFORMED', 'two calls under way have the same id');
        if (this.#hasRoomFor(bytes)) void this.#serve(request, bytes);
        else this.#send(refusal(request.id, { code: 'OVERLOADED', message: 'too much is under way' }));
    }
  }

  #hasRoomFor(bytes: number): boolean {
    const { grant } = this.#options;
    return this.#running < grant.calls && this.#runningBytes + bytes <= grant.bytes;
  }

  async #serve(request: CallMessage | SubscribeMessage, bytes: number): Promise<void> {
    const call = this.#begin(request);
    this.#running++;
    this.#runningBytes += bytes;
    try {
      const { abandonment, deadlineMs, credits } = call;
      // Only a subscription takes it from tRPC; others ask their context.
      const signal = credits === undefined ? undefined : abandonment.signal;
      const data = await callTRPCProcedure({
        router: this.#options.router,
        path: request.path,
        getRawInput: async () => request.input,
        ctx: this.#options.contextOf({ abandonment, deadlineMs, bytes }),
        type: request.type,
        signal,
        batchIndex: 0,
      });
      if (credits === undefined || signal === undefined)
        this.#answer(call, { id: call.id, type: 'answer', data });
      else {
        const send = (item: unknown) => this.#send({ id: call.id, type: 'item', data: item });
        await sendItems(data, { credits, signal, send });
        this.#answer(call, { id: call.id, type: 'end' });
      }
    } catch (thrown) {
      this.#refuse(call, thrown);
    } finally {
      this.#running--;
      this.#runningBytes -= bytes;
    }
  }

  #begin(request: CallMessage | SubscribeMessage): ServedCall {
    const { id } = request;
    const abandonment = new Abandonment();
    let call: ServedCall;
    if (request.type === 'subscription') {
      const credits = new Credits(request.creditBytes);
      call = { id, abandonment, credits, deadlineMs: Number.POSITIVE_INFINITY };
    } else {
      const nowMs = performance.now();
      call = { id, abandonment, deadlineMs: nowMs + request.timeoutMs };
      this.#deadlines.watch(call.deadlineMs, nowMs);
    }
    this.#calls.set(id, call);
    return call;
  }

  #refuse(call: ServedCall, thrown: unknown): void {
    try {
      this.#answer(call, refusal(call.id, this.#options.toErrorShape(thrown)));
    } catch {
      this.#answer(call, refusal(call.id, { code: 'INTERNAL', message: 'the refusal cannot be sent' }));
    }
  }

  #answer(call: ServedCall, message: AnswerMessage): void {
    if (this.#calls.get(call.id) !== call) return;
    // Where this throws, the refusal is another answer to the same call.
    this.#send(message);
    this.#calls.delete(call.id);
  }

  /** Returns the length of the message, 0 where it is not sent. Throws TOO_LARGE. */
  #send(message: AnswerMessage): number {
    if (this.#ended || this.#socket.readyState !== this.#socket.OPEN) return 0;
    if (this.#socket.bufferedAmount > LIMITS.connectionBytesMax) {
      this.#end('answers-unread');
      this.#socket.terminate();
      return 0;
    }
    const bytes = encodeAnswer(message);
    if (bytes.length > LIMITS.messageBytesMax)
      throw new MendlogError('TOO_LARGE', 'the answer is over the message limit');
    this.#writer.send(bytes);
    return bytes.length;
  }

  #abandon(call: ServedCall, why: string): void {
    this.#calls.delete(call.id);
    call.abandonment.abandon(new MendlogError('CONNECTION_LOST', why));
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
  return { id, type: 'refusal', error };
}
