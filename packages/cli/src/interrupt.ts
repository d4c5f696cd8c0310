/**
 * Signals as an AbortSignal. Repeated ones change nothing: under npm a Ctrl-C arrives more than once.
 *
 * Standard output that nobody reads any more counts as one: `mendlog ... | head -1` ends like that.
 */

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 } as const;

export class Interrupted extends Error {
  /** What a shell expects of a process that a signal ended. */
  readonly exitStatus: number;

  constructor(signal: keyof typeof NUMBERS) {
    super(`interrupted by ${signal}`);
    this.exitStatus = 128 + NUMBERS[signal];
  }
}

/** Aborts, with an Interrupted as the reason, when the process is asked to end. */
export function untilSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort(new Interrupted(signal)));
  }
  process.stdout.on('error', () => controller.abort(new Interrupted('SIGPIPE')));
  return controller.signal;
}

/** The work's outcome, or the signal's reason as a rejection if that comes first. */
export async function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return await Promise.race([work, aborted]);
}

/** Resolves when the signal aborts, or when standard input ends, where that is asked for. */
export async function untilStopped(signal: AbortSignal, options: { withStdin: boolean }): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (!options.withStdin) return;
    process.stdin.on('end', resolve);
    process.stdin.on('error', resolve);
    process.stdin.resume();
  });
  process.stdin.destroy();
}
