/**
 * One line of a history, read strictly: what is not as documented is an error, because a checker that passes over
 * what it does not understand accepts what it never looked at.
 */
import { checkPartitionName, LIMITS, MendlogError, parseRecordId, putKey, type Version } from '@mendlog/core';
import {
  type FinalRead,
  type FinalRecord,
  HISTORY_LIMITS,
  type HistoryLine,
  OPERATION_KINDS,
  type Operation,
  OUTCOMES,
} from './history-line.js';

const OPERATION_FIELDS = [
  'client',
  'op',
  'partition',
  'key',
  'value',
  'version',
  'start',
  'end',
  'outcome',
] as const;
const FINAL_FIELDS = ['op', 'partition', 'records'] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Reads one line, without its line feed. Throws MALFORMED, or TOO_LARGE for one over a limit. */
export function parseLine(text: string): HistoryLine {
  if (text.length > HISTORY_LIMITS.lineBytesMax) {
    throw new MendlogError('TOO_LARGE', `a line has at most ${HISTORY_LIMITS.lineBytesMax} bytes`);
  }
  const fields = fieldsOf(text);
  return fields.op === 'final' ? finalRead(fields) : operation(fields);
}

function malformed(message: string, cause?: unknown): MendlogError {
  return new MendlogError('MALFORMED', message, { cause });
}

function fieldsOf(text: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw malformed('it is not JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformed('it is not a JSON object');
  }
  return { ...parsed };
}

function checkNames(fields: Fields, names: readonly string[]): void {
  for (const name of names) if (!Object.hasOwn(fields, name)) throw malformed(`"${name}" is missing`);
  for (const name of Object.keys(fields)) {
    if (!names.includes(name)) throw malformed(`${shown(name)} is no field of it`);
  }
}

function operation(fields: Fields): Operation {
  const op = oneOf(OPERATION_KINDS, 'op', fields.op, 'put, get, delete, append or final');
  checkNames(fields, OPERATION_FIELDS);
  const read: Operation = {
    client: wholeNumber('client', fields.client),
    op,
    partition: partitionName(fields.partition),
    key: keyOf(fields.key),
    value: fields.value === null ? null : valueText('value', fields.value),
    version: fields.version === null ? null : versionOf('version', fields.version),
    start: wholeNumber('start', fields.start),
    end: fields.end === null ? null : wholeNumber('end', fields.end),
    outcome: oneOf(OUTCOMES, 'outcome', fields.outcome, 'ok, fail or unknown'),
  };
  checkTogether(read);
  return read;
}

/** What the fields of one operation have to do with each other. Throws MALFORMED. */
function checkTogether({ op, key, value, version, start, end, outcome }: Operation): void {
  if ((op === 'append') !== (key === null)) {
    throw malformed(op === 'append' ? 'an append has a "key" of null' : `a ${op} has a "key"`);
  }
  if ((op === 'put' || op === 'append') && value === null) throw malformed(`a ${op} has a "value"`);
  if (op === 'delete' && value !== null) throw malformed('a delete has a "value" of null');
  if (op === 'get' && outcome !== 'ok' && value !== null) {
    throw malformed('a get that is not ok has a "value" of null: it returned none');
  }
  if (outcome !== 'ok' && version !== null) throw malformed('"version" is null where the outcome is not ok');
  if (outcome === 'ok' && op === 'append' && version === null) {
    throw malformed('an append that is ok has a "version"');
  }
  if (end === null && outcome !== 'unknown') throw malformed('"end" is null only where "outcome" is unknown');
  if (end !== null && end < start) throw malformed('"end" is before "start"');
}

function finalRead(fields: Fields): FinalRead {
  checkNames(fields, FINAL_FIELDS);
  const { partition, records } = fields;
  if (!Array.isArray(records)) throw malformed('"records" is an array');
  return { op: 'final', partition: partitionName(partition), records: records.map(finalRecord) };
}

function finalRecord(pair: unknown, index: number): FinalRecord {
  const name = `records[${index}]`;
  if (!Array.isArray(pair) || pair.length !== 2) throw malformed(`"${name}" is a pair of version and value`);
  return { version: versionOf(`${name}[0]`, pair[0]), value: valueText(`${name}[1]`, pair[1]) };
}

function oneOf<T extends string>(known: readonly T[], name: string, given: unknown, list: string): T {
  const found = known.find((word) => word === given);
  if (found === undefined) throw malformed(`"${name}" is ${list}, not ${shown(given)}`);
  return found;
}

function wholeNumber(name: string, given: unknown): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given;
  throw malformed(`"${name}" is an integer from 0 to 2^53 - 1, not ${shown(given)}`);
}

function partitionName(given: unknown): string {
  if (typeof given !== 'string') throw malformed(`"partition" is text, not ${shown(given)}`);
  return explained('partition', given, checkPartitionName);
}

function keyOf(given: unknown): string | null {
  if (given === null) return null;
  if (typeof given !== 'string') throw malformed(`"key" is text or null, not ${shown(given)}`);
  return explained('key', given, putKey);
}

/** The text, where `check` has no objection. */
function explained(name: string, text: string, check: (text: string) => unknown): string {
  try {
    check(text);
    return text;
  } catch (cause) {
    if (!(cause instanceof MendlogError)) throw cause;
    throw malformed(`"${name}": ${cause.message}`, cause);
  }
}

function valueText(name: string, given: unknown): string {
  if (typeof given !== 'string') throw malformed(`"${name}" is text, not ${shown(given)}`);
  if (given.length <= LIMITS.valueBytesMax) return given;
  throw new MendlogError('TOO_LARGE', `"${name}" has at most ${LIMITS.valueBytesMax} characters`);
}

function versionOf(name: string, given: unknown): Version {
  try {
    const { counter, origin } = parseRecordId(typeof given === 'string' ? given : '');
    if (origin !== undefined) return { counter, origin };
  } catch (cause) {
    if (!(cause instanceof MendlogError)) throw cause;
  }
  throw malformed(`"${name}" is a version such as 1042-0k3v9x2m7q1ab, not ${shown(given)}`);
}

const SHOWN_MAX = 60;

function shown(given: unknown): string {
  const text = JSON.stringify(given) ?? 'nothing';
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
