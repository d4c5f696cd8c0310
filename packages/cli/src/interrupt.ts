/** Signals as an AbortSignal. Repeated ones change nothing: under npm a Ctrl-C arrives more than once. */

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

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
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort(new Interrupted(signal)));
  }
  return controller.signal;
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
