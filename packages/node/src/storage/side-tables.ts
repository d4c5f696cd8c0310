/** What a node keeps beside records, in the arrival log's environment: hints, jobs, the catalog and who votes. */
import type { CatalogEntry, HintBatch, Job, StoredHintBatch, VoteNote } from '@mendlog/core';
import type { Database, RootDatabase } from 'lmdb';

type HintValue = Omit<HintBatch, 'target'>;
const NEXT_HINT_KEY = 'next hint';
const VOTE_NOTE_KEY = 'note';

type HintKey = [target: string, sequence: number];

export class SideTables {
  readonly #commit: (write: () => void) => Promise<void>;
  readonly #hints: Database<HintValue, HintKey>;
  readonly #jobs: Database<Job, string>;
  readonly #catalog: Database<CatalogEntry, string>;
  readonly #votes: Database<VoteNote, string>;
  readonly #counters: Database<number, string>;
  readonly tables: readonly Database[];
  #nextHint = 1;

  constructor(env: RootDatabase, commit: (write: () => void) => Promise<void>) {
    this.#commit = commit;
    this.#hints = env.openDB({ name: 'hints' });
    this.#jobs = env.openDB({ name: 'jobs' });
    this.#catalog = env.openDB({ name: 'catalog' });
    this.#votes = env.openDB({ name: 'votes' });
    const counters = env.openDB<number, string>({ name: 'counters' });
    this.tables = [this.#hints, this.#jobs, this.#catalog, this.#votes, counters];
    this.#nextHint = counters.get(NEXT_HINT_KEY) ?? 1;
    this.#counters = counters;
  }

  /** Inside a commit. */
  addHints(hints: readonly HintBatch[]): void {
    if (hints.length === 0) return;
    for (const hint of hints) void this.#hints.put([hint.target, this.#nextHint++], hintValue(hint));
    // Also above those that are deleted since: no number is given out twice.
    void this.#counters.put(NEXT_HINT_KEY, this.#nextHint);
  }

  hints(options: { target?: string; after?: number; limit: number }): StoredHintBatch[] {
    const { target, after = 0, limit } = options;
    const range =
      target === undefined
        ? {}
        : { start: [target, after + 1] as HintKey, end: [target, Infinity] as HintKey };
    const found: StoredHintBatch[] = [];
    for (const { key, value } of this.#hints.getRange({ ...range, limit })) {
      found.push({ ...value, target: key[0], sequence: key[1] });
    }
    return found;
  }

  async putHint(hint: StoredHintBatch): Promise<void> {
    await this.#commit(() => void this.#hints.put([hint.target, hint.sequence], hintValue(hint)));
  }

  async deleteHints(hints: readonly StoredHintBatch[]): Promise<void> {
    await this.#commit(() => {
      for (const hint of hints) void this.#hints.remove([hint.target, hint.sequence]);
    });
  }

  jobs(): Job[] {
    return [...this.#jobs.getRange()].map(({ value }) => value);
  }

  async putJob(job: Job): Promise<void> {
    await this.#commit(() => void this.#jobs.put(job.id, job));
  }

  async deleteJobs(ids: readonly string[]): Promise<void> {
    await this.#commit(() => {
      for (const id of ids) void this.#jobs.remove(id);
    });
  }

  voteNote(): VoteNote | undefined {
    return this.#votes.get(VOTE_NOTE_KEY);
  }

  async putVoteNote(note: VoteNote): Promise<void> {
    await this.#commit(() => void this.#votes.put(VOTE_NOTE_KEY, note));
  }

  catalog(): CatalogEntry[] {
    return [...this.#catalog.getRange()].map(({ value }) => value);
  }

  async putCatalogEntries(entries: readonly CatalogEntry[]): Promise<void> {
    await this.#commit(() => {
      for (const entry of entries) void this.#catalog.put(entry.partition, entry);
    });
  }
}

function hintValue(hint: HintBatch): HintValue {
  const { createdAtMs, attempts, nextAttemptAtMs, groups, payload } = hint;
  const value = { createdAtMs, attempts, nextAttemptAtMs, groups };
  return payload === undefined ? value : { ...value, payload };
}
