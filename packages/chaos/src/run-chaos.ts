/** One run: a cluster, its clients and its faults; then healing, the last reads, and the verdicts. */
import { join } from 'node:path';
import { type Client, createClient } from '@mendlog/client';
import { MendlogError, toMendlogError } from '@mendlog/core';
import { Seeded } from '@mendlog/core/conformance';
import { type CheckReport, checkHistory, type History, ScanJudge } from '@mendlog/sim';
import { ChaosClient, Tally } from './chaos-client.js';
import { Cluster, neighbourOf } from './cluster.js';
import type { FaultKind } from './fault.js';
import { runFaults } from './fault-runner.js';
import { untilHealed } from './healing.js';
import { readEverything } from './last-reads.js';
import type { ChaosOptions } from './options.js';
import { Recorder } from './recorder.js';
import { oneOfEach, randomSchedule } from './schedule.js';

/** Above the nodes' own time-outs, so that they answer first where they can. */
const CALL_TIMEOUT_MS = 2500;
/** At the end there is a lot to read, and a healed cluster to read it from. */
const LAST_READS_TIMEOUT_MS = 30_000;

export interface ChaosResult {
  readonly history: History;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly tally: Tally;
  readonly reports: readonly CheckReport[];
  /** What no check of a history says: nodes that ended or did not heal, calls that ended as they never may. */
  readonly failures: readonly string[];
}

export interface ChaosRun {
  readonly options: ChaosOptions;
  /** Data of the nodes. */
  readonly folder: string;
  readonly historyFile: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Rejects where it cannot be carried out, or the signal aborts it. Nothing is left running. */
export async function runChaos(run: ChaosRun): Promise<ChaosResult> {
  const { options, folder, historyFile, signal, say } = run;
  await using recorder = await Recorder.open(historyFile);
  const lost = new AbortController();
  const failures: string[] = [];
  const onLost = (why: MendlogError) => {
    failures.push(why.message);
    lost.abort(why);
  };
  await using cluster = await Cluster.start({ folder: join(folder, 'nodes'), onLost });
  const judge = new ScanJudge();
  const tally = new Tally();
  const isOver = new AbortController();
  const broken = AbortSignal.any([signal, lost.signal]);
  const clients = Array.from({ length: options.clients }, (_, number) => clientBeside(cluster, number));
  let faults: ReadonlyMap<FaultKind, number> = new Map();
  try {
    const work = Promise.all(
      clients.map(({ client, number }) =>
        new ChaosClient({
          number,
          client,
          seeded: new Seeded(options.seed * 1009 + number),
          recorder,
          judge,
          tally,
        }).run(AbortSignal.any([isOver.signal, broken])),
      ),
    );
    // Somebody waits for it in any case, below.
    work.catch((thrown: unknown) => lost.abort(thrown));
    const lengthMs = options.seconds * 1000;
    const schedule =
      options.schedule === 'random' ? randomSchedule(options.seed, lengthMs) : oneOfEach(lengthMs);
    faults = await runFaults({ cluster, faults: schedule, lengthMs, signal: broken, say });
    isOver.abort();
    await work;
    say('all faults are over: healing');
    await cluster.heal();
    const { tookMs, records } = await untilHealed(cluster.nodes, broken);
    say(`healed in ${(tookMs / 1000).toFixed(1)} s: ${records} records on each node`);
    await using last = createClient({
      nodes: cluster.nodes.map(({ url }) => url),
      timeoutMs: LAST_READS_TIMEOUT_MS,
    });
    await readEverything(last, options.clients, recorder);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    if (failures.length === 0) failures.push(toMendlogError(thrown).message);
  } finally {
    await Promise.all(clients.map(({ client }) => client.close()));
  }
  failures.push(...tally.unexpected);
  const history = recorder.history();
  return { history, faults, tally, reports: [...checkHistory(history), ...judge.reports()], failures };
}

/** It knows only the node beside it, and finds the others where that one says they are. */
function clientBeside(
  cluster: Cluster,
  number: number,
): { readonly client: Client; readonly number: number } {
  const node = neighbourOf(number);
  const url = cluster.network.urlsFor(node)[node];
  if (url === undefined) throw new MendlogError('INTERNAL', `${node} has no address`);
  return { client: createClient({ nodes: [url], timeoutMs: CALL_TIMEOUT_MS }), number };
}
