#!/usr/bin/env node
/**
 * The `mendlog` command. Each subcommand is one file; this one only reads the arguments. What a
 * subcommand needs is loaded when it runs: the demo, which starts four more processes, needs no node.
 */
import { readFileSync } from 'node:fs';
import { toMendlogError } from '@mendlog/core';
import { Command, InvalidArgumentError } from 'commander';
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

function portNumber(text: string): number {
  const port = Number(text);
  // Seven more ports follow the first.
  if (!Number.isInteger(port) || port < 1 || port > 65_535 - 7)
    throw new InvalidArgumentError('a port is a number from 1 to 65528');
  return port;
}
