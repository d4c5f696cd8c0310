// Runs the samples in README.md and docs/*.md, so that no page shows code that does not work. A fenced block takes
// part when its info string ends in "run":
//
//   ```ts run         type-checked as an app's source would be, then run by Node.js in an empty folder
//   ```sh run         run by bash in an empty folder, with the mendlog command on the PATH
//
// A block "```text output" right after it is what it must print; "…" there stands for any text.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const timeoutMs = 60_000;

/** The fenced blocks of a page: { language, mode, line, text }, where mode is "run", "output" or "". */
function blocksOf(page) {
  const blocks = [];
  let block;
  for (const [index, line] of fs.readFileSync(path.join(root, page), 'utf8').split('\n').entries()) {
    const fence = /^```(\w*)\s*(.*)$/.exec(line);
    if (fence === null) {
      block?.lines.push(line);
    } else if (block !== undefined) {
      blocks.push({ ...block, text: block.lines.join('\n') });
      block = undefined;
    } else {
      block = { language: fence[1], mode: fence[2].trim(), line: index + 1, lines: [] };
    }
  }
  return blocks;
}

function samplesOf(page) {
  const blocks = blocksOf(page);
  return blocks.flatMap((block, index) => {
    if (block.mode !== 'run') return [];
    const next = blocks[index + 1];
    const output = next?.mode === 'output' ? next.text : undefined;
    return [{ ...block, name: `${page}:${block.line}`, output }];
  });
}

function matches(actual, expected) {
  const pattern = expected
    .trim()
    .split('…')
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*?');
  return new RegExp(`^${pattern}$`).test(actual.trim());
}

const pages = ['README.md', ...fs.readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith('.md') && fs.existsSync(path.join(root, page)),
);
const samples = pages.flatMap(samplesOf);
let failures = 0;

function fail(sample, why) {
  failures += 1;
  console.error(`${sample.name}: ${why}`);
}

/** Compiles all TypeScript samples at once; each becomes a file named after its page and line. */
function compile(folder) {
  const typed = samples.filter(({ language }) => language === 'ts');
  if (typed.length === 0) return true;
  const fileOf = (sample) => sample.name.replaceAll('/', '_').replace(':', '-line-');
  for (const sample of typed) {
    fs.writeFileSync(path.join(folder, `${fileOf(sample)}.ts`), sample.text);
    sample.compiled = path.join(folder, 'out', `${fileOf(sample)}.js`);
  }
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      outDir: 'out',
      types: ['node'],
    },
    include: ['*.ts'],
  };
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) console.error(stdout.trimEnd());
  return status === 0;
}

function run(sample, bin) {
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'mendlog-sample-'));
  const [command, args] =
    sample.language === 'ts'
      ? [process.execPath, [sample.compiled]]
      : ['bash', ['-euo', 'pipefail', '-c', sample.text]];
  // What a sample makes in the system's temporary folder goes with it.
  const temporary = path.join(cwd, '.tmp');
  fs.mkdirSync(temporary);
  const env = {
    ...process.env,
    NO_COLOR: '1',
    PATH: `${bin}${path.delimiter}${process.env.PATH}`,
    TMPDIR: temporary,
  };
  delete env.FORCE_COLOR;
  const result = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  fs.rmSync(cwd, { recursive: true, force: true });
  const printed = `${result.stdout}${result.stderr}`.trimEnd();
  if (result.error !== undefined) fail(sample, `did not end within ${timeoutMs / 1000} s:\n${printed}`);
  else if (result.status !== 0) fail(sample, `ended with status ${result.status}:\n${printed}`);
  else if (sample.output !== undefined && !matches(result.stdout, sample.output)) {
    fail(sample, `printed\n${result.stdout.trimEnd()}\ninstead of\n${sample.output.trimEnd()}`);
  }
}

// Below examples/, so that the imports of a sample resolve as those of an example do.
const folder = fs.mkdtempSync(path.join(root, 'examples/.docs-'));
try {
  const bin = path.join(folder, 'bin');
  fs.mkdirSync(bin);
  const command = path.join(root, 'packages/cli/dist/main.js');
  fs.writeFileSync(path.join(bin, 'mendlog'), `#!/bin/sh\nexec node '${command}' "$@"\n`, { mode: 0o755 });
  for (const sample of samples) {
    if (!['ts', 'sh'].includes(sample.language)) fail(sample, `cannot run a "${sample.language}" block`);
  }
  if (!compile(folder)) failures += 1;
  if (failures === 0) for (const sample of samples) run(sample, bin);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
console.log(`${samples.length} samples in ${pages.length} pages, ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
