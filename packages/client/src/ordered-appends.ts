/**
 * Appends that keep the order of their calls though none is awaited: of a partition one batch is under way, and what
 * is called meanwhile is the next. A batch with an append of unknown outcome, or one that was refused for its version
 * alone, goes again from the first such append on, all of it anew: each record then has a version above those called
 * before it, and above those that the first attempt may have left.
 */
import { type Draft, draftBytes, draftOf, LIMITS, MendlogError, toMendlogError } from '@mendlog/core';
import { newAppendKey } from './append-keys.js';
import { isTooLate, isUnknown, pauseAfter, SENDS_MAX } from './retried-append.js';
import type { WriteBatcher, WriteHow, WriteResult } from './write-batcher.js';

interface PendingAppend {
  readonly value: Uint8Array;
  readonly id: Uint8Array;
  readonly bytes: number;
  readonly how: WriteHow;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: MendlogError) => void;
  /** Set once an attempt may have been stored. */
  unknown: MendlogError | undefined;
}

export class OrderedAppends {
  readonly #batcher: Pick<WriteBatcher, 'write'>;
  readonly #ready: () => Promise<void>;
  /** Partitions with appends that wait or are under way. */
  readonly #queues = new Map<string, PendingAppend[]>();
  #waitingBytes = 0;

  /** `ready` resolves once nodes are known; it is waited for here, since a wait before would let calls overtake. */
  constructor(batcher: Pick<WriteBatcher, 'write'>, ready: () => Promise<void>) {
    this.#batcher = batcher;
    this.#ready = ready;
  }

  /** Rejects as an append that is retried, and with OVERLOADED where too much waits: nothing was sent. */
  append(partition: string, value: Uint8Array, how: WriteHow): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const id = newAppendKey(Date.now());
      const bytes = draftBytes(draftFor({ value, id }, 0));
      if (this.#waitingBytes + bytes > LIMITS.writeQueueBytesMax)
        throw new MendlogError('OVERLOADED', 'too many writes are waiting; await some before you send more');
      this.#waitingBytes += bytes;
      const append = { value, id, bytes, how, resolve, reject, unknown: undefined };
      const queue = this.#queues.get(partition);
      if (queue !== undefined) {
        queue.push(append);
        return;
      }
      const begun = [append];
      this.#queues.set(partition, begun);
      setImmediate(() => void this.#sendAll(partition, begun));
    });
  }

  async #sendAll(partition: string, queue: PendingAppend[]): Promise<void> {
    while (queue.length > 0) {
      const failure = await this.#ready().then(() => undefined, toMendlogError);
      const batch = takeBatch(queue);
      for (const { bytes } of batch) this.#waitingBytes -= bytes;
      if (failure === undefined) await this.#send(partition, batch);
      else for (const { reject } of batch) reject(failure);
    }
    this.#queues.delete(partition);
  }

  /** Ends when each append of the batch is answered. */
  async #send(partition: string, batch: PendingAppend[]): Promise<void> {
    let open = batch;
    // The first retry of a record is one that looks it up, and might find it below what goes anew: it is left out.
    for (let attempt = 0; open.length > 0; attempt = Math.max(2, attempt + 1)) {
      const outcomes = await Promise.allSettled(
        open.map((append) => this.#batcher.write(partition, draftFor(append, attempt), append.how)),
      );
      const goesAgain =
        attempt >= SENDS_MAX ? -1 : outcomes.findIndex((outcome, i) => isOpen(outcome, open[i]));
      const ended = goesAgain === -1 ? open.length : goesAgain;
      for (let i = 0; i < ended; i++) settle(open[i] as PendingAppend, outcomes[i] as Outcome);
      for (let i = ended; i < open.length; i++) noteUnknown(open[i] as PendingAppend, outcomes[i] as Outcome);
      open = open.slice(ended);
      if (open.length > 0) await pauseAfter(attempt + 1);
    }
  }
}

type Outcome = PromiseSettledResult<WriteResult>;

/** The longest prefix that fits a batch; at least one. */
function takeBatch(queue: PendingAppend[]): PendingAppend[] {
  let bytes = 0;
  let count = 0;
  for (const append of queue) {
    const fits = bytes + append.bytes <= LIMITS.batchBytesTarget && count < LIMITS.batchRecordsMax;
    if (count > 0 && !fits) break;
    bytes += append.bytes;
    count++;
  }
  return queue.splice(0, count);
}

function draftFor({ value, id }: Pick<PendingAppend, 'value' | 'id'>, attempt: number): Draft {
  return draftOf({ value, append: { id, attempt } });
}

/** Whether another attempt may tell what became of it. */
function isOpen(outcome: Outcome, append: PendingAppend | undefined): boolean {
  if (outcome.status === 'fulfilled') return false;
  const error = toMendlogError(outcome.reason);
  return isUnknown(error) || isTooLate(error) || (append?.unknown !== undefined && error.retryable);
}

function settle({ resolve, reject, unknown }: PendingAppend, outcome: Outcome): void {
  if (outcome.status === 'fulfilled') resolve(outcome.value);
  else {
    const error = toMendlogError(outcome.reason);
    reject(isUnknown(error) ? error : (unknown ?? error));
  }
}

/** What was stored behind an append that goes again has too low a version by then: it goes again too. */
function noteUnknown(append: PendingAppend, outcome: Outcome): void {
  if (outcome.status === 'fulfilled') {
    const why =
      'the record is stored, but perhaps before one that was appended first: the outcome is unknown';
    append.unknown = new MendlogError('WRITE_TIMEOUT', why);
    return;
  }
  const error = toMendlogError(outcome.reason);
  if (isUnknown(error)) append.unknown = error;
}
