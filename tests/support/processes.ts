// Which processes of this machine have a text in their command line.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly commandLine: string;
}

/** Command lines that hold the text. A process that has just ended may be missing, one that runs never is. */
export function processesWith(text: string): string[] {
  return processes().flatMap(({ commandLine }) => (commandLine.includes(text) ? commandLine : []));
}

/** The ids of those processes. */
export function pidsWith(text: string): number[] {
  return processes().flatMap(({ pid, commandLine }) => (commandLine.includes(text) ? pid : []));
}

function processes(): Process[] {
  if (!existsSync('/proc/self/cmdline')) {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' });
    return [...stdout.matchAll(/^ *([0-9]+) (.*)$/gm)].map(([, pid, commandLine]) => ({
      pid: Number(pid),
      commandLine: commandLine ?? '',
    }));
  }
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return { pid: Number(pid), commandLine };
      } catch {
        return [];
      }
    });
}
