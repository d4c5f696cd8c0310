/** The log of a process: JSON lines on standard error, by pino. */
import { MendlogError } from '@mendlog/core';
import type { Log } from '@mendlog/node';
import { destination, pino } from 'pino';

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Throws BAD_CONFIG for a MENDLOG_LOG_LEVEL that is none. */
export function processLog(name: string): Log {
  const level = process.env.MENDLOG_LOG_LEVEL ?? 'info';
  if (!LEVELS.includes(level)) {
    throw new MendlogError(
      'BAD_CONFIG',
      `MENDLOG_LOG_LEVEL is ${JSON.stringify(level)}: expected one of ${LEVELS.join(', ')}`,
    );
  }
  const logger = pino({ name, level }, destination({ dest: 2, sync: true }));
  return {
    debug: (message, facts) => logger.debug(facts ?? {}, message),
    info: (message, facts) => logger.info(facts ?? {}, message),
    warn: (message, facts) => logger.warn(facts ?? {}, message),
  };
}
