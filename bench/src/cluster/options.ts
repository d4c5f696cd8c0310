/** The options of the cluster benchmark, checked: a run of minutes is not begun with a mistake in it. */
import { parseArgs } from 'node:util';
import { MendlogError } from '@mendlog/core';
import { MODES, REPAIR_MODE } from './modes.js';
import type { Turn } from './turns.js';

export interface ClusterBenchOptions {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Measured one after another, each with a cluster of its own. */
  readonly outstanding: readonly number[];
  readonly partitions: number;
  /** Clients that the calls are spread over, all in this process. */
  readonly clients: number;
  /** What an open loop offers after the closed one; undefined: there is none. */
  readonly rate: Rate | undefined;
  /** Where runs take turns, which of them this is; undefined: it has the machine to itself. */
  readonly turn: Turn | undefined;
  /** A name of `MODES`, or `REPAIR_MODE`. */
  readonly mode: string;
  /** Kept at the end. Undefined: a temporary folder that is removed. */
  readonly folder: string | undefined;
  /** File for the result. */
  readonly json: string | undefined;
  readonly isProfiled: boolean;
}

/** So many calls a second, or so many times as many as the closed loop got. */
export type Rate = { readonly callsPerSecond: number } | { readonly timesPeak: number };

const KNOWN_MODES = [...MODES.keys(), REPAIR_MODE];

export const USAGE =
  'node bench/dist/cluster.js [--seconds 60] [--warm-up 10] [--outstanding 1,64,1024] [--partitions 256] [--clients 1] ' +
  `[--rate 2x|20000] [--turn 1/2] [--mode ${KNOWN_MODES.join('|')}] [--folder DIR] [--json FILE] [--profile]`;

const SECONDS_MAX = 86_400;
const OUTSTANDING_MAX = 100_000;
const PARTITIONS_MAX = 100_000;
const LEVELS_MAX = 20;
const CLIENTS_MAX = 1000;
const RATE_MAX = 10_000_000;
const TIMES_PEAK_MAX = 100;
const TURNS_MAX = 9;

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
  if (!KNOWN_MODES.includes(given.mode)) {
    const known = KNOWN_MODES.join(', ');
    throw new MendlogError('BAD_CONFIG', `--mode is "${given.mode}": expected one of ${known}`);
  }
  if (given.mode === REPAIR_MODE && (given.rate !== undefined || given.profile))
    throw new MendlogError(
      'BAD_CONFIG',
      '--mode repair has one call outstanding: it takes no --rate and no --profile',
    );
  if (given.turn !== undefined && (given.mode === REPAIR_MODE || given.rate !== undefined))
    throw new MendlogError('BAD_CONFIG', `--turn takes no --mode ${REPAIR_MODE} and no --rate`);
  return {
    seconds: number('--seconds', given.seconds, { least: 0.1, most: SECONDS_MAX }),
    warmUpSeconds: number('--warm-up', given['warm-up'], { least: 0, most: SECONDS_MAX }),
    outstanding,
    partitions: integer('--partitions', given.partitions, PARTITIONS_MAX),
    clients: integer('--clients', given.clients, CLIENTS_MAX),
    rate: given.rate === undefined ? undefined : parseRate(given.rate),
    turn: given.turn === undefined ? undefined : parseTurn(given.turn),
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
        clients: { type: 'string', default: '1' },
        rate: { type: 'string' },
        turn: { type: 'string' },
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

function parseRate(text: string): Rate {
  if (text.endsWith('x'))
    return { timesPeak: number('--rate', text.slice(0, -1), { least: 0.1, most: TIMES_PEAK_MAX }) };
  return { callsPerSecond: number('--rate', text, { least: 1, most: RATE_MAX }) };
}

function parseTurn(text: string): Turn {
  const [, turn, of] = (/^([1-9])\/([1-9])$/.exec(text) ?? []).map(Number);
  if (turn === undefined || of === undefined || turn > of)
    throw new MendlogError(
      'BAD_CONFIG',
      `--turn is "${text}": expected one of so many, 1/2 to ${TURNS_MAX}/${TURNS_MAX}`,
    );
  return { number: turn - 1, of };
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
