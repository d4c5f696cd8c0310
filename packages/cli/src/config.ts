/** The settings of a command: its options, the environment, and mendlog.json. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MendlogError } from '@mendlog/core';
import {
  type Config,
  mergeSettings,
  type SettingKey,
  type Source,
  settingsOfEnvironment,
  settingsOfFile,
  settingsOfOptions,
} from '@mendlog/node/config';
import { whyUnreadable } from './why-unreadable.js';

const DEFAULT_FILE = 'mendlog.json';
const FILE_BYTES_MAX = 1024 * 1024;
/** In a file they are relative to it; elsewhere to the working folder. */
const PATHS: readonly SettingKey[] = ['dataDir', 'secretFile'];

/** What was given on the command line: undefined is an option that was not. */
export type GivenSettings = Readonly<Partial<Record<SettingKey, unknown>>>;

/** Throws BAD_CONFIG with one sentence that says what is wrong and where. */
export function readConfig(given: GivenSettings, configFile: string | undefined): Config {
  const sources = [settingsOfOptions(given), settingsOfEnvironment(process.env)];
  if (configFile !== undefined || existsSync(DEFAULT_FILE))
    sources.push(readFile(configFile ?? DEFAULT_FILE));
  return mergeSettings(sources);
}

function readFile(file: string): Source {
  let text: string;
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Error('it is larger than 1 MiB');
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new MendlogError('BAD_CONFIG', `cannot read the configuration ${file}: ${whyUnreadable(cause)}`, {
      cause,
    });
  }
  const folder = dirname(resolve(file));
  const settings = [...settingsOfFile(text, file)];
  return new Map(
    settings.map(([key, value]) => [key, PATHS.includes(key) ? resolve(folder, String(value)) : value]),
  );
}
