/**
 * What can be done to three nodes and the network between them, and what of them it takes away.
 *
 * A way is one direction between two nodes: the bytes that the first sends to the second, whichever of the two
 * has opened the connection.
 */

export const NODE_IDS = ['node1', 'node2', 'node3'] as const;
export type NodeId = (typeof NODE_IDS)[number];

export const FAULT_KINDS = [
  /** SIGKILL, and a new start at the end. */
  'kill',
  /** SIGKILL to all three at once, and a new start of all at the end. */
  'kill-all',
  /** SIGKILL, and a new start with an empty folder; with its own, where another node has not caught up from such a loss. */
  'wipe',
  /** SIGSTOP, and SIGCONT at the end: its connections stay open, and nobody answers. */
  'stop',
  /** Nothing passes between a node and the two others; what was sent meanwhile arrives at the end. */
  'isolate',
  /** The same, and connections are broken at once: both sides know. */
  'refuse',
  /** Nothing passes between two nodes, and the third reaches both. */
  'split',
  /** Nothing passes from one node to another; the way back is open. */
  'one-way',
  /** What passes between a node and the others takes its time. */
  'slow',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Since the start of the run. */
  readonly atMs: number;
  readonly forMs: number;
  /** Those that it is about: one, for `one-way` and `split` two, for `kill-all` all. */
  readonly nodes: readonly NodeId[];
  /** Of `slow`: how long each piece of bytes takes. */
  readonly delayMs?: number;
}

export interface Way {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** hold: bytes wait; refuse: connections are broken, and no new one comes about. */
export type Passage = 'open' | 'hold' | 'refuse';

/** The ways on which a fault works. */
export function waysOf({ kind, nodes }: Fault): Way[] {
  const [first, second] = nodes;
  if (first === undefined) return [];
  switch (kind) {
    case 'kill':
    case 'kill-all':
    case 'wipe':
    case 'stop':
      return [];
    case 'isolate':
    case 'refuse':
    case 'slow':
      return NODE_IDS.filter((other) => other !== first).flatMap((other) => bothWays(first, other));
    case 'split':
      return second === undefined ? [] : bothWays(first, second);
    case 'one-way':
      return second === undefined ? [] : [{ from: first, to: second }];
  }
}

function bothWays(a: NodeId, b: NodeId): Way[] {
  return [
    { from: a, to: b },
    { from: b, to: a },
  ];
}

export function passageOf({ kind }: Fault): Passage {
  if (kind === 'slow') return 'open';
  return kind === 'refuse' ? 'refuse' : 'hold';
}

/** Whether processes end at once, and start again. */
export function isKill(kind: FaultKind): boolean {
  return kind === 'kill' || kind === 'kill-all' || kind === 'wipe';
}

/** Whether the process of a node does not run while this lasts. */
export function silences({ kind, nodes }: Fault, node: NodeId): boolean {
  return (isKill(kind) || kind === 'stop') && nodes.includes(node);
}

/** Whether two nodes run and hear each other: with these faults a quorum of three can still be had. */
export function canProgress(faults: readonly Fault[]): boolean {
  const closed = new Set(
    faults
      .filter((fault) => passageOf(fault) !== 'open')
      .flatMap((fault) => waysOf(fault).map(({ from, to }) => `${from} ${to}`)),
  );
  const running = NODE_IDS.filter((node) => !faults.some((fault) => silences(fault, node)));
  return running.some((a) =>
    running.some((b) => a !== b && !closed.has(`${a} ${b}`) && !closed.has(`${b} ${a}`)),
  );
}

export function describeFault({ kind, nodes, forMs, delayMs }: Fault): string {
  const delay = delayMs === undefined ? '' : ` by ${delayMs} ms`;
  return `${kind} ${nodes.join(kind === 'one-way' ? ' -> ' : ', ')}${delay} for ${forMs} ms`;
}
