/** Performs what the coordination of reads of keys decides: asks replicas, repairs them, keeps time. */
import {
  type Coordinator,
  encodePacked,
  type KeyAnswers,
  type KeyAsk,
  type KeyReadPorts,
  packKeyQuestions,
  type Store,
} from '@mendlog/core';
import { timeLeftMs } from '../api/request-caller.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics } from '../metrics/metrics.js';
import type { VoteKeeper } from '../votes/vote-keeper.js';
import { giveRecords } from './give-records.js';
import { lookUpKeys, unpackAnswers } from './key-lookup.js';

export interface KeyReadShellOptions {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'isAlive' | 'connectionTo'>;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly votes: Pick<VoteKeeper, 'votes'>;
  readonly metrics: Pick<Metrics, 'readRepair'>;
  readonly log: Log;
  readonly readTimeoutMs: number;
}

/** What is late is looked at again after that. */
const AGAIN_MS = 50;

type Reads = Coordinator['reads'];

/** `reads` is what these ports are for; it is asked for when it is there. */
export function keyReadPorts(options: KeyReadShellOptions, reads: () => Reads): KeyReadPorts {
  const { store, peers, placement, votes, metrics, log, readTimeoutMs } = options;
  const timers = new Map<number, NodeJS.Timeout>();
  const context = { timeoutMs: readTimeoutMs };
  const here = { store, votes: (partition: string) => votes.votes(partition, peers.self) };

  const answersOf = async (
    node: string,
    { questions, withRecords, deadlineMs }: KeyAsk,
  ): Promise<KeyAnswers> => {
    const groups = packKeyQuestions(questions);
    if (node === peers.self) return unpackAnswers(questions, lookUpKeys(here, groups, withRecords));
    const { keys } = peers.connectionTo(node).call.peer;
    const input = { packed: encodePacked(groups), withRecords };
    const timeoutMs = timeLeftMs(deadlineMs, readTimeoutMs);
    return unpackAnswers(questions, await keys.query(input, { context: { timeoutMs } }));
  };
  const failed = (ask: number, node: string, error: unknown) => {
    log.debug('a replica did not take part in a read of keys', { node, error });
    reads().failed(ask);
  };

  return {
    self: peers.self,
    primaries: (partition) => placement.primaries(partition),
    isAlive: (node) => peers.isAlive(node),
    votes: (partition, node) => votes.votes(partition, node),
    elapsedMs: () => performance.now(),
    schedule: () => void setImmediate(() => reads().pump()),
    startTimers(round, { lateAfterMs, deadlineMs }) {
      const endMs = Math.min(performance.now() + readTimeoutMs, deadlineMs);
      const set = (ms: number, run: () => void) => timers.set(round, setTimeout(run, ms));
      const wait = (lateMs: number) => {
        const leftMs = endMs - performance.now();
        if (leftMs <= lateMs) set(leftMs, () => reads().timeUp(round));
        else
          set(lateMs, () => {
            wait(AGAIN_MS);
            reads().isSlow(round);
          });
      };
      wait(Math.min(lateAfterMs, readTimeoutMs / 2));
    },
    stopTimers(round) {
      clearTimeout(timers.get(round));
      timers.delete(round);
    },
    ask(ask, node, what) {
      answersOf(node, what).then(
        (answers) => reads().answered(ask, answers),
        (error: unknown) => failed(ask, node, error),
      );
    },
    give(ask, node, groups) {
      metrics.readRepair();
      giveRecords(options, { node, groups }, { context }).then(
        () => reads().given(ask),
        (error: unknown) => failed(ask, node, error),
      );
    },
  };
}
