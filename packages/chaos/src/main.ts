#!/usr/bin/env node
/**
 * The chaos command: `npm run chaos -- --seconds 60 --seed 7 --history FILE`.
 *
 * Status 0 where every check holds; 1 where one is violated, and then the history and the nodes' data stay; 2 where
 * the run could not be made; 128 and its number where a signal ended it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { toMendlogError } from '@mendlog/core';
import { describeResult, violationsOf } from './describe-result.js';
import { parseOptions, replayCommand, USAGE } from './options.js';
import { runChaos } from './run-chaos.js';

const VIOLATED = 1;
const NOT_RUN = 2;

class Interrupted extends Error {
  readonly exitStatus: number;

  constructor(signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.exitStatus = 128 + constants.signals[signal];
  }
}

async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = parseOptions(args, Math.floor(Math.random() * 2 ** 32));
  const folder = mkdtempSync(join(tmpdir(), 'mendlog-chaos-'));
  const historyFile = options.history ?? join(folder, 'history.jsonl');
  const replay = replayCommand(options);
  console.log(`seed ${options.seed}, ${options.seconds} s, ${options.clients} clients`);
  let isKept = false;
  try {
    const result = await runChaos({ options, folder, historyFile, signal, say: (line) => console.log(line) });
    isKept = violationsOf(result) > 0;
    if (isKept) {
      console.log(`The same faults again: ${replay}`);
      console.log(`The history is ${historyFile}, and the nodes' data lie in ${folder}.`);
    }
    for (const line of describeResult(result)) console.log(line);
    return isKept ? VIOLATED : 0;
  } finally {
    if (!isKept) rmSync(folder, { recursive: true, force: true });
  }
}

const controller = new AbortController();
for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
  process.on(name, () => controller.abort(new Interrupted(name)));
try {
  process.exitCode = await run(process.argv.slice(2), controller.signal);
} catch (thrown) {
  if (controller.signal.reason instanceof Interrupted) process.exitCode = controller.signal.reason.exitStatus;
  else {
    const error = toMendlogError(thrown);
    console.error(`chaos: ${error.message}${error.code === 'BAD_CONFIG' ? `; ${USAGE}` : ''}`);
    process.exitCode = NOT_RUN;
  }
}
