/** What replicas together know of a partition without reading its records. Repairs nothing. */
import {
  answersNeeded,
  callerGone,
  type ErrorCode,
  type Level,
  LIMITS,
  type Listing,
  MendlogError,
  type Store,
  type TimeWindow,
  toMendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type VersionRange,
} from '@mendlog/core';
import { LOCAL_CALLER, type RequestCaller, timeLeftMs } from '../api/request-caller.js';
import type { AskedLevel } from '../api/service.js';
import type { PeerConnection, Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { VoteKeeper } from '../votes/vote-keeper.js';
import { mergeTimeRanges, type ReplicaTimeRanges, timeRangesOf } from './time-ranges.js';

export interface PartitionSurveyOptions {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'isAlive' | 'connectionTo'>;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly votes: Pick<VoteKeeper, 'votes'>;
  readonly levelOf: (partition: string, level: AskedLevel) => Level;
  readonly readTimeoutMs: number;
}

interface CallOptions {
  readonly context: { timeoutMs: number };
}

interface Question<Answer> {
  readonly here: () => Answer;
  readonly there: (call: PeerConnection['call'], how: CallOptions) => Promise<Answer>;
  /** How many answers, where so many replicas can be asked. */
  readonly needed: (usable: number) => number;
  readonly caller?: RequestCaller;
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
    caller: RequestCaller = LOCAL_CALLER,
  ): Promise<ReplicaTimeRanges> {
    const { store, placement, levelOf } = this.#options;
    const needed = answersNeeded(levelOf(partition, level), placement.primaries(partition).length);
    const limit = LIMITS.rangesMax;
    const answers = await this.#ask<ReplicaTimeRanges>(partition, {
      here: () => timeRangesOf(store, partition, { time, from, limit }),
      there: ({ peer }, how) => peer.timeRanges.query({ partition, ...time, from, limit }, how),
      needed: () => needed,
      caller,
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
        (await peer.list.query({ ranges: [{ partition, range: ANY_RECORD }], asVote: true }, how))
          .listings[0],
      needed: (usable) => Math.max(quorum, usable),
    });
    const heads = answers.map((listing) => listing?.head ?? 0);
    return Math.max(...heads) > Math.max(...answers.map((listing) => listing?.trimmedTo ?? 0));
  }

  /** Asks anew without those that failed. Each turn excludes one more at least, so it ends. */
  async #ask<Answer>(
    partition: string,
    { here, there, needed, caller = LOCAL_CALLER }: Question<Answer>,
  ): Promise<Answer[]> {
    const { peers, placement, votes, readTimeoutMs } = this.#options;
    const primaries = placement.primaries(partition);
    const failed = new Map<string, ErrorCode>();
    if (!votes.votes(partition, peers.self)) failed.set(peers.self, 'NO_VOTE');
    const answers = new Map<string, Answer>();
    const askOne = async (nodeId: string): Promise<void> => {
      const how = { context: { timeoutMs: timeLeftMs(caller.deadlineMs, readTimeoutMs) } };
      answers.set(nodeId, nodeId === peers.self ? here() : await there(peers.connectionTo(nodeId).call, how));
    };
    // Those that may have no vote last; they say so themselves.
    const rank = (nodeId: string) =>
      answers.has(nodeId) ? 0 : nodeId === peers.self ? 1 : votes.votes(partition, nodeId) ? 2 : 3;
    for (;;) {
      if (caller.isGone) throw callerGone();
      const usable = primaries.filter((nodeId) => peers.isAlive(nodeId) && !failed.has(nodeId));
      const asked = needed(usable.length);
      if (usable.length < asked) throw tooFew(primaries, { usable, needed: asked, failed });
      const left = usable
        .sort((a, b) => rank(a) - rank(b))
        .slice(0, asked)
        .filter((nodeId) => !answers.has(nodeId));
      if (left.length === 0) return [...answers.values()];
      const askOrFail = (nodeId: string) =>
        askOne(nodeId).catch((thrown: unknown) => void failed.set(nodeId, toMendlogError(thrown).code));
      await Promise.all(left.map(askOrFail));
    }
  }
}

function tooFew(
  primaries: readonly string[],
  {
    usable,
    needed,
    failed,
  }: { usable: readonly string[]; needed: number; failed: ReadonlyMap<string, ErrorCode> },
): MendlogError {
  const missing = primaries.filter((nodeId) => !usable.includes(nodeId));
  const withoutVote = missing.filter((nodeId) => failed.get(nodeId) === 'NO_VOTE');
  const details = { needed, missing, withoutVote };
  if ([...failed.values()].some((code) => code !== 'NO_VOTE'))
    return new MendlogError('READ_TIMEOUT', `${missing.join(', ')} did not answer in time`, { details });
  const message = `${needed} replicas are needed and ${missing.join(', ')} cannot be reached, or have no vote`;
  return new MendlogError('UNAVAILABLE', message, { details });
}
