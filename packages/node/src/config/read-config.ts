/**
 * Settings from a file, the environment and the options of a command, checked, and merged into one.
 *
 *   options > environment > file > default
 *
 * Each source is checked on its own, also where a stronger one overrides it, so that a mistake is told
 * with the place where it was made.
 */
import { MendlogError } from '@mendlog/core';
import { nearestName } from './nearest-name.js';
import { type Config, factsOf, isSettingKey, SETTING_KEYS, type SettingKey, Settings } from './settings.js';

/** Checked values by key. */
export type Source = ReadonlyMap<SettingKey, unknown>;

const PREFIX = 'MENDLOG_';
/** Variables that are no settings: the secret is in no file of settings, and the others are for tests and tools. */
const OTHER_VARIABLES: readonly string[] = [
  'MENDLOG_CLUSTER_SECRET',
  'MENDLOG_LOG_LEVEL',
  'MENDLOG_TEST_SEED',
  'MENDLOG_FUZZ_SEED',
  'MENDLOG_UPDATE_DOCS',
  'MENDLOG_DASHBOARDS',
];

/** Settings that have an option of the command line. */
const OPTIONS: Partial<Record<SettingKey, string>> = {
  id: '--id',
  dataDir: '--data',
  listen: '--listen',
  peers: '--peer',
  secretFile: '--secret-file',
  'ports.base': '--base-port',
};

export function optionOf(key: SettingKey): string {
  return OPTIONS[key] ?? `the option for ${key}`;
}

const SECTIONS = [...new Set(SETTING_KEYS.flatMap((key) => /^(.+)\./.exec(key)?.[1] ?? []))];

/** `merkle.segmentSize` is MENDLOG_MERKLE_SEGMENT_SIZE. */
export function variableOf(key: SettingKey): string {
  return PREFIX + key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase();
}

/** What a file holds. `name` is the file's, for messages. Throws BAD_CONFIG. */
export function settingsOfFile(text: string, name: string): Source {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replaceAll('\n', ' ') : 'it cannot be parsed';
    throw new MendlogError('BAD_CONFIG', `${name} is not JSON: ${why}`, { cause });
  }
  if (!isSection(content)) throw new MendlogError('BAD_CONFIG', `${name} does not hold a JSON object`);
  const found = new Map<SettingKey, unknown>();
  addSection(content, '', { found, name });
  return found;
}

/** What the MENDLOG_ variables say. Throws BAD_CONFIG. */
export function settingsOfEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const keyOf = new Map(SETTING_KEYS.map((key) => [variableOf(key), key]));
  const found = new Map<SettingKey, unknown>();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || OTHER_VARIABLES.includes(variable)) continue;
    const key = keyOf.get(variable);
    if (key === undefined) {
      const nearest = nearestName(variable, [...keyOf.keys(), 'MENDLOG_CLUSTER_SECRET', 'MENDLOG_LOG_LEVEL']);
      throw new MendlogError('BAD_CONFIG', `unknown variable ${variable}: did you mean ${nearest}?`);
    }
    found.set(key, checked(key, valueFromText(text, key), { where: variable, shown: text }));
  }
  return found;
}

/** What the options of a command say; `undefined` is an option that was not given. Throws BAD_CONFIG. */
export function settingsOfOptions(options: Readonly<Partial<Record<SettingKey, unknown>>>): Source {
  const found = new Map<SettingKey, unknown>();
  for (const key of SETTING_KEYS) {
    const value = options[key];
    if (value !== undefined) found.set(key, checked(key, value, { where: optionOf(key) }));
  }
  return found;
}

/** The first source is the strongest. */
export function mergeSettings(sources: readonly Source[]): Config {
  const merged = new Map(sources.toReversed().flatMap((source) => [...source]));
  return Object.freeze(Settings.parse(Object.fromEntries(merged)));
}

type Section = Readonly<Record<string, unknown>>;

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function addSection(
  section: Section,
  prefix: string,
  into: { found: Map<SettingKey, unknown>; name: string },
): void {
  const { found, name } = into;
  for (const [part, value] of Object.entries(section)) {
    const key = prefix + part;
    if (isSettingKey(key)) {
      found.set(key, checked(key, value, { where: `${key} in ${name}` }));
    } else if (SECTIONS.includes(key)) {
      if (!isSection(value)) {
        throw new MendlogError('BAD_CONFIG', `${key} in ${name} is ${shownAs(value)}: expected an object`);
      }
      addSection(value, `${key}.`, into);
    } else {
      const nearest = nearestName(key, [...SETTING_KEYS, ...SECTIONS]);
      throw new MendlogError('BAD_CONFIG', `unknown key ${key} in ${name}: did you mean ${nearest}?`);
    }
  }
}

function checked(
  key: SettingKey,
  value: unknown,
  { where, shown = value }: { where: string; shown?: unknown },
): unknown {
  // Absent is for the schema to fill; here something was said.
  const isGood = value !== undefined && Settings.shape[key].safeParse(value).success;
  if (isGood) return value;
  throw new MendlogError('BAD_CONFIG', `${where} is ${shownAs(shown)}: expected ${factsOf(key).expected}`);
}

const SHOWN_CHARACTERS_MAX = 80;

function shownAs(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing';
  return json.length <= SHOWN_CHARACTERS_MAX ? json : `${json.slice(0, SHOWN_CHARACTERS_MAX)}...`;
}

/** The value that a variable's text stands for; undefined where it stands for none. */
function valueFromText(text: string, key: SettingKey): unknown {
  switch (factsOf(key).form) {
    case 'text':
      return text;
    case 'list':
      return text.split(',');
    case 'number':
      return /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
    case 'urls':
      return urlsOf(text);
  }
}

function urlsOf(text: string): Record<string, string> | undefined {
  const pairs = text.split(',').map((pair) => /^([^=]+)=(.+)$/.exec(pair));
  const urls = new Map<string, string>();
  for (const pair of pairs) {
    if (pair?.[1] === undefined || pair[2] === undefined) return undefined;
    urls.set(pair[1], pair[2]);
  }
  return Object.fromEntries(urls);
}
