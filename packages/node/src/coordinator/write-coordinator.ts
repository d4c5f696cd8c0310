/**
 * Coordinates writes: gathers what waits into a group commit, gives it versions, stores it here and on
 * the other primaries, and answers each group when enough replicas have flushed it.
 *
 *   submit --> queue --> [ counter round --> versions --> local commit | peers | hints ] --> answers
 *                         \____________ one group commit, up to four under way ____________/
 *
 * The counter round asks a majority for each partition's highest counter before versions are given, so
 * that a record whose append began after another's acknowledgement has the higher version, whichever
 * nodes coordinated the two. A write joins only a round that begins after the write arrived: the group
 * is closed before its round begins.
 */
import {
  type ApplyResult,
  answersNeeded,
  type ConsistencyLevel,
  type ErrorCode,
  type ErrorShape,
  encodePacked,
  FRAME_HEADER_BYTES,
  type HintBatch,
  itemAt,
  LIMITS,
  MendlogError,
  majorityOf,
  type PackedGroup,
  type Store,
  toMendlogError,
  VERSION_BYTES,
  WriteQuorum,
  writeFrame,
  writeVersion,
} from '@mendlog/core';
import type { AppendOutcome, Level } from '../api/service.js';
import type { HintKeeper } from '../hints/hint-keeper.js';
import type { Log } from '../log.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics, WriteOutcome } from '../metrics/metrics.js';
import { AssignedHeads } from './assigned-heads.js';

export interface WriteCoordinatorOptions {
  readonly store: Store;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly hints: HintKeeper;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly levelOf: (partition: string, level: Level) => ConsistencyLevel;
  readonly incarnation: string;
  readonly writeTimeoutMs: number;
}

/** Leaves room in a message for the lengths of all records and for the envelope. */
const GROUP_BYTES_MAX = LIMITS.messageBytesMax - 64 * 1024;

type Trimmed = ApplyResult['trimmed'];

/** One group of one append, from its submission to its answer. */
interface PendingWrite {
  readonly values: PackedGroup;
  readonly primaries: readonly string[];
  readonly consistency: ConsistencyLevel;
  readonly needed: number;
  readonly answer: (outcome: AppendOutcome) => void;
}

/** The same group with its versions given. */
interface VersionedWrite extends PendingWrite {
  readonly firstCounter: number;
  readonly frames: PackedGroup;
  readonly quorum: WriteQuorum;
}

export class WriteCoordinator {
  readonly #options: WriteCoordinatorOptions;
  readonly #heads: AssignedHeads;
  readonly #queue: PendingWrite[] = [];
  #queuedBytes = 0;
  /** Group commits under way. */
  readonly #commits = new Set<Promise<void>>();
  /** What peers have not answered yet; their commits may have been answered without them. */
  readonly #sends = new Set<Promise<void>>();
  #scheduled = false;
  #closed = false;
  /** Resolves when the latest group has its versions. */
  #lastVersioned: Promise<void> = Promise.resolve();

