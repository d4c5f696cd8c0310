/**
 * One run: a cluster, its clients and its faults out of one seed, and what was wrong with it.
 *
 *   operations and faults --> everything works again --> reads --> hints, sessions --> checks
 */
import { LIMITS, sidesAreEqual } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { checkExactlyOnce } from './checkers/appends.js';
import { checkHistory } from './checkers/check-history.js';
import type { CheckReport } from './checkers/check-report.js';
import { describeReport } from './checkers/describe-report.js';
import { checkUniqueVersions } from './checkers/versions.js';
import { Client } from './clients/client.js';
import { type OutcomeCounts, RunHistory } from './clients/history-of-run.js';
import {
  checkConvergence,
  checkNothingCameBack,
  differenceOf,
  readFinals,
  replicasOf,
} from './invariants/final-state.js';
import { Monitor, type Violation } from './invariants/monitor.js';
import { type ClusterContext, type NodeShell, noCounts, type RunCounts } from './node/cluster-context.js';
import { summaryOf } from './node/sessions.js';
import { SimNode } from './node/sim-node.js';
import { type Healing, scenarioOf } from './scenario.js';
import { FaultInjector } from './world/fault-injector.js';
import { type FaultCounts, noFaults } from './world/fault-kinds.js';
import { Network } from './world/network.js';
import { Random } from './world/random.js';
import { Scheduler } from './world/scheduler.js';
import { Trace } from './world/trace.js';

export interface RunResult {
  readonly seed: number;
  readonly outcomes: OutcomeCounts;
  readonly scans: { readonly ok: number; readonly fail: number };
  readonly faults: FaultCounts;
  readonly events: number;
  readonly counts: RunCounts;
  readonly healing: Healing;
  readonly violations: readonly Violation[];
  readonly trace: Trace;
}

const EVENTS_MAX = 3_000_000;
const SETTLE_US = 3_000_000;
/** So many questions come at once in the end, at most. */
const QUEUE_ENOUGH = 100;
const HINTS_STEP_US = 500_000;
const HINTS_STEPS_MAX = 60;
const SESSION_ROUNDS_MAX = 8;

const kernel = loadKernel();
const tagKey = kernel.deriveKey('mendlog simulator', new Uint8Array(32));

