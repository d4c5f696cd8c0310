/** The options of the cluster benchmark, checked: a run of minutes is not begun with a mistake in it. */
import { parseArgs } from 'node:util';
import { MendlogError } from '@mendlog/core';
import { MODES } from './modes.js';

export interface ClusterBenchOptions {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Measured one after another, each with a cluster of its own. */
  readonly outstanding: readonly number[];
  readonly partitions: number;
  /** A name of `MODES`. */
  readonly mode: string;
  /** Kept at the end. Undefined: a temporary folder that is removed. */
  readonly folder: string | undefined;
  /** File for the result. */
  readonly json: string | undefined;
  readonly isProfiled: boolean;
}

export const USAGE =
  'node bench/dist/cluster.js [--seconds 60] [--warm-up 10] [--outstanding 1,64,1024] [--partitions 256] ' +
  `[--mode ${[...MODES.keys()].join('|')}] [--folder DIR] [--json FILE] [--profile]`;

const SECONDS_MAX = 86_400;
const OUTSTANDING_MAX = 100_000;
const PARTITIONS_MAX = 100_000;
const LEVELS_MAX = 20;

/** Throws BAD_CONFIG with one sentence. */
export function parseOptions(args: readonly string[]): ClusterBenchOptions {
  const given = parsed(args);
  const outstanding = given.outstanding
    .split(',')
    .map((text) => integer('--outstanding', text, OUTSTANDING_MAX));
  if (outstanding.length > LEVELS_MAX)
    throw new MendlogError('BAD_CONFIG', `--outstanding has over ${LEVELS_MAX} numbers: name fewer`);
  const twice = outstanding.find((level, i) => outstanding.indexOf(level) < i);
  if (twice !== undefined)
    throw new MendlogError('BAD_CONFIG', `--outstanding has ${twice} twice: measure it in another run`);
  if (!MODES.has(given.mode)) {
    const known = [...MODES.keys()].join(', ');
    throw new MendlogError('BAD_CONFIG', `--mode is "${given.mode}": expected one of ${known}`);
  }
  return {
    seconds: number('--seconds', given.seconds, { least: 0.1, most: SECONDS_MAX }),
    warmUpSeconds: number('--warm-up', given['warm-up'], { least: 0, most: SECONDS_MAX }),
    outstanding,
    partitions: integer('--partitions', given.partitions, PARTITIONS_MAX),
    mode: given.mode,
    folder: given.folder,
    json: given.json,
    isProfiled: given.profile,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '60' },
        'warm-up': { type: 'string', default: '10' },
        outstanding: { type: 'string', default: '1,64,1024' },
        partitions: { type: 'string', default: '256' },
        mode: { type: 'string', default: 'append' },
        folder: { type: 'string' },
        json: { type: 'string' },
        profile: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MendlogError('BAD_CONFIG', why.replaceAll('\n', ' '), { cause });
  }
}

function number(option: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new MendlogError(
      'BAD_CONFIG',
      `${option} is "${text}": expected a number from ${least} to ${most}`,
    );
  return value;
}

function integer(option: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(Number.isInteger(value) && value >= 1 && value <= most))
    throw new MendlogError('BAD_CONFIG', `${option} has "${text}": expected integers from 1 to ${most}`);
  return value;
}
