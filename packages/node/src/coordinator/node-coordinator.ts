/** Coordinates writes and reads of keys for this node: core decides, this measures and waits. */
import {
  Coordinator,
  type KeyOutcome,
  type KeyQuestion,
  type KeyReadRequest,
  type Level,
  type PackedGroup,
  type ReadRepairMode,
  type WriteLevel,
  type WriteOptions,
  type WriteOutcome,
} from '@mendlog/core';
import { LOCAL_CALLER, type RequestCaller } from '../api/request-caller.js';
import type { Metrics } from '../metrics/metrics.js';
import { countReads, countWrites } from './count-outcomes.js';
import { type KeyReadShellOptions, keyReadPorts } from './key-read-shell.js';
import { type WriteShellOptions, writePorts } from './write-shell.js';

export interface NodeCoordinatorOptions extends WriteShellOptions, KeyReadShellOptions {
  readonly metrics: Pick<Metrics, 'wrote' | 'read' | 'readRepair'>;
  readonly levelOf: <Asked extends WriteLevel>(partition: string, level: Asked | undefined) => Asked | Level;
  readonly readRepair: ReadRepairMode;
  /** How likely a read also compares the live replicas beyond those its level asks, in the background. */
  readonly readRepairChance: number;
}

export class NodeCoordinator {
  readonly #options: NodeCoordinatorOptions;
  readonly #core: Coordinator;
  #idle: (() => void) | undefined;

  constructor(options: NodeCoordinatorOptions) {
    this.#options = options;
    this.#core = new Coordinator({
      writes: writePorts(
        options,
        () => this.#core.writes,
        () => this.#checkIdle(),
      ),
      reads: keyReadPorts(options, () => this.#core.reads),
    });
  }

  /** Who looks keys up: reads of ranges ask too. */
  get keyReads(): Coordinator['reads'] {
    return this.#core.reads;
  }

  get queuedBytes(): number {
    return this.#core.writes.queuedBytes;
  }

  get speculativeReads(): number {
    return this.#core.reads.speculative;
  }

  get queuedReads(): number {
    return this.#core.reads.queued;
  }

  /** More comes than goes: what can wait is to wait. */
  get isBusy(): boolean {
    return this.#core.writes.isOverloaded || this.#core.reads.isOverloaded;
  }

  /** The highest counter this node knows of: stored, or given to a write that is under way. */
  head(partition: string): number {
    return this.#core.writes.head(partition);
  }

  /** What this node tells counter rounds: its highest counters, or NO_VOTE. */
  tellHeads(partitions: readonly string[]): number[] {
    return this.#core.writes.tellHeads(partitions);
  }

  /** Whether this node has a vote on all these partitions, and knows no counter as high: then a proposal is stored. */
  accepts(groups: readonly PackedGroup[]): boolean {
    return this.#core.writes.accepts(groups);
  }

  /** A peer has another store than before: what the one before has told counts no more. */
  storeReplaced(nodeId: string): void {
    this.#core.writes.storeReplaced(nodeId);
    this.#core.reads.storeReplaced(nodeId);
    this.#checkIdle();
  }

  /** Drafts; one outcome for each group, in order. Never rejects: what goes wrong is the group's outcome. */
  write(
    groups: readonly PackedGroup[],
    { level, order }: WriteOptions,
    caller: RequestCaller = LOCAL_CALLER,
  ): Promise<WriteOutcome[]> {
    const { metrics, levelOf } = this.#options;
    const startedMs = performance.now();
    return new Promise((resolve) => {
      const request = { groups, order, caller, levelOf: (partition: string) => levelOf(partition, level) };
      this.#core.write(request, (outcomes) => {
        metrics.wrote(countWrites(groups, outcomes, request.levelOf), (performance.now() - startedMs) / 1000);
        resolve(outcomes);
      });
    });
  }

  /** One outcome for each key, in order; TOO_LARGE for those behind so many bytes of records. Never rejects. */
  readKeys(
    questions: readonly KeyQuestion[],
    level: Level | undefined,
    { caller, bytesMax }: Pick<KeyReadRequest, 'caller' | 'bytesMax'> = {},
  ): Promise<KeyOutcome[]> {
    const { metrics, levelOf: levelAt, readRepair, readRepairChance } = this.#options;
    const levelOf = (partition: string) => levelAt(partition, level);
    const startedMs = performance.now();
    if (Math.random() < readRepairChance && !this.isBusy) this.#repairAll(questions);
    return new Promise((resolve) => {
      this.#core.readKeys({ questions, levelOf, repair: readRepair, caller, bytesMax }, (outcomes) => {
        metrics.read(countReads(questions, outcomes, levelOf), (performance.now() - startedMs) / 1000);
        resolve(outcomes);
      });
    });
  }

  /** Refuses what waits and what comes; resolves when what is under way has ended and its hints are kept. */
  async close(): Promise<void> {
    this.#core.writes.close();
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#core.writes.isIdle) this.#idle?.();
  }

  /** Compares all live replicas behind the answer, and repairs what differs. */
  #repairAll(questions: readonly KeyQuestion[]): void {
    const { placement, peers } = this.#options;
    const levelOf = (partition: string): Level => {
      const alive = placement.primaries(partition).filter((node) => peers.isAlive(node)).length;
      return { r: Math.max(1, alive), w: 1 };
    };
    // What goes wrong behind an answer is anti-entropy's to mend.
    this.#core.readKeys({ questions, levelOf, repair: 'blocking' }, () => {});
  }
}
