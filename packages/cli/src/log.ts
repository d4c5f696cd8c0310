/** The log of a process: JSON lines on standard error, by pino. */
import type { Log } from '@mendlog/node';
import { destination, pino } from 'pino';

export function processLog(name: string): Log {
  const logger = pino(
    { name, level: process.env.MENDLOG_LOG_LEVEL ?? 'info' },
    destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, facts) => logger.debug(facts ?? {}, message),
    info: (message, facts) => logger.info(facts ?? {}, message),
    warn: (message, facts) => logger.warn(facts ?? {}, message),
  };
}
