/** Performs what the coordination of writes decides: asks peers, stores, keeps time. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type ApplyResult,
  type Coordinator,
  encodePacked,
  type HintBatch,
  type PackedGroup,
  type Store,
  toMendlogError,
  type WritePorts,
} from '@mendlog/core';
import { timeLeftMs } from '../api/request-caller.js';
import type { HintKeeper } from '../hints/hint-keeper.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { VoteKeeper } from '../votes/vote-keeper.js';

export interface WriteShellOptions {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'isAlive' | 'connectionTo'>;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly votes: Pick<VoteKeeper, 'votes'>;
  readonly hints: Pick<HintKeeper, 'keep' | 'noteStored' | 'takeRoom' | 'giveRoom'>;
  readonly log: Log;
  readonly incarnation: string;
  readonly writeTimeoutMs: number;
  /** Has the replicas of these partitions compared. */
  readonly mayDiffer: (partitions: readonly string[]) => void;
}

/** After this long everybody is asked for their counters, and the next group commit may begin. */
const SLOW_MS = 100;

type Writes = Coordinator['writes'];
type PeerCalls = ReturnType<WriteShellOptions['peers']['connectionTo']>['call']['peer'];

/** `writes` is what these ports are for; it is asked for when it is there. After each event `answered` is called. */
export function writePorts(
  options: WriteShellOptions,
  writes: () => Writes,
  answered: () => void,
): WritePorts {
  const { store, peers, placement, votes, hints, log, incarnation, writeTimeoutMs, mayDiffer } = options;
  const timers = new Map<number, NodeJS.Timeout[]>();
  const context = { timeoutMs: writeTimeoutMs };

  /**
   * As a rule all peers are sent the same groups, one after another: they are encoded once. Not in a WeakMap, whose values
   * outlive a collection of what is young, and would be old garbage.
   */
  let last: { readonly groups: readonly PackedGroup[]; readonly bytes: Uint8Array } | undefined;
  const packedOnce = (groups: readonly PackedGroup[]) => {
    if (last?.groups === groups) return last.bytes;
    last = { groups, bytes: encodePacked(groups) };
    queueMicrotask(() => {
      last = undefined;
    });
    return last.bytes;
  };
  /** Has a peer store, by the procedure that `send` calls; undefined is its refusal of a proposal. */
  const sendTo = async (
    node: string,
    commit: number,
    send: (peer: PeerCalls) => Promise<Pick<ApplyResult, 'trimmed' | 'fenced'> | undefined>,
  ) => {
    try {
      const stored = await send(peers.connectionTo(node).call.peer);
      if (stored === undefined) writes().proposalRefused(commit, node);
      else writes().stored(commit, node, stored);
    } catch (thrown) {
      writes().notStored(commit, node, toMendlogError(thrown));
    }
    answered();
  };
  /** Refuses no earlier than in the next turn: an answer never comes before the question has been asked to its end. */
  const applyWith = async (groups: readonly PackedGroup[], kept: readonly HintBatch[]) => {
    hints.takeRoom(kept);
    try {
      return await store.apply(groups, kept);
    } catch (thrown) {
      hints.giveRoom(kept);
      throw thrown;
    }
  };
  const storeHere = async (commit: number, groups: readonly PackedGroup[], kept: readonly HintBatch[]) => {
    try {
      // What peers are sent goes out at the end of this turn: they begin while this node works.
      await nextTurn();
      const refused = await applyWith(groups, kept);
      hints.noteStored(kept);
      writes().stored(commit, peers.self, refused);
    } catch (thrown) {
      writes().notStored(commit, peers.self, toMendlogError(thrown));
    }
    answered();
  };

  return {
    self: peers.self,
    incarnation,
    primaries: (partition) => placement.primaries(partition),
    isAlive: (node) => peers.isAlive(node),
    votes: (partition, node) => votes.votes(partition, node),
    storedHead: (partition) => store.head(partition),
    nowMs: () => Date.now(),
    elapsedMs: () => performance.now(),
    schedule: () => void setImmediate(() => writes().pump()),
    startTimer(commit, what) {
      const end = () => {
        if (what === 'slow') writes().isSlow(commit);
        else writes().timeUp(commit);
        answered();
      };
      const timer = setTimeout(end, what === 'slow' ? SLOW_MS : writeTimeoutMs);
      const running = timers.get(commit);
      if (running === undefined) timers.set(commit, [timer]);
      else running.push(timer);
    },
    stopTimers(commit) {
      for (const timer of timers.get(commit) ?? []) clearTimeout(timer);
      timers.delete(commit);
    },
    askHeads(commit, question, deadlineMs) {
      const ask = async () => {
        const { heads } = peers.connectionTo(question.node).call.peer;
        const timeoutMs = timeLeftMs(deadlineMs, writeTimeoutMs);
        const input = { partitions: [...question.partitions] };
        return (await heads.query(input, { context: { timeoutMs } })).heads;
      };
      // A round without a majority ends its commit: then nothing is under way any more.
      ask()
        .then(
          (heads) => writes().headsTold(commit, question, heads),
          () => writes().headsFailed(commit, question),
        )
        .then(answered);
    },
    storeHere: (commit, groups, kept) => void storeHere(commit, groups, kept),
    storeAt: (commit, node, groups) =>
      void sendTo(node, commit, ({ store }) => store.mutate({ packed: packedOnce(groups) }, { context })),
    proposeAt: (commit, node, groups) =>
      void sendTo(node, commit, async ({ propose }) => {
        const { stored } = await propose.mutate({ packed: packedOnce(groups) }, { context });
        return stored;
      }),
    mayDiffer,
    keepHint: (hint) => void hints.keep(hint),
    takeOverTrim({ partition, trimmedTo }) {
      store.trim(partition, trimmedTo).catch((error: unknown) => {
        log.warn('a trim watermark could not be taken over', { partition, error });
      });
    },
  };
}
