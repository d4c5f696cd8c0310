/**
 * Turns by the clock: several runs of the benchmark on one machine, each with a cluster of its own that is up all the
 * time, have load on it one after the other. So what two builds get is of the same minutes, which on a machine that is
 * not equally fast in all of them shows a difference of a percent.
 */

/** One of so many runs, from 0 on. */
export interface Turn {
  readonly number: number;
  readonly of: number;
}

const TURN_MS = 2500;
/** What the turn before has left under way ends, and the processor's caches fill. */
const SETTLING_MS = 300;
/** A window ends before its turn does. */
const MARGIN_MS = 50;

/** The windows of a run of so many seconds: one in each of its turns, at least one. */
export function windowsInTurns({ of }: Turn, seconds: number): { count: number; seconds: number } {
  return {
    count: Math.max(1, Math.floor((seconds * 1000) / (of * TURN_MS))),
    seconds: (TURN_MS - SETTLING_MS - MARGIN_MS) / 1000,
  };
}

/** Until the turn comes; 0 while it goes on. */
export function untilTurnMs({ number, of }: Turn, nowMs: number): number {
  const sinceBeginMs = sinceMs(number * TURN_MS, of, nowMs);
  return sinceBeginMs < TURN_MS ? 0 : of * TURN_MS - sinceBeginMs;
}

/** Until the next window of the turn can begin. */
export function untilWindowMs({ number, of }: Turn, nowMs: number): number {
  const sinceBeginMs = sinceMs(number * TURN_MS + SETTLING_MS, of, nowMs);
  return sinceBeginMs === 0 ? 0 : of * TURN_MS - sinceBeginMs;
}

/** Since the last time at which a round was so far. */
function sinceMs(inRoundMs: number, of: number, nowMs: number): number {
  const roundMs = of * TURN_MS;
  return (((nowMs - inRoundMs) % roundMs) + roundMs) % roundMs;
}