  constructor(options: WriteCoordinatorOptions) {
    this.#options = options;
    this.#heads = new AssignedHeads(options.store);
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The highest counter this node knows of: stored, or given to a write that is under way. */
  head(partition: string): number {
    return this.#heads.head(partition);
  }

  /** Never rejects: what goes wrong is the group's outcome. */
  submit(values: PackedGroup, level: Level): Promise<AppendOutcome> {
    const startedMs = performance.now();
    const consistency = this.#options.levelOf(values.partition, level);
    const group = { consistency, records: values.ends.length, bytes: values.bytes.length };
    return new Promise((resolve) => {
      const answer = (outcome: AppendOutcome) => {
        this.#options.metrics.wrote(verdictOf(outcome), group, (performance.now() - startedMs) / 1000);
        resolve(outcome);
      };
      try {
        const primaries = this.#options.placement.primaries(values.partition);
        const needed = answersNeeded(consistency, primaries.length);
        this.#admit(values, primaries, needed);
        this.#queue.push({ values, primaries, consistency, needed, answer });
        this.#queuedBytes += values.bytes.length;
        this.#schedule();
      } catch (thrown) {
        answer({ ok: false, error: toMendlogError(thrown).toShape() });
      }
    });
  }

  /** Refuses what waits and what comes; resolves when what is under way has ended and its hints are kept. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const write of this.#queue.splice(0)) {
      write.answer({
        ok: false,
        error: { code: 'CLOSED', message: 'the node is closing: nothing was written' },
      });
    }
    this.#queuedBytes = 0;
    await Promise.all(this.#commits);
    // Whoever has not answered by its deadline gets a hint, and that is flushed.
    await Promise.all(this.#sends);
  }

  /** Refuses before anything is queued what could not be written anyway. */
  #admit(values: PackedGroup, primaries: readonly string[], needed: number): void {
    if (this.#closed) throw new MendlogError('CLOSED', 'the node is closing');
    if (this.#queuedBytes + values.bytes.length > LIMITS.writeQueueBytesMax) {
      throw new MendlogError('OVERLOADED', 'too many writes are waiting; try again later');
    }
    const records = values.ends.length;
    if (records === 0) throw new MendlogError('BAD_REQUEST', 'an append has at least one record');
    // What no replica would take must not reach any: its outcome would be unknown.
    const framedBytes = values.bytes.length + records * FRAME_HEADER_BYTES;
    if (records > LIMITS.batchRecordsMax || framedBytes > GROUP_BYTES_MAX) {
      throw new MendlogError(
        'TOO_LARGE',
        `${records} records of ${framedBytes} bytes are too many for one group: at most ` +
          `${LIMITS.batchRecordsMax} and ${GROUP_BYTES_MAX} bytes`,
      );
    }
    for (let i = 0; i < records; i++) {
      const { length } = itemAt(values, i);
      if (length > LIMITS.valueBytesMax) {
        throw new MendlogError(
          'TOO_LARGE',
          `a value of ${length} bytes is over the limit of ${LIMITS.valueBytesMax}`,
        );
      }
    }
    const missing = primaries.filter((nodeId) => !this.#options.peers.isAlive(nodeId));
    if (primaries.length - missing.length < needed) {
      throw new MendlogError(
        'UNAVAILABLE',
        `${needed} replicas are needed and ${missing.join(', ')} cannot be reached: nothing was written`,
        {
          details: { needed, missing },
        },
      );
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Everything that arrives in this turn of the event loop joins one commit.
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#commits.size < LIMITS.groupCommitsMax) {
      const commit = this.#commit(this.#takeGroup()).finally(() => {
        this.#commits.delete(commit);
        this.#pump();
      });
      this.#commits.add(commit);
    }
  }

