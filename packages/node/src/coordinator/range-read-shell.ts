/** Performs what the coordination of reads of ranges decides: asks replicas, repairs them, keeps time. */
import {
  answerRangeQuestion,
  type DigestKernel,
  decodePacked,
  itemsOf,
  type RangeAnswer,
  type RangeAsk,
  type RangeReadPorts,
  type RangeReads,
  type Store,
  toMendlogError,
} from '@mendlog/core';
import { timeLeftMs } from '../api/request-caller.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics } from '../metrics/metrics.js';
import type { VoteKeeper } from '../votes/vote-keeper.js';
import { giveRecords } from './give-records.js';
import { unpackPages } from './packed-pages.js';

export interface RangeReadShellOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Pick<Peers, 'self' | 'isAlive' | 'connectionTo'>;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly votes: Pick<VoteKeeper, 'votes'>;
  readonly metrics: Pick<Metrics, 'readRepair'>;
  readonly log: Log;
  readonly readTimeoutMs: number;
  /** How likely a read also compares the live replicas beyond those its level asks, in the background. */
  readonly readRepairChance: number;
  /** This node has more to do than it can: it compares no more than it has to. */
  readonly isBusy: () => boolean;
}

/** One more replica is asked whenever those asked have not answered for so long. */
const SLOW_MS = 50;

/** `reads` is what these ports are for; it is asked for when it is there. */
export function rangeReadPorts(options: RangeReadShellOptions, reads: () => RangeReads): RangeReadPorts {
  const { store, kernel, peers, placement, votes, metrics, log, readTimeoutMs, readRepairChance, isBusy } =
    options;
  const timers = new Map<number, { readonly slow: NodeJS.Timeout; readonly end: NodeJS.Timeout }>();
  const calls = new Map<number, AbortController>();

  const answerOf = async (
    node: string,
    { question, deadlineMs }: RangeAsk,
    signal: AbortSignal,
  ): Promise<RangeAnswer> => {
    if (node === peers.self) return answerRangeQuestion(store, kernel, question);
    const { pages, digests, list, frames } = peers.connectionTo(node).call.peer;
    const how = { signal, context: { timeoutMs: timeLeftMs(deadlineMs, readTimeoutMs) } };
    const { ask, partition } = question;
    switch (ask) {
      case 'pages': {
        const input = { partition, ranges: [...question.ranges] };
        return { ask, pages: unpackPages(await pages.query(input, how)) };
      }
      case 'digests':
        return { ask, ...(await digests.query({ partition, ranges: [...question.ranges] }, how)) };
      case 'listings': {
        const ranges = question.ranges.map((range) => ({ partition, range }));
        return { ask, ...(await list.query({ ranges, asVote: true }, how)) };
      }
      case 'frames': {
        const input = { partition, versions: [...question.versions] };
        const { packed, ...rest } = await frames.query(input, how);
        return { ask, frames: decodePacked(packed).flatMap((group) => [...itemsOf(group)]), ...rest };
      }
    }
  };
  /** Until it has ended, the call can be dropped. */
  const call = <Value>(
    ask: number,
    node: string,
    { start, done }: { start: (signal: AbortSignal) => Promise<Value>; done: (value: Value) => void },
  ): void => {
    const controller = new AbortController();
    calls.set(ask, controller);
    start(controller.signal)
      .finally(() => calls.delete(ask))
      .then(done, (error: unknown) => {
        log.debug('a replica did not take part in a read of ranges', { node, error });
        reads().failed(ask, toMendlogError(error).code === 'NO_VOTE' ? 'no vote' : 'failed');
      });
  };

  return {
    self: peers.self,
    primaries: (partition) => placement.primaries(partition),
    isAlive: (node) => peers.isAlive(node),
    votes: (partition, node) => votes.votes(partition, node),
    startTimers(read, deadlineMs) {
      const slow = setInterval(() => reads().isSlow(read), SLOW_MS);
      const leftMs = Math.min(readTimeoutMs, deadlineMs - performance.now());
      const end = setTimeout(() => reads().timeUp(read), leftMs);
      timers.set(read, { slow, end });
    },
    stopTimers(read) {
      const { slow, end } = timers.get(read) ?? {};
      clearInterval(slow);
      clearTimeout(end);
      timers.delete(read);
    },
    ask: (ask, node, what) =>
      call(ask, node, {
        start: (signal) => answerOf(node, what, signal),
        done: (answer) => reads().answered(ask, answer),
      }),
    give: (ask, node, groups) =>
      call(ask, node, {
        start: (signal) =>
          giveRecords(options, { node, groups }, { signal, context: { timeoutMs: readTimeoutMs } }),
        done: () => reads().given(ask),
      }),
    drop: (ask) => calls.get(ask)?.abort(),
    repairs: () => metrics.readRepair(),
    comparesAll: () => Math.random() < readRepairChance && !isBusy(),
  };
}
