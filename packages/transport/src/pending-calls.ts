/**
 * The calls of a connection that wait for their answers: bounded in number and bytes, each until its deadline.
 * A subscription is one without a deadline, whose items come before its answer.
 */
import { MendlogError } from '@mendlog/core';
import { Deadlines } from './deadlines.js';
import { GRANT_DEFAULT, type Grant } from './grant.js';
import type { AnswerMessage } from './messages.js';

export interface PendingCall {
  readonly id: number;
  readonly path: string;
  /** Of the message that was sent. */
  readonly bytes: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: MendlogError) => void;
  /** Of a subscription. The bytes are what the item costs of its credit. */
  readonly onItem?: ((item: unknown, bytes: number) => void) | undefined;
}

export class PendingCalls {
  readonly #url: string;
  readonly #calls = new Map<number, PendingCall>();
  readonly #deadlines: Deadlines<PendingCall>;
  #grant = GRANT_DEFAULT;
  #bytes = 0;

  constructor(url: string, { onTimeout }: { onTimeout: (id: number) => void }) {
    this.#url = url;
    this.#deadlines = new Deadlines({
      underWay: () => this.#calls.values(),
      onDue: ({ id, path, timeoutMs }) => {
        const why = `${url} did not answer ${path} in ${Math.round(timeoutMs)} ms`;
        this.#fail(id, new MendlogError('CONNECTION_LOST', why));
        onTimeout(id);
      },
    });
  }

  /** What the server lets be under way from now on. */
  set grant(grant: Grant) {
    this.#grant = grant;
  }

  /** Throws OVERLOADED where a message of so many bytes has no room. */
  makeRoomFor(bytes: number): void {
    const full = this.#calls.size >= this.#grant.calls || this.#bytes + bytes > this.#grant.bytes;
    if (full) throw new MendlogError('OVERLOADED', `too much is waiting for ${this.#url}; try again later`);
  }

  add(call: PendingCall, nowMs: number): void {
    this.#calls.set(call.id, call);
    this.#bytes += call.bytes;
    if (call.deadlineMs < Number.POSITIVE_INFINITY) this.#deadlines.watch(call.deadlineMs, nowMs);
  }

  /** Whether any call waits for its answer; a subscription does not. */
  get isWaiting(): boolean {
    for (const { deadlineMs } of this.#calls.values()) if (deadlineMs < Number.POSITIVE_INFINITY) return true;
    return false;
  }

  has(id: number): boolean {
    return this.#calls.has(id);
  }

  /** An answer to a call that timed out has no one waiting for it any more. `bytes` is what an item costs. */
  settle(answer: AnswerMessage, bytes: number): void {
    if (answer.type === 'item') {
      this.#calls.get(answer.id)?.onItem?.(answer.data, bytes);
      return;
    }
    const call = this.#take(answer.id);
    if (answer.type === 'refusal') call?.reject(MendlogError.fromShape(answer.error));
    else call?.resolve(answer.type === 'answer' ? answer.data : undefined);
  }

  /** Nobody waits for the call any more. Returns whether it was waiting. */
  drop(id: number): boolean {
    return this.#take(id) !== undefined;
  }

  #fail(id: number, error: MendlogError): void {
    this.#take(id)?.reject(error);
  }

  failAll(code: 'CLOSED' | 'CONNECTION_LOST', message: string): void {
    this.#deadlines.stop();
    for (const id of [...this.#calls.keys()]) this.#fail(id, new MendlogError(code, message));
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#calls.delete(id);
    this.#bytes -= call.bytes;
    return call;
  }
}
