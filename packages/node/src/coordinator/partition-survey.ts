/** What replicas together know of a partition without reading its records. Repairs nothing. */
import {
  answersNeeded,
  type Level,
  LIMITS,
  type Listing,
  MendlogError,
  type Store,
  type TimeWindow,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type VersionRange,
} from '@mendlog/core';
import type { AskedLevel } from '../api/service.js';
import type { PeerConnection, Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import { mergeTimeRanges, type ReplicaTimeRanges, timeRangesOf } from './time-ranges.js';

export interface PartitionSurveyOptions {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'isAlive' | 'connectionTo'>;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly levelOf: (partition: string, level: AskedLevel) => Level;
  readonly readTimeoutMs: number;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly context: { timeoutMs: number };
}

interface Question<Answer> {
  readonly here: () => Answer;
  readonly there: (call: PeerConnection['call'], how: CallOptions) => Promise<Answer>;
  /** How many answers, where so many replicas can be asked. */
  readonly needed: (usable: number) => number;
  readonly signal?: AbortSignal | undefined;
}

const ANY_RECORD: VersionRange = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 1 };

export class PartitionSurvey {
  readonly #options: PartitionSurveyOptions;

  constructor(options: PartitionSurveyOptions) {
    this.#options = options;
  }

  /**
   * Ranges of counters in which all records of a time lie that as many replicas as the level asks for hold.
   * Rejects with UNAVAILABLE or READ_TIMEOUT.
   */
  async timeRanges(
    partition: string,
    { time, from }: { time: TimeWindow; from: number },
    level: AskedLevel,
    signal?: AbortSignal,
  ): Promise<ReplicaTimeRanges> {
    const { store, placement, levelOf } = this.#options;
    const needed = answersNeeded(levelOf(partition, level), placement.primaries(partition).length);
    const limit = LIMITS.rangesMax;
    const answers = await this.#ask<ReplicaTimeRanges>(partition, {
      here: () => timeRangesOf(store, partition, { time, from, limit }),
      there: ({ peer }, how) => peer.timeRanges.query({ partition, ...time, from, limit }, how),
      needed: () => needed,
      signal,
    });
    return mergeTimeRanges(answers);
  }

  /**
   * Whether any live replica, of a quorum at least, knows of records of the partition. Rejects with UNAVAILABLE or
   * READ_TIMEOUT.
   */
  async isKnown(partition: string): Promise<boolean> {
    const { store, placement } = this.#options;
    const quorum = answersNeeded('QUORUM', placement.primaries(partition).length);
    const answers = await this.#ask<Listing | undefined>(partition, {
      here: () => store.list(partition, ANY_RECORD),
      there: async ({ peer }, how) =>
        (await peer.list.query({ ranges: [{ partition, range: ANY_RECORD }] }, how)).listings[0],
      needed: (usable) => Math.max(quorum, usable),
    });
    const heads = answers.map((listing) => listing?.head ?? 0);
    return Math.max(...heads) > Math.max(...answers.map((listing) => listing?.trimmedTo ?? 0));
  }

  /** Asks anew without those that failed. Each turn excludes one more at least, so it ends. */
  async #ask<Answer>(
    partition: string,
    { here, there, needed, signal }: Question<Answer>,
  ): Promise<Answer[]> {
    const { peers, placement, readTimeoutMs } = this.#options;
    const primaries = placement.primaries(partition);
    const failed = new Set<string>();
    const answers = new Map<string, Answer>();
    const how = { context: { timeoutMs: readTimeoutMs }, ...(signal === undefined ? {} : { signal }) };
    const askOne = async (nodeId: string): Promise<void> => {
      answers.set(nodeId, nodeId === peers.self ? here() : await there(peers.connectionTo(nodeId).call, how));
    };
    const rank = (nodeId: string) => (answers.has(nodeId) ? 0 : nodeId === peers.self ? 1 : 2);
    for (;;) {
      signal?.throwIfAborted();
      const usable = primaries.filter((nodeId) => peers.isAlive(nodeId) && !failed.has(nodeId));
      const asked = needed(usable.length);
      if (usable.length < asked)
        throw tooFew(primaries, { usable, needed: asked, hasFailed: failed.size > 0 });
      const left = usable
        .sort((a, b) => rank(a) - rank(b))
        .slice(0, asked)
        .filter((nodeId) => !answers.has(nodeId));
      if (left.length === 0) return [...answers.values()];
      await Promise.all(left.map((nodeId) => askOne(nodeId).catch(() => failed.add(nodeId))));
    }
  }
}

function tooFew(
  primaries: readonly string[],
  { usable, needed, hasFailed }: { usable: readonly string[]; needed: number; hasFailed: boolean },
): MendlogError {
  const missing = primaries.filter((nodeId) => !usable.includes(nodeId));
  const details = { needed, missing };
  if (hasFailed)
    return new MendlogError('READ_TIMEOUT', `${missing.join(', ')} did not answer in time`, { details });
  const message = `${needed} replicas are needed and ${missing.join(', ')} cannot be reached`;
  return new MendlogError('UNAVAILABLE', message, { details });
}
