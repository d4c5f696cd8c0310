// The `mendlog` command as a process, with what it prints and how it ends.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const MAIN = resolve(import.meta.dirname, '../../packages/cli/dist/main.js');

export interface Ending {
  /** Null where a signal ended the process. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Command extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when the process has ended and all its output is here. */
  readonly ended: Promise<Ending>;
  /** Sends a signal to the process alone. */
  kill(signal: NodeJS.Signals): void;
  /** Sends a signal to the process and all its children, as a terminal does with Ctrl-C. */
  killGroup(signal: NodeJS.Signals): void;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts `mendlog` with these arguments, in a process group of its own. What is left at the end is killed. */
export function mendlog(args: readonly string[], options: CommandOptions = {}): Command {
  return startCommand(process.execPath, [MAIN, ...args], options);
}

/** Starts any program in the same way. Of Mendlog's own variables it sees only those that are given here. */
export function startCommand(
  program: string,
  args: readonly string[],
  { env: given, cwd }: CommandOptions = {},
): Command {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MENDLOG_'));
  const env = { ...Object.fromEntries(inherited), ...given };
  const child = spawn(program, args, { env, cwd, detached: true });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('close', (status, signal) => resolve({ status, signal, ...output }));
  });
  const killGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The whole group has ended.
    }
  };
  return {
    pid,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    ended,
    kill: (signal) => void child.kill(signal),
    killGroup,
    async [Symbol.asyncDispose]() {
      killGroup('SIGKILL');
      await ended;
    },
  };
}

/** Runs `mendlog` to its end. */
export async function runMendlog(args: readonly string[], options: CommandOptions = {}): Promise<Ending> {
  await using command = mendlog(args, options);
  return await command.ended;
}
