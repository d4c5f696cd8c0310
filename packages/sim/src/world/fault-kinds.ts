/** The kinds of faults, and how often each has happened. */

export const FAULT_KINDS = [
  'partition',
  'one-way partition',
  'heartbeats lost',
  'message lost',
  'message late',
  'message twice',
  'message after heal',
  'connection lost',
  'slow network',
  'pause',
  'crash, tail lost',
  'crash, tail kept',
  'closed',
  'power cut',
  'disk lost',
  'disk full',
  'slow disk',
  'queue full',
  'record damaged',
  'clock apart',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type FaultCounts = Record<FaultKind, number>;

export function noFaults(): FaultCounts {
  return Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as FaultCounts;
}
