#!/usr/bin/env node
/**
 * The `mendlog` command. Each subcommand is one file; this one only reads the arguments. What a
 * subcommand needs is loaded when it runs: the demo, which starts four more processes, needs no node.
 */
import { readFileSync } from 'node:fs';
import { CONSISTENCY_LEVELS, LIMITS, toMendlogError } from '@mendlog/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Interrupted, untilSignal } from './interrupt.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const program = new Command('mendlog').description('a self-healing replicated log').version(version);

// Subcommands take this over, so it comes before them.
program.configureOutput({ outputError: (text, write) => write(usageSentence(text)) });

program
  .command('serve')
  .description('run one node')
  .option('--id <node>', 'id of this node')
  .option('--data <dir>', 'data folder, made where it is not there')
  .option('--listen <host:port>', 'address to listen on')
  .option('--peer <id=url>', 'a node of the cluster, once for each', collectPeer)
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .option('--stop-with-stdin', 'end when standard input ends, as it does when a parent process dies')
  .action((options) => run(async (signal) => await (await import('./serve.js')).runServe(options, signal)));

program
  .command('gateway')
  .description('run a gateway: the API of the cluster, without storage')
  .option('--listen <host:port...>', 'one or more addresses to listen on')
  .option('--peer <id=url>', 'a node of the cluster, once for each', collectPeer)
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .option('--stop-with-stdin', 'end when standard input ends, as it does when a parent process dies')
  .action((options) =>
    run(async (signal) => await (await import('./run-gateway.js')).runGateway(options, signal)),
  );

program
  .command('backup')
  .description('back up the data of a node that does not run')
  .option('--data <dir>', 'data folder of the node')
  .requiredOption('--to <dir>', 'folder of the backup, empty or not there')
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .action((options) => run(async (signal) => await (await import('./backup.js')).runBackup(options, signal)));

program
  .command('check')
  .description('check everything that a node that does not run has on disk')
  .option('--data <dir>', 'data folder of the node')
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .action((options) => run(async (signal) => await (await import('./check.js')).runCheck(options, signal)));

program
  .command('verify-backup <dir>')
  .description('read a backup whole and compare it with what it was made of')
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .action((dir, options) =>
    run(async (signal) => await (await import('./verify-backup.js')).runVerifyBackup(dir, options, signal)),
  );

program
  .command('restore <dir>')
  .description('make a data folder of a backup')
  .requiredOption('--to <dir>', 'data folder to make, empty or not there')
  .option('--id <node>', 'node that the data folder is for (default: the one that was backed up)')
  .action((dir, options) =>
    run(async (signal) => await (await import('./restore.js')).runRestore(dir, options, signal)),
  );

program
  .command('export')
  .description('write a partition of a node that does not run as lines of JSON')
  .option('--data <dir>', 'data folder of the node')
  .requiredOption('--partition <name>', 'partition to export')
  .option('--to <file>', 'file to make (default: standard output)')
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .action((options) => run(async (signal) => await (await import('./export.js')).runExport(options, signal)));

program
  .command('import [file]')
  .description('bring an exported partition into the data of a node that does not run')
  .option('--data <dir>', 'data folder of the node')
  .option('--partition <name>', 'partition that the export has to be of')
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .action((file, options) =>
    run(async (signal) => await (await import('./import.js')).runImport(file, options, signal)),
  );

program
  .command('demo', { isDefault: true })
  .description('run three nodes, break one, and watch the cluster heal')
  .option('--input <file...>', 'log files to write (default: logs found on this machine)')
  .option('--data <dir>', 'keep the data there (default: a temporary folder, removed at the end)')
  .option(
    '--base-port <port>',
    'first of eight ports: gateway, three nodes, gateway (default: 8080)',
    portNumber,
  )
  .option('--secret-file <file>', 'file with the cluster secret (else MENDLOG_CLUSTER_SECRET)')
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .option('--exit', 'end after the story in place of serving on')
  .option('--json', 'print the result as one JSON object in the last line')
  .action((options) =>
    run(async (signal) => await (await import('./demo/demo.js')).runDemo(options, signal)),
  );

program
  .command('load-test')
  .description('write to a running cluster as fast as it goes, and measure')
  .option('--seconds <n>', 'how long', numberFrom(0.1, 86_400), 20)
  .option('--writers <n>', 'writers, each awaiting one call after another', integerFrom(1, 100_000), 256)
  .option('--value-bytes <n>', 'bytes of a value', integerFrom(0, LIMITS.valueBytesMax), 256)
  .option('--partitions <n>', 'partitions that the writers share', integerFrom(1, 100_000), 16)
  .addOption(
    new Option('--consistency <level>', 'level of every call').choices(CONSISTENCY_LEVELS).default('QUORUM'),
  )
  .option('--read-share <share>', 'share of the calls that are reads, 0 to 1', numberFrom(0, 1), 0)
  .option('--base-port <port>', 'first port of the cluster: its gateway (default: 8080)', portNumber)
  .option('--config <file>', 'file with settings (default: mendlog.json, where it is there)')
  .option('--json', 'print the result as one JSON object in the last line')
  .action((options) =>
    run(async (signal) => await (await import('./load-test/load-test.js')).runLoadTest(options, signal)),
  );

program
  .command('integration-test')
  .description('start a cluster on free ports, break it in every way, and check that it heals')
  .action(() =>
    run(
      async (signal) =>
        await (await import('./integration-test/integration-test.js')).runIntegrationTest(signal),
    ),
  );

const [word] = process.argv.slice(2);
if (word !== undefined && !word.startsWith('-') && !isCommand(word))
  program.error(`unknown command '${word}'`);
await program.parseAsync();

/** A command ends by itself, by a signal, or with one sentence that says why not. */
async function run(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const signal = untilSignal();
  try {
    process.exitCode = await command(signal);
  } catch (thrown) {
    // What fails after a signal fails because of it.
    const cause = signal.aborted ? signal.reason : thrown;
    if (cause instanceof Interrupted) {
      process.exitCode = cause.exitStatus;
      return;
    }
    process.stderr.write(`mendlog: ${toMendlogError(thrown).message}\n`);
    process.exitCode = 1;
  }
}

/** Without a command the demo runs, and it would have to make sense of any word. */
function isCommand(word: string): boolean {
  return word === 'help' || program.commands.some((command) => command.name() === word);
}

/** What is wrong with the arguments, in one line like every other failure. */
function usageSentence(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .replace(/\.?\s*$/, '')
    .replaceAll('\n', ' ');
  return `mendlog: ${sentence}; see mendlog --help\n`;
}

function collectPeer(text: string, peers: Record<string, string> = {}): Record<string, string> {
  const [id, url] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)];
  if (id === '' || !/^https?:/.test(url) || !URL.canParse(url))
    throw new InvalidArgumentError('a peer looks like node1=http://127.0.0.1:8081');
  return { ...peers, [id]: url };
}

function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (text.trim() === '' || !(number >= least && number <= most))
      throw new InvalidArgumentError(`expected a number from ${least} to ${most}`);
    return number;
  };
}

function integerFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = numberFrom(least, most)(text);
    if (!Number.isInteger(number))
      throw new InvalidArgumentError(`expected an integer from ${least} to ${most}`);
    return number;
  };
}

function portNumber(text: string): number {
  const port = Number(text);
  // Seven more ports follow the first.
  if (!Number.isInteger(port) || port < 1 || port > 65_535 - 7)
    throw new InvalidArgumentError('a port is a number from 1 to 65528');
  return port;
}