export function runSeed(seed: number, options: { trace: boolean }): RunResult {
  const random = new Random(seed);
  const scenario = scenarioOf(random);
  const { readQueueMax, rangeReadsMax, writeQueueBytesMax, queueWaitMsMax, readRoundsMax } = scenario;
  // Nobody waits for a queue of 64 MiB to fill: the bounds are made small, and put back.
  const before = { ...LIMITS };
  Object.assign(LIMITS, { readQueueMax, rangeReadsMax, writeQueueBytesMax, queueWaitMsMax, readRoundsMax });
  // Errors are answers here: a stack for each would take a tenth of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new Run(seed, { random, scenario, trace: options.trace }).result();
  } finally {
    Object.assign(LIMITS, before);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class Run {
  readonly #seed: number;
  readonly #context: ClusterContext;
  readonly #monitor: Monitor;
  readonly #history: RunHistory;
  readonly #clients: readonly Client[];

  constructor(seed: number, options: Pick<ClusterContext, 'random' | 'scenario'> & { trace: boolean }) {
    const { random, scenario } = options;
    this.#seed = seed;
    const scheduler = new Scheduler();
    const now = () => scheduler.nowUs;
    const faults = noFaults();
    const nodes = new Map<string, NodeShell>();
    this.#monitor = new Monitor(now, random);
    this.#context = {
      scenario,
      scheduler,
      random,
      faults,
      counts: noCounts(),
      network: new Network({ scheduler, random, faults, callsMax: scenario.callsMax }),
      trace: new Trace(options.trace, now),
      monitor: this.#monitor,
      kernel,
      tagKeyOf: () => tagKey,
      nodes,
      deaf: new Map(),
    };
    for (const id of scenario.nodeIds) nodes.set(id, new SimNode(id, this.#context));
    this.#history = new RunHistory(now);
    this.#clients = Array.from(
      { length: scenario.clients },
      (_, i) => new Client(i + 1, this.#context, this.#history),
    );
  }

  result(): RunResult {
    const { faults, scenario, scheduler, trace, nodes } = this.#context;
    const injector = new FaultInjector(this.#context);
    for (const node of nodes.values()) node.start();
    this.#runFor(2 * scenario.heartbeatUs);
    injector.start();
    for (const client of this.#clients) client.start();
    this.#runFor(scenario.durationUs);
    for (const client of this.#clients) client.stop();
    injector.heal();
    trace.note('world', '* everything works again');
    this.#runFor(2 * scenario.deadAfterUs);
    for (const client of this.#clients) client.readAll();
    this.#runFor(SETTLE_US);
    if (scenario.healing !== 'sessions alone') this.#replayHints();
    if (this.#healing !== 'hints alone') this.#runSessions();
    const { fail: failedBefore } = this.#history.counts;
    const { fail: scansFailedBefore } = this.#history.scanCounts;
    for (const client of this.#clients.slice(0, 2)) {
      client.readAll();
      client.scanAll();
    }
    this.#runFor(scenario.clientTimeoutUs + scenario.writeTimeoutUs);
    const failed =
      this.#history.counts.fail - failedBefore + (this.#history.scanCounts.fail - scansFailedBefore);
    // Bounds that are made tight may refuse it.
    if (failed > 0 && scenario.readQueueMax >= QUEUE_ENOUGH)
      this.#monitor.violated('I8', `${failed} reads failed when everything worked again`, []);
    for (const { id, process } of nodes.values()) {
      if (!process.coordinator.writes.isIdle || !process.ranges.isIdle)
        this.#monitor.violated('I8', `${id} has writes or scans under way long after the last one`, []);
      if (!process.votes.hasVote)
        this.#monitor.violated('I8', `${id} has no vote long after everything works again`, []);
    }
    this.#check();
    const { counts: outcomes } = this.#history;
    const { violations } = this.#monitor;
    const { scanCounts: scans } = this.#history;
    return {
      seed: this.#seed,
      outcomes,
      scans,
      faults,
      events: scheduler.events,
      counts: this.#context.counts,
      healing: this.#healing,
      violations,
      trace,
    };
  }

  #runFor(us: number): void {
    const { scheduler } = this.#context;
    scheduler.runUntil(scheduler.nowUs + us, EVENTS_MAX);
  }

  #replayHints(): void {
    const { nodes, monitor } = this.#context;
    for (let step = 0; step < HINTS_STEPS_MAX; step++) {
      if ([...nodes.values()].every(({ disk }) => disk.store.hints({ limit: 1 }).length === 0)) return;
      this.#runFor(HINTS_STEP_US);
    }
    monitor.violated('I2', 'hints are left long after everything works again', []);
  }

  /** Between all pairs, until a round finds nothing that differs. */
  #runSessions(): void {
    const { scenario } = this.#context;
    for (let round = 0; round < SESSION_ROUNDS_MAX; round++) {
      let differ = false;
      for (const partition of scenario.partitions) {
        const replicas = replicasOf(this.#context, partition);
        for (const [i, one] of replicas.entries()) {
          for (const other of replicas.slice(i + 1)) {
            if (differenceOf(one, other, partition) === undefined && areRaisedAlike(one, other, partition))
              continue;
            differ = true;
            one.process.sessions.run(partition, other.id, () => {});
            this.#runFor(100_000);
          }
        }
      }
      if (!differ) return;
    }
  }

  /** No hint brings what a proposal in doubt has left on some replicas: that takes sessions. */
  get #healing(): Healing {
    const { scenario, counts } = this.#context;
    return scenario.healing === 'hints alone' && counts.inDoubt > 0 ? 'hints and sessions' : scenario.healing;
  }

  #check(): void {
    const { monitor, network, scenario, nodes } = this.#context;
    this.#history.close();
    checkConvergence(this.#context);
    checkNothingCameBack(this.#context, this.#history);
    monitor.within('calls under way to one node', network.callsSeenMax, scenario.callsMax);
    for (const { id, disk } of nodes.values())
      monitor.within(`batches that wait at ${id}`, disk.waitingSeenMax, scenario.diskBatchesMax);
    readFinals(this.#context, this.#history);
    const loose = this.#history.of('loose');
    this.#judge(checkHistory(this.#history.of('strict')));
    this.#judge(this.#history.scans.reports());
    this.#judge([
      checkUniqueVersions(loose),
      checkExactlyOnce(loose),
      checkUniqueVersions(this.#history.of('trimmed')),
    ]);
  }

  #judge(reports: readonly CheckReport[]): void {
    for (const report of reports) {
      for (const violation of report.violations) {
        const { partition, operations } = violation;
        const end = Math.max(0, ...operations.map(({ end }) => end ?? 0)) / 1000;
        const message = describeReport({ ...report, violations: [violation], violationCount: 1 }).join('\n');
        this.#monitor.violations.push({
          invariant: report.invariant,
          message,
          atUs: end > 0 ? end : this.#context.scheduler.nowUs,
          words: [partition],
        });
      }
    }
  }
}

function areRaisedAlike(one: NodeShell, other: NodeShell, partition: string): boolean {
  return sidesAreEqual(summaryOf(one, partition), summaryOf(other, partition));
}
