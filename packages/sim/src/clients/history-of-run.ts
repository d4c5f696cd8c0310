/** The histories of one run, apart by what may be asked of them. */
import type { Version } from '@mendlog/core';
import { ScanJudge } from '../checkers/scan-judge.js';
import { type History, HistoryCollector } from '../history/history.js';
import type { FinalRead, Operation, OperationKind, Outcome } from '../history/history-line.js';
import { kindOfPartition, type PartitionKind } from '../scenario.js';

/** An operation that has begun. */
export interface Begun {
  readonly client: number;
  readonly op: OperationKind;
  readonly partition: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly start: number;
  /** It may be written anew until it is acknowledged. */
  readonly isRetried: boolean;
}

export interface Ended {
  readonly outcome: Outcome;
  readonly version?: Version | undefined;
  /** What a get found. */
  readonly found?: string | null;
}

export type OutcomeCounts = Record<Outcome, number>;

export class RunHistory {
  readonly #now: () => number;
  readonly #collectors: Record<PartitionKind, HistoryCollector> = {
    strict: new HistoryCollector(),
    loose: new HistoryCollector(),
    trimmed: new HistoryCollector(),
  };
  readonly #underWay = new Set<Begun>();
  #lastNs = 0;
  readonly counts: OutcomeCounts = { ok: 0, fail: 0, unknown: 0 };
  /** Of the scans of strict partitions: they have no place in a history. */
  readonly scans = new ScanJudge();
  readonly scanCounts = { ok: 0, fail: 0 };

  /** Virtual time in microseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  begin(operation: Omit<Begun, 'start'>): Begun {
    const begun = { ...operation, start: this.#instantNs() };
    this.#underWay.add(begun);
    const { op, partition, key, value, isRetried } = begun;
    if (op !== 'get' && kindOfPartition(partition) === 'strict')
      this.scans.issue(partition, { key, value, isRetried });
    return begun;
  }

  end(begun: Begun, { outcome, version, found }: Ended): void {
    this.#underWay.delete(begun);
    this.counts[outcome] += 1;
    this.#tellJudge(begun, outcome, version);
    const { isRetried: _, ...operation } = begun;
    this.#add({
      ...operation,
      value: begun.op === 'get' ? (found ?? null) : begun.value,
      version: outcome === 'ok' ? (version ?? null) : null,
      end: this.#instantNs(),
      outcome,
    });
  }

  /** Nobody waits for what is still under way: its outcome is unknown. */
  close(): void {
    for (const begun of this.#underWay) {
      this.counts.unknown += 1;
      const { isRetried: _, ...operation } = begun;
      this.#add({ ...operation, version: null, end: null, outcome: 'unknown' });
    }
    this.#underWay.clear();
  }

  addFinal(final: FinalRead): void {
    this.#collectors[kindOfPartition(final.partition)].add(final);
  }

  of(kind: PartitionKind): History {
    return this.#collectors[kind].history();
  }

  #tellJudge({ op, partition, key, value }: Begun, outcome: Outcome, version: Version | undefined): void {
    if (op === 'get' || kindOfPartition(partition) !== 'strict') return;
    if (outcome === 'ok' && version !== undefined) this.scans.acknowledge(partition, { key, value, version });
    else this.scans.end(partition, { key, value }, outcome === 'fail' ? 'fail' : 'unknown');
  }

  /** Virtual time stands still while an event runs: what follows in it has an instant of its own all the same. */
  #instantNs(): number {
    this.#lastNs = Math.max(this.#now() * 1000, this.#lastNs + 1);
    return this.#lastNs;
  }

  #add(operation: Operation): void {
    this.#collectors[kindOfPartition(operation.partition)].add(operation);
  }
}