  #takeGroup(): PendingWrite[] {
    let bytes = 0;
    let count = 0;
    let records = 0;
    for (const { values } of this.#queue) {
      const fits =
        bytes + values.bytes.length <= LIMITS.batchBytesTarget &&
        records + values.ends.length <= LIMITS.batchRecordsMax;
      if (count > 0 && !fits) break;
      bytes += values.bytes.length;
      records += values.ends.length;
      count++;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #commit(group: readonly PendingWrite[]): Promise<void> {
    // Rounds overlap and may end in any order; versions are given in the order of the groups, so that
    // what a client sends one after another is ordered as it was sent.
    const before = this.#lastVersioned;
    let versioned = () => {};
    this.#lastVersioned = new Promise((resolve) => {
      versioned = resolve;
    });
    let writes: VersionedWrite[];
    try {
      await this.#counterRound(group);
      await before;
      writes = this.#giveVersions(group);
    } catch (thrown) {
      for (const write of group) write.answer({ ok: false, error: toMendlogError(thrown).toShape() });
      return;
    } finally {
      versioned();
    }
    await this.#replicate(writes);
  }

  /**
   * Learns the highest counters from a majority, this node included. Below a majority of
   * acknowledgements there is no real-time order to keep, and no round.
   */
  async #counterRound(group: readonly PendingWrite[]): Promise<void> {
    const asking = group.filter(
      ({ primaries, needed }) => needed >= majorityOf(primaries.length) && primaries.length > 1,
    );
    const answersOf = new Map<string, { needed: number; heard: number; primaries: readonly string[] }>();
    for (const { values, primaries } of asking) {
      const heard = primaries.includes(this.#options.peers.self) ? 1 : 0;
      answersOf.set(values.partition, { needed: majorityOf(primaries.length), heard, primaries });
    }
    const open = new Set(
      [...answersOf].filter(([, { heard, needed }]) => heard < needed).map(([partition]) => partition),
    );
    if (open.size === 0) return;

    const partitionsOf = new Map<string, string[]>();
    for (const partition of open) {
      for (const nodeId of answersOf.get(partition)?.primaries ?? []) {
        if (nodeId === this.#options.peers.self || !this.#options.peers.isAlive(nodeId)) continue;
        partitionsOf.set(nodeId, [...(partitionsOf.get(nodeId) ?? []), partition]);
      }
    }
    await new Promise<void>((resolve, reject) => {
      let waiting = partitionsOf.size;
      const ended = () => {
        if (--waiting === 0)
          reject(new MendlogError('UNAVAILABLE', 'no majority told its counters: nothing was written'));
      };
      const heard = (partitions: readonly string[], heads: readonly number[]) => {
        for (const [i, partition] of partitions.entries()) {
          this.#heads.raise(partition, heads[i] ?? 0);
          const answers = answersOf.get(partition);
          if (answers !== undefined && ++answers.heard >= answers.needed) open.delete(partition);
        }
        if (open.size === 0) resolve();
        ended();
      };
      if (waiting === 0)
        reject(new MendlogError('UNAVAILABLE', 'no other replica is alive: nothing was written'));
      for (const [nodeId, partitions] of partitionsOf) {
        this.#askHeads(nodeId, partitions).then((heads) => {
          try {
            heard(partitions, heads);
          } catch (error) {
            reject(error);
          }
        }, ended);
      }
    });
  }

  async #askHeads(nodeId: string, partitions: string[]): Promise<number[]> {
    const context = { timeoutMs: this.#options.writeTimeoutMs };
    const answer = await this.#options.peers
      .connectionTo(nodeId)
      .call.peer.heads.query({ partitions }, { context });
    return answer.heads;
  }

  #giveVersions(group: readonly PendingWrite[]): VersionedWrite[] {
    const timeMs = Date.now();
    return group.map((write) => {
      const { partition, ends } = write.values;
      const firstCounter = this.#heads.take(partition, ends.length);
      return {
        ...write,
        firstCounter,
        frames: frameValues(write.values, { firstCounter, origin: this.#options.incarnation, timeMs }),
        quorum: new WriteQuorum(write.primaries, write.needed),
      };
    });
  }

  /** Resolves when every group is answered and the local commit is done; slow peers go on by themselves. */
  async #replicate(writes: readonly VersionedWrite[]): Promise<void> {
    const { peers, store } = this.#options;
    const open = new Set(writes);
    let allAnswered = () => {};
    const answered = new Promise<void>((resolve) => {
      allAnswered = resolve;
    });
    const settle = (write: VersionedWrite, failure?: MendlogError) => {
      if (write.quorum.verdict === 'waiting' || !open.delete(write)) return;
      write.answer(this.#outcomeOf(write, failure));
      if (open.size === 0) allAnswered();
    };
    const report = (nodeId: string, sent: readonly VersionedWrite[], failure?: MendlogError) => {
      for (const write of sent) {
        write.quorum.answer(nodeId, replicaAnswer(failure));
        settle(write, failure);
      }
    };
    const timer = setTimeout(() => {
      for (const write of [...open]) {
        write.quorum.timeUp();
        settle(write);
      }
    }, this.#options.writeTimeoutMs);

    // A trim that came in between: some of its records are not stored there, and no hint may bring them.
    const reportStored = (nodeId: string, sent: readonly VersionedWrite[], trimmed: Trimmed) => {
      if (trimmed.length === 0) return report(nodeId, sent);
      const failure = new MendlogError('WRITE_TIMEOUT', 'the partition was trimmed meanwhile');
      for (const write of sent) {
        const isTrimmed = trimmed.some(({ partition }) => partition === write.values.partition);
        report(nodeId, [write], isTrimmed ? failure : undefined);
      }
      // Counters below another replica's watermark are not given out twice.
      for (const { partition, trimmedTo } of trimmed) {
        store.trim(partition, trimmedTo).catch((error: unknown) => {
          this.#options.log.warn('a trim watermark could not be taken over', { partition, error });
        });
      }
    };

    const replicas = new Set(writes.flatMap(({ primaries }) => primaries));
    replicas.delete(peers.self);
    const hints: HintBatch[] = [];
    for (const nodeId of replicas) {
      const sent = writes.filter(({ primaries }) => primaries.includes(nodeId));
      if (peers.isAlive(nodeId)) {
        const send = this.#sendTo(nodeId, sent)
          .then(
            (trimmed) => reportStored(nodeId, sent, trimmed),
            async (thrown: unknown) => {
              report(nodeId, sent, toMendlogError(thrown));
              await this.#options.hints.keep(this.#hintFor(nodeId, sent));
            },
          )
          .finally(() => this.#sends.delete(send));
        this.#sends.add(send);
      } else {
        // Known to be down: its hint is written with the records themselves.
        hints.push(this.#hintFor(nodeId, sent));
        report(nodeId, sent, new MendlogError('UNREACHABLE', `node ${nodeId} is not alive`));
      }
    }
    try {
      const own = writes.filter(({ primaries }) => primaries.includes(peers.self));
      const { trimmed } = await store.apply(
        own.map(({ frames }) => frames),
        hints,
      );
      this.#options.hints.noteStored(hints);
      reportStored(peers.self, own, trimmed);
    } catch (thrown) {
      report(peers.self, writes, toMendlogError(thrown));
      for (const hint of hints) await this.#options.hints.keep(hint);
    }
    await answered;
    clearTimeout(timer);
  }

  /** Returns the partitions whose records the replica refused as trimmed. */
  async #sendTo(nodeId: string, writes: readonly VersionedWrite[]): Promise<Trimmed> {
    const packed = encodePacked(writes.map(({ frames }) => frames));
    const context = { timeoutMs: this.#options.writeTimeoutMs };
    const { store } = this.#options.peers.connectionTo(nodeId).call.peer;
    return (await store.mutate({ packed }, { context })).trimmed;
  }

  #hintFor(target: string, writes: readonly VersionedWrite[]): HintBatch {
    const groups = writes.map(({ values, firstCounter }) => ({
      partition: values.partition,
      versions: consecutiveVersions(firstCounter, values.ends.length, this.#options.incarnation),
    }));
    return { target, groups, createdAtMs: Date.now(), attempts: 0, nextAttemptAtMs: 0 };
  }

  #outcomeOf(write: VersionedWrite, failure: MendlogError | undefined): AppendOutcome {
    const { firstCounter, values, quorum } = write;
    if (quorum.verdict === 'acknowledged') {
      return {
        ok: true,
        firstCounter,
        count: values.ends.length,
        origin: this.#options.incarnation,
        acks: quorum.acks,
        consistency: write.consistency,
      };
    }
    if (quorum.verdict === 'refused' && failure !== undefined) return { ok: false, error: failure.toShape() };
    return { ok: false, error: unknownOutcome(quorum, failure) };
  }
}

/** With these a replica says that it has stored nothing. UNREACHABLE: nothing was sent. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['DISK_FULL', 'CLOCK_JUMP', 'UNREACHABLE']);

function replicaAnswer(failure: MendlogError | undefined): 'acknowledged' | 'refused' | 'failed' {
  if (failure === undefined) return 'acknowledged';
  return REFUSALS.has(failure.code) ? 'refused' : 'failed';
}

function verdictOf(outcome: AppendOutcome): WriteOutcome {
  if (outcome.ok) return 'acknowledged';
  return outcome.error.code === 'WRITE_TIMEOUT' ? 'unknown' : 'refused';
}

function unknownOutcome(quorum: WriteQuorum, failure: MendlogError | undefined): ErrorShape {
  const why = failure === undefined ? 'time is up' : failure.message;
  return {
    code: 'WRITE_TIMEOUT',
    message: `outcome unknown: ${quorum.acks} of ${quorum.needed} replicas acknowledged (${why})`,
    details: { acks: quorum.acks, needed: quorum.needed },
  };
}

function frameValues(
  values: PackedGroup,
  version: { firstCounter: number; origin: string; timeMs: number },
): PackedGroup {
  const { firstCounter, origin, timeMs } = version;
  const count = values.ends.length;
  const bytes = new Uint8Array(values.bytes.length + count * FRAME_HEADER_BYTES);
  const ends = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    at = writeFrame(bytes, at, {
      version: { counter: firstCounter + i, origin },
      timeMs,
      value: itemAt(values, i),
    });
    ends[i] = at;
  }
  return { partition: values.partition, bytes, ends };
}

function consecutiveVersions(firstCounter: number, count: number, origin: string): Uint8Array {
  const versions = new Uint8Array(count * VERSION_BYTES);
  const view = new DataView(versions.buffer);
  for (let i = 0; i < count; i++)
    writeVersion(view, i * VERSION_BYTES, { counter: firstCounter + i, origin });
  return versions;
}
