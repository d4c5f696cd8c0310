/** Runs the simulator with one mutation, in a process of its own, until it is found. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutation.js';

export interface MutationRun {
  /** Seeds that were run; where it was found, the last of them has found it. */
  readonly seeds: number;
  /** Of the violations of that seed; empty where it was not found. */
  readonly invariants: readonly string[];
  readonly output: string;
}

/** Mutations are of built code, whoever asks for them. */
const DIST = new URL('../../dist/', import.meta.url);
const REGISTER = new URL('mutations/register.js', DIST).href;
const MAIN = fileURLToPath(new URL('main.js', DIST));

/** Rejects where the simulator ended in another way than by telling what it found. */
export function runMutation({ name, seeds }: Pick<Mutation, 'name' | 'seeds'>): Promise<MutationRun> {
  const args = ['--import', REGISTER, MAIN, '--seeds', String(seeds), '--stop-at-first', '--no-trace'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, MENDLOG_SIM_MUTATION: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      const runs = /^(\d+) runs .* violations in (\d+) runs$/m.exec(output);
      if (runs === null) return reject(new Error(`mutation ${name}: ${output}`));
      const invariants = [...output.matchAll(/^ {2}(I\d+) {2}/gm)].map(([, invariant]) => String(invariant));
      return resolve({ seeds: Number(runs[1]), invariants: [...new Set(invariants)], output });
    });
  });
}
