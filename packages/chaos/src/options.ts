/** The options of the command, checked before anything is started. */
import { parseArgs } from 'node:util';
import { MendlogError } from '@mendlog/core';

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  /** Of the history. Undefined: in the run's temporary folder, which stays where something was violated. */
  readonly history: string | undefined;
  readonly schedule: Schedule;
}

const SCHEDULES = ['random', 'one-of-each'] as const;
type Schedule = (typeof SCHEDULES)[number];

export const USAGE =
  'npm run chaos -- [--seconds 60] [--seed N] [--history FILE] [--clients 8] [--schedule random|one-of-each]';

const SECONDS = { least: 5, most: 86_400 };
const SEED = { least: 0, most: 2 ** 32 - 1 };
const CLIENTS = { least: 1, most: 64 };

/** Throws BAD_CONFIG with one sentence. `randomSeed` is taken where none is given. */
export function parseOptions(args: readonly string[], randomSeed: number): ChaosOptions {
  const given = parsed(args);
  const schedule = SCHEDULES.find((one) => one === given.schedule);
  if (schedule === undefined)
    throw new MendlogError(
      'BAD_CONFIG',
      `--schedule is "${given.schedule}": expected ${SCHEDULES.join(' or ')}`,
    );
  return {
    seconds: integer('--seconds', given.seconds, SECONDS),
    seed: given.seed === undefined ? randomSeed : integer('--seed', given.seed, SEED),
    clients: integer('--clients', given.clients, CLIENTS),
    history: given.history,
    schedule,
  };
}

/** What to type to have the same faults at the same times again. */
export function replayCommand({ seconds, seed, clients, schedule }: ChaosOptions): string {
  const more = schedule === 'random' ? '' : ` --schedule ${schedule}`;
  return `npm run chaos -- --seconds ${seconds} --seed ${seed} --clients ${clients}${more}`;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string' },
        clients: { type: 'string', default: '8' },
        history: { type: 'string' },
        schedule: { type: 'string', default: 'random' },
      },
    }).values;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MendlogError('BAD_CONFIG', why.replaceAll('\n', ' '), { cause });
  }
}

function integer(option: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new MendlogError(
    'BAD_CONFIG',
    `${option} is "${text}": expected an integer from ${least} to ${most}`,
  );
}
