#!/usr/bin/env node
/**
 * Judges a file with a history: `node packages/sim/dist/check-history.js FILE`.
 *
 * Status 0 where every check holds, 1 where one is violated, 2 where the file could not be judged.
 */
import { createReadStream } from 'node:fs';
import { checkHistory } from './checkers/check-history.js';
import { describeReport } from './checkers/describe-report.js';
import type { History } from './history/history.js';
import { readHistory } from './history/read-history.js';

const VIOLATED = 1;
const NOT_JUDGED = 2;

async function run(args: readonly string[]): Promise<number> {
  const [file, ...others] = args;
  if (file === undefined || others.length > 0) return refuse('usage: check-history FILE');
  let history: History;
  try {
    history = await readHistory(createReadStream(file));
  } catch (error) {
    return refuse(`${file}: ${error instanceof Error ? error.message : error}`);
  }
  const reports = checkHistory(history);
  console.log(summaryOf(history));
  for (const line of reports.flatMap(describeReport)) console.log(line);
  return reports.every(({ violationCount }) => violationCount === 0) ? 0 : VIOLATED;
}

function refuse(sentence: string): number {
  console.error(`check-history: ${sentence}`);
  return NOT_JUDGED;
}

function summaryOf({ operations, finals }: History): string {
  const count = (outcome: string) => operations.filter((operation) => operation.outcome === outcome).length;
  const clients = new Set(operations.map(({ client }) => client)).size;
  return `${operations.length} operations of ${clients} clients (${count('ok')} ok, ${count('fail')} fail, ${count('unknown')} unknown), ${finals.size} final reads`;
}

process.exitCode = await run(process.argv.slice(2));
