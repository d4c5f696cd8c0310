/**
 * One node of a simulated cluster: the production state machines of core in a shell as thin as the real one's, with
 * a disk, a clock that drifts, and a process that crashes, starts again and is stopped for a while.
 *
 * A process has an epoch: what belongs to an earlier one (a timer, an answer, a flush) comes to nothing.
 */
import { Coordinator, originFromBits, preferenceList, RangeReads } from '@mendlog/core';
import { Disk } from '../world/disk.js';
import type { ClusterContext, NodeProcess, NodeShell } from './cluster-context.js';
import { HintReplay } from './hint-replay.js';
import { Liveness } from './liveness.js';
import { Purger } from './purger.js';
import { rangePorts } from './range-ports.js';
import { readPorts } from './read-ports.js';
import { Scrubber } from './scrubber.js';
import { Sessions } from './sessions.js';
import { VoteKeeper } from './vote-keeper.js';
import { writePorts } from './write-ports.js';

interface Held {
  readonly epoch: number;
  readonly work: () => void;
  readonly isTimer: boolean;
}

const WALL_CLOCK_MS = 1_800_000_000_000;

export class SimNode implements NodeShell {
  readonly id: string;
  readonly context: ClusterContext;
  readonly lostDisks: Disk[] = [];
  #disk: Disk;
  #voteKeeper: VoteKeeper | undefined;
  readonly #primaries = new Map<string, readonly string[]>();
  readonly #held: Held[] = [];
  #process: NodeProcess | undefined;
  #isPaused = false;
  epoch = 0;
  clockOffsetMs = 0;
  clockDriftRate = 0;

  constructor(id: string, context: ClusterContext) {
    this.id = id;
    this.context = context;
    this.#disk = this.#newDisk();
  }

  get disk(): Disk {
    return this.#disk;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get process(): NodeProcess {
    if (this.#process === undefined) throw new Error(`${this.id} is not up`);
    return this.#process;
  }

  get nowMs(): number {
    const elapsedMs = this.context.scheduler.nowUs / 1000;
    return Math.floor(WALL_CLOCK_MS + this.clockOffsetMs + elapsedMs * (1 + this.clockDriftRate));
  }

  primaries(partition: string): readonly string[] {
    let primaries = this.#primaries.get(partition);
    if (primaries === undefined) {
      const { nodeIds, replicationFactor } = this.context.scenario;
      ({ primaries } = preferenceList(partition, nodeIds, replicationFactor));
      this.#primaries.set(partition, primaries);
    }
    return primaries;
  }

  isAlive(nodeId: string): boolean {
    return nodeId === this.id || this.process.liveness.isAlive(nodeId);
  }

  votes(partition: string, nodeId: string): boolean {
    return this.#voteKeeper?.votesOn(partition, nodeId) === true;
  }

  coordinatorOf(partition: string): string | undefined {
    return this.primaries(partition).find((nodeId) => this.isAlive(nodeId));
  }

  start(): void {
    const { random, trace } = this.context;
    this.epoch += 1;
    const incarnation = originFromBits(random.bits64());
    const coordinator = new Coordinator({ writes: writePorts(this, incarnation), reads: readPorts(this) });
    const ranges = new RangeReads(rangePorts(this), coordinator.reads);
    this.disk.reopen();
    const liveness = new Liveness(this);
    const hints = new HintReplay(this);
    const sessions = new Sessions(this);
    const voteKeeper = new VoteKeeper(this);
    const { votes } = voteKeeper;
    this.#voteKeeper = voteKeeper;
    this.#process = { coordinator, ranges, liveness, hints, sessions, votes };
    for (const part of [liveness, hints, sessions, voteKeeper, new Scrubber(this), new Purger(this)])
      part.start();
    trace.note(this.id, `* starts, incarnation ${incarnation}`);
  }

  crash(kept: number): void {
    this.context.trace.note(
      this.id,
      `* crashes: ${kept} of ${this.disk.waiting} waiting batches are on disk`,
    );
    this.#process = undefined;
    this.#isPaused = false;
    this.#held.length = 0;
    this.disk.crash(kept);
    this.context.network.processDied(this.id);
  }

  loseDisk(): void {
    this.context.trace.note(this.id, '* its disk is lost');
    this.lostDisks.push(this.#disk);
    this.#disk = this.#newDisk();
  }

  pause(): void {
    this.context.trace.note(this.id, '* is stopped');
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.context.trace.note(this.id, '* goes on');
    this.#isPaused = false;
    // The event loop looks at timers first, then at what has come.
    const held = this.#held.splice(0);
    const inOrder = [...held.filter(({ isTimer }) => isTimer), ...held.filter(({ isTimer }) => !isTimer)];
    for (const { epoch, work, isTimer } of inOrder)
      this.context.scheduler.after(0, () => this.run(epoch, work, { isTimer }));
  }

  run(epoch: number, work: () => void, { isTimer = false } = {}): void {
    if (epoch !== this.epoch || this.#process === undefined) return;
    if (this.#isPaused) this.#held.push({ epoch, work, isTimer });
    else work();
  }

  after(delayUs: number, work: () => void): { cancel(): void } {
    const { epoch } = this;
    let isCancelled = false;
    const timer = this.context.scheduler.after(delayUs, () =>
      this.run(
        epoch,
        () => {
          if (!isCancelled) work();
        },
        { isTimer: true },
      ),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  soon(work: () => void): void {
    const { epoch } = this;
    const { scheduler, random } = this.context;
    scheduler.after(random.below(200), () => this.run(epoch, work));
  }

  #newDisk(): Disk {
    const { scheduler, random, scenario, kernel, tagKeyOf, monitor } = this.context;
    const storeId = originFromBits(random.bits64());
    const { diskBatchesMax: batchesMax } = scenario;
    const store = { storeId, kernel, tagKeyOf };
    return new Disk({ scheduler, random, store, batchesMax, onFlushed: monitor.flushedAt(this.id) });
  }

  every(periodUs: number, work: () => void): void {
    const { random } = this.context;
    const beat = () => {
      work();
      this.after(periodUs, beat);
    };
    this.after(random.below(periodUs), beat);
  }
}
