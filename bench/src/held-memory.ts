/**
 * Runs a command on memory that is there. A virtual machine may get its memory from the host when it first touches it,
 * a page at a time and on the processor's time, and what is free for some seconds may be taken back: a run that fills
 * the page cache then measures that too. So this takes memory before, and gives it back while the command runs.
 * `node bench/dist/held-memory.js GIB MIB_PER_SECOND node bench/dist/cluster.js ...`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const USAGE = 'node bench/dist/held-memory.js GIB MIB_PER_SECOND COMMAND [ARGUMENT ...]';
/** More than what malloc keeps for itself: it goes back to the system when it is freed. */
const PIECE_MIB = 64;
const GIB_MAX = 1024;
const MIB_PER_SECOND_MAX = 100_000;

const [gibText = '', rateText = '', command, ...args] = process.argv.slice(2);
const [gib, mibPerSecond] = [Number(gibText), Number(rateText)];
if (!(gib > 0 && gib <= GIB_MAX) || !(mibPerSecond > 0 && mibPerSecond <= MIB_PER_SECOND_MAX) || !command) {
  console.error(
    `held-memory: up to ${GIB_MAX} GiB, up to ${MIB_PER_SECOND_MAX} MiB a second, and a command; ${USAGE}`,
  );
  process.exitCode = 2;
} else await run(command);

async function run(file: string): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const pieces = Array.from({ length: Math.ceil((gib * 1024) / PIECE_MIB) }, () =>
    Buffer.allocUnsafeSlow(PIECE_MIB * 1024 * 1024).fill(1),
  );
  console.log(`${gib} GiB held, given back at ${mibPerSecond} MiB/s`);
  const child = spawn(file, args, { stdio: 'inherit' });
  const ended = new AbortController();
  const giveBack = async () => {
    while (pieces.pop() !== undefined) {
      collect();
      await delay((PIECE_MIB / mibPerSecond) * 1000, undefined, { signal: ended.signal });
    }
  };
  giveBack().catch(() => undefined);
  const exited = once(child, 'exit').catch((error: unknown) => {
    console.error(`held-memory: ${error instanceof Error ? error.message : String(error)}`);
    return [2];
  });
  // The command has the same Ctrl-C, and ends in its own way.
  process.on('SIGINT', () => undefined);
  const [code] = await exited;
  ended.abort();
  process.exitCode = typeof code === 'number' ? code : 1;
}
