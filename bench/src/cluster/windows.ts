/**
 * A run is cut into windows, so that a figure comes with its spread, and so that a disturbance by others on the
 * machine shows where it was and not as a slower cluster.
 */

const WINDOW_SECONDS = 5;
/** Seconds of CPU a second that others on the machine may use before a window counts as disturbed. */
const OTHERS_MAX = 0.2;

/** Readings of counters that only rise. */
export interface Reading {
  readonly atMs: number;
  /** Acknowledged until now. */
  readonly records: number;
  /** Seconds of CPU that each process has used. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Seconds of CPU that the whole machine has used. */
  readonly machineSeconds: number;
}

export interface Window {
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** Seconds of CPU a second, by process. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Seconds of CPU a second that everybody else used. */
  readonly others: number;
  readonly isDisturbed: boolean;
}

export interface WindowStatistics {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
  readonly disturbed: number;
  /** Of the windows that nobody has disturbed; undefined where there is none. */
  readonly undisturbedMedian: number | undefined;
  /** Seconds of CPU a second over all windows. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly others: number;
}

/** Windows of about 5 s that are as long as the run together; a shorter run is one window. */
export function windowsOf(seconds: number): { readonly count: number; readonly seconds: number } {
  const count = Math.max(1, Math.round(seconds / WINDOW_SECONDS));
  return { count, seconds: seconds / count };
}

export function windowBetween(before: Reading, after: Reading): Window {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpu = Object.fromEntries(
    Object.entries(after.cpuSeconds).map(([name, used]) => [
      name,
      (used - (before.cpuSeconds[name] ?? 0)) / seconds,
    ]),
  );
  const ours = Object.values(cpu).reduce((sum, used) => sum + used, 0);
  // The clocks of processes and machine tick apart from each other: the difference may be a little below 0.
  const others = Math.max(0, (after.machineSeconds - before.machineSeconds) / seconds - ours);
  return {
    seconds,
    recordsPerSecond: (after.records - before.records) / seconds,
    cpu,
    others,
    isDisturbed: others > OTHERS_MAX,
  };
}

/** Throws a TypeError where there is no window. */
export function statisticsOf(windows: readonly Window[]): WindowStatistics {
  const rates = ratesOf(windows);
  const [lowest, highest] = [rates[0], rates.at(-1)];
  if (lowest === undefined || highest === undefined) throw new TypeError('there is no window');
  const undisturbed = windows.filter(({ isDisturbed }) => !isDisturbed);
  const seconds = windows.reduce((sum, window) => sum + window.seconds, 0);
  const mean = (of: (window: Window) => number) =>
    windows.reduce((sum, window) => sum + of(window) * window.seconds, 0) / seconds;
  const names = Object.keys(windows[0]?.cpu ?? {});
  return {
    median: medianOf(rates),
    lowest,
    highest,
    disturbed: windows.length - undisturbed.length,
    undisturbedMedian: undisturbed.length === 0 ? undefined : medianOf(ratesOf(undisturbed)),
    cpu: Object.fromEntries(names.map((name) => [name, mean(({ cpu }) => cpu[name] ?? 0)])),
    others: mean(({ others }) => others),
  };
}

/** Lowest first. */
function ratesOf(windows: readonly Window[]): number[] {
  return windows.map(({ recordsPerSecond }) => recordsPerSecond).sort((a, b) => a - b);
}

function medianOf(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
