/**
 * Which faults come when, from a seed. Faults overlap, so that a node dies while another one is cut off; but for at
 * least half of any time from the start two nodes run, hear each other and have had time to recover: a run in
 * which nothing succeeds proves nothing.
 */

import { Seeded } from '@mendlog/core/conformance';
import { canProgress, FAULT_KINDS, type Fault, type FaultKind, NODE_IDS, silences } from './fault.js';

/** Nothing happens at first: the clients find their nodes. */
const CALM_MS = 500;
/** How long after a fault nodes may take to find each other: a heartbeat that is missing counts after 1.5 s. */
const RECOVERY_MS = 1500;
const TRIES_MAX = 20;
/** Of a schedule; far above what a run of a day has. */
const FAULTS_MAX = 100_000;

const WEIGHTS: readonly (readonly [kind: FaultKind, weight: number])[] = [
  ['kill', 4],
  ['kill-all', 1],
  ['wipe', 2],
  ['stop', 3],
  ['isolate', 4],
  ['refuse', 2],
  ['split', 5],
  ['one-way', 3],
  ['slow', 2],
];

export function randomSchedule(seed: number, lengthMs: number): Fault[] {
  const seeded = new Seeded(seed);
  const faults: Fault[] = [];
  for (let nowMs = CALM_MS; nowMs < lengthMs && faults.length < FAULTS_MAX; ) {
    const fault = nextFault(seeded, faults, { nowMs, lengthMs });
    if (fault === undefined) nowMs += RECOVERY_MS;
    else {
      faults.push(fault);
      // One of three is met by the next one.
      const isMet = seeded.below(3) === 0;
      nowMs += isMet ? seeded.between(0, fault.forMs) : fault.forMs + seeded.between(100, 2000);
    }
  }
  return faults;
}

/** One fault of each kind, one after another, the same in each run of this length. */
export function oneOfEach(lengthMs: number): Fault[] {
  const eachMs = Math.floor((lengthMs - CALM_MS) / FAULT_KINDS.length);
  return FAULT_KINDS.map((kind, i) => ({
    ...subjectOf(new Seeded(i), kind),
    kind,
    atMs: CALM_MS + i * eachMs,
    forMs: Math.floor(eachMs * 0.6),
  }));
}

/** Undefined where none was found that the faults so far allow. */
function nextFault(
  seeded: Seeded,
  faults: readonly Fault[],
  { nowMs, lengthMs }: { nowMs: number; lengthMs: number },
): Fault | undefined {
  for (let i = 0; i < TRIES_MAX; i++) {
    const kind = seeded.weighted(WEIGHTS);
    const wantedMs = kind === 'kill-all' ? seeded.between(100, 1000) : seeded.between(300, 4000);
    const forMs = Math.min(wantedMs, lengthMs - nowMs);
    const fault = { ...subjectOf(seeded, kind), kind, atMs: nowMs, forMs };
    if (faults.some((other) => isOneTooMany(other, fault))) continue;
    if (blockedMs([...faults, fault]) <= (nowMs + forMs) / 2) return fault;
  }
  return undefined;
}

function subjectOf(seeded: Seeded, kind: FaultKind): Pick<Fault, 'nodes' | 'delayMs'> {
  if (kind === 'kill-all') return { nodes: NODE_IDS };
  const first = seeded.of(NODE_IDS);
  if (kind === 'slow') return { nodes: [first], delayMs: seeded.between(10, 300) };
  if (kind !== 'split' && kind !== 'one-way') return { nodes: [first] };
  return { nodes: [first, seeded.of(NODE_IDS.filter((node) => node !== first))] };
}

/** A process is not stopped while it is killed, nor the other way round. */
function isOneTooMany(earlier: Fault, fault: Fault): boolean {
  if (earlier.atMs + earlier.forMs < fault.atMs) return false;
  return fault.nodes.some((node) => silences(earlier, node) && silences(fault, node));
}

/** How long no two nodes run and hear each other, what they need to recover included. */
export function blockedMs(faults: readonly Fault[]): number {
  const edges = faults.flatMap(({ atMs, forMs }) => [atMs, atMs + forMs + RECOVERY_MS]).sort((a, b) => a - b);
  let sum = 0;
  for (const [i, fromMs] of edges.entries()) {
    const toMs = edges[i + 1] ?? fromMs;
    const active = faults.filter(({ atMs, forMs }) => atMs <= fromMs && fromMs < atMs + forMs + RECOVERY_MS);
    if (toMs > fromMs && !canProgress(active)) sum += toMs - fromMs;
  }
  return sum;
}
