/**
 * One client: one call at a time, on few keys that all clients share. What it was told goes into the history, and
 * scans to their judge.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, MendlogError, type Partition, textCodec } from '@mendlog/client';
import { parseRecordId, toMendlogError, type Version } from '@mendlog/core';
import type { Seeded } from '@mendlog/core/conformance';
import type { Operation, OperationKind, ScanJudge, ScannedRecord } from '@mendlog/sim';
import { type CalledKind, isExpected, outcomeOf } from './outcome.js';
import type { Recorder } from './recorder.js';

export const PARTITIONS = ['p1', 'p2'] as const;
export const KEYS = ['a', 'b', 'c'] as const;

const WEIGHTS: readonly (readonly [kind: CalledKind, weight: number])[] = [
  ['put', 30],
  ['get', 36],
  ['delete', 8],
  ['append', 22],
  ['scan', 4],
];
/** Between two calls: the machine is for the nodes. */
const THINKING_MS_MAX = 3;
/** After a refusal, so that a cluster without a quorum is not asked a million times. */
const PAUSE_AFTER_FAILURE_MS = 50;
/** How far back most scans reach. */
const RECENT_APPENDS_MAX = 400;
/** One page of the client. */
const PAGE_RECORDS = 1000;
/** One of so many scans reads the whole partition. */
const WHOLE_SCAN_OF = 25;

export interface ChaosClientOptions {
  readonly number: number;
  readonly client: Client;
  readonly seeded: Seeded;
  readonly recorder: Recorder;
  readonly judge: ScanJudge;
  readonly tally: Tally;
}

/** What all clients have seen beside the history. */
export class Tally {
  scans = 0;
  failedScans = 0;
  /** How often a call ended with this code. */
  readonly codes = new Map<string, number>();
  /** Ends that no fault explains: the first ones. */
  readonly unexpected: string[] = [];

  failed(kind: CalledKind, error: MendlogError): void {
    this.codes.set(error.code, (this.codes.get(error.code) ?? 0) + 1);
    if (!isExpected(kind, error.code) && this.unexpected.length < UNEXPECTED_KEPT_MAX)
      this.unexpected.push(`${kind}: ${error.code}: ${error.message}`);
  }
}

const UNEXPECTED_KEPT_MAX = 20;

export class ChaosClient {
  readonly #options: ChaosClientOptions;
  #writes = 0;

  constructor(options: ChaosClientOptions) {
    this.#options = options;
  }

  /** Until it is told to stop, or the history is full. Rejects only where the history cannot be written. */
  async run(signal: AbortSignal): Promise<void> {
    const { seeded, recorder } = this.#options;
    while (!signal.aborted && !recorder.isFull) {
      const name = seeded.of(PARTITIONS);
      const kind = seeded.weighted(WEIGHTS);
      const isDone = kind === 'scan' ? await this.#scan(name) : await this.#call(kind, name, seeded.of(KEYS));
      await delay(isDone ? seeded.below(THINKING_MS_MAX + 1) : PAUSE_AFTER_FAILURE_MS);
    }
  }

  async #call(kind: OperationKind, name: string, key: string): Promise<boolean> {
    const { number, recorder, judge, tally } = this.#options;
    const isWritten = kind === 'put' || kind === 'append';
    const about = {
      client: number,
      op: kind,
      partition: name,
      key: kind === 'append' ? null : key,
    };
    const value = isWritten ? `c${number}-${this.#writes++}` : null;
    const write = { key: about.key, value };
    if (kind !== 'get') judge.issue(name, { ...write, isRetried: kind === 'append' });
    const start = recorder.now();
    let ended: Pick<Operation, 'value' | 'version' | 'end' | 'outcome'>;
    try {
      const told = await this.#perform(kind, { name, key, value: value ?? '' });
      ended = {
        value: kind === 'get' ? told.value : value,
        version: told.version,
        end: recorder.now(),
        outcome: 'ok',
      };
      if (kind !== 'get' && told.version !== null)
        judge.acknowledge(name, { ...write, version: told.version });
    } catch (thrown) {
      const error = toMendlogError(thrown);
      const outcome = outcomeOf(kind, error.code);
      ended = { value, version: null, end: recorder.now(), outcome };
      if (kind !== 'get') judge.end(name, write, outcome);
      tally.failed(kind, error);
    }
    await recorder.add({ ...about, ...ended, start });
    return ended.outcome === 'ok';
  }

  async #perform(
    kind: OperationKind,
    { name, key, value }: { name: string; key: string; value: string },
  ): Promise<{ value: string | null; version: Version | null }> {
    const partition = this.#partition(name);
    if (kind === 'get') {
      const record = await partition.get(key);
      return record === undefined
        ? { value: null, version: null }
        : { value: record.value, version: versionOf(record.version) };
    }
    const { version } =
      kind === 'put'
        ? await partition.put(key, value)
        : kind === 'delete'
          ? await partition.delete(key)
          : await partition.append(value);
    return { value: null, version: versionOf(version) };
  }

  async #scan(name: string): Promise<boolean> {
    const { judge, seeded, tally } = this.#options;
    const isAll = seeded.below(WHOLE_SCAN_OF) === 0;
    const from = isAll ? undefined : judge.recent(name, seeded.between(1, RECENT_APPENDS_MAX));
    // From its end, a part of the partition would be the other one.
    const reverse = isAll && seeded.below(2) === 0;
    const start = judge.begin(name, from);
    const limit = isAll ? undefined : PAGE_RECORDS;
    const records: ScannedRecord[] = [];
    tally.scans++;
    try {
      const options = {
        ...(from === undefined ? {} : { from: `${from.version.counter}-${from.version.origin}` }),
        ...(limit === undefined ? {} : { limit }),
        reverse,
      };
      for await (const { version, key, value } of this.#partition(name).scan(options))
        records.push({ version: versionOf(version), key: key ?? null, value });
    } catch (thrown) {
      tally.failedScans++;
      tally.failed('scan', toMendlogError(thrown));
      return false;
    }
    const isWhole = limit === undefined || records.length < limit;
    // How many pages it took is the client's business.
    if (reverse) records.reverse();
    judge.judge(start, records, { isWhole, isOnePage: false });
    return true;
  }

  #partition(name: string): Partition<string> {
    return this.#options.client.partition(name, { codec: textCodec });
  }
}

export function versionOf(text: string): Version {
  const { counter, origin } = parseRecordId(text);
  if (origin === undefined) throw new MendlogError('MALFORMED', `the version ${text} has no origin`);
  return { counter, origin };
}
