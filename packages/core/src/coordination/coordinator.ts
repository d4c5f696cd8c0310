/** A node's coordination of writes and of reads of keys, and what one needs of the other. */
import { acknowledgementsNeeded, majorityOf } from '../consistency.js';
import { MendlogError, toMendlogError } from '../errors.js';
import { BufferViews } from '../protocol/buffer-views.js';
import type { PackedGroup } from '../protocol/packed.js';
import { frameVersion } from '../record.js';
import type { KeyReadPorts } from './key-read-ports.js';
import { type KeyOutcome, type KeyReadRequest, KeyReads } from './key-reads.js';
import { completionLevel, retryQuestion } from './retried-appends.js';
import { checkDrafts, refusedWrite, type WriteOutcome } from './write.js';
import { WriteCoordinator, type WriteRequest } from './write-coordinator.js';
import type { WritePorts } from './write-ports.js';

export class Coordinator {
  readonly writes: WriteCoordinator;
  readonly reads: KeyReads;
  readonly #primaries: (partition: string) => readonly string[];

  constructor(ports: { readonly writes: WritePorts; readonly reads: KeyReadPorts }) {
    this.writes = new WriteCoordinator(ports.writes);
    this.reads = new KeyReads(ports.reads);
    this.#primaries = (partition) => ports.writes.primaries(partition);
  }

  /** Calls back once, with an outcome for each key in order. */
  readKeys(request: KeyReadRequest, answer: (outcomes: KeyOutcome[]) => void): void {
    this.reads.submit(request, answer);
  }

  /** Calls back once, with an outcome for each group in order. */
  write(request: WriteRequest, answer: (outcomes: WriteOutcome[]) => void): void {
    const { groups } = request;
    const first: number[] = [];
    const retried: number[] = [];
    const outcomes = new Array<WriteOutcome>(groups.length);
    const views = new BufferViews();
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i] as PackedGroup;
      try {
        checkDrafts(group, views.of(group));
        if (retryQuestion(group) === undefined) first.push(i);
        else retried.push(i);
      } catch (thrown) {
        outcomes[i] = refusedWrite(toMendlogError(thrown));
      }
    }
    // Nearly always: then nothing is to be put together.
    if (first.length === groups.length) {
      this.writes.submit(request, answer);
      return;
    }
    let open = 1;
    const done = () => {
      if (--open === 0) answer(outcomes);
    };
    const writeAnew = (indexes: readonly number[]) => {
      if (indexes.length === 0) return;
      open++;
      this.writes.submit({ ...request, groups: indexes.map((i) => groups[i] as PackedGroup) }, (written) => {
        for (const [position, i] of indexes.entries()) outcomes[i] = written[position] as WriteOutcome;
        done();
      });
    };
    writeAnew(first);
    if (retried.length > 0) {
      open++;
      this.#lookUp(request, retried, (found) => {
        writeAnew(retried.filter((i) => found.get(i) === undefined));
        for (const [i, outcome] of found) outcomes[i] = outcome;
        done();
      });
    }
    done();
  }

  /** What has become of earlier attempts, as far as they are found. */
  #lookUp(
    { groups, levelOf, caller }: WriteRequest,
    retried: readonly number[],
    answer: (found: Map<number, WriteOutcome>) => void,
  ): void {
    const questions = retried.flatMap((i) => retryQuestion(groups[i] as PackedGroup) ?? []);
    const neededOf = (partition: string): number => {
      const replicas = this.#primaries(partition).length;
      return Math.max(acknowledgementsNeeded(levelOf(partition), replicas), majorityOf(replicas));
    };
    const request: KeyReadRequest = {
      questions,
      levelOf: (partition) => completionLevel(neededOf(partition)),
      repair: 'blocking',
      caller,
    };
    this.reads.submit(request, (outcomes) => {
      const found = new Map<number, WriteOutcome>();
      for (const [position, outcome] of outcomes.entries()) {
        const i = retried[position] as number;
        const { partition } = groups[i] as PackedGroup;
        if (!outcome.ok) {
          const { code, message } = outcome.error;
          const why = `the append was made before, and what became of it cannot be told (${code}: ${message})`;
          found.set(i, refusedWrite(new MendlogError('WRITE_TIMEOUT', why)));
        } else if (outcome.frame !== undefined) {
          const { counter, origin } = frameVersion(outcome.frame);
          const level = levelOf(partition);
          found.set(i, { ok: true, firstCounter: counter, origin, acks: neededOf(partition), level });
        }
      }
      answer(found);
    });
  }
}
