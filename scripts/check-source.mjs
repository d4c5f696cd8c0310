// Rules about sources that no linter of ours can state. Each names what it forbids, where, and what to do instead.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(import.meta.dirname, '..');
const code = /\.([cm]?[jt]s|rs)$/;
const skipped = /(^|\/)(node_modules|dist|target|wasm|\.git|\.docs-[^/]*)$/;

const rules = [
  {
    files: code,
    except: /\.test-d\.ts$/,
    forbidden: /biome-ignore|eslint-disable|@ts-(ignore|nocheck|expect-error)/,
    instead: 'repair what the tool complains about (only *.test-d.ts may expect a type error)',
  },
  {
    files: /^packages\/core\/src\//,
    forbidden: /Math\.random/,
    instead: 'take randomness as an argument: the core must replay from a seed',
  },
  {
    files: /\.test\.ts$/,
    forbidden: /\b(describe|it|test)\.(only|skip|todo|fails)\b/,
    instead: 'run the test or remove it',
  },
  {
    files: /(^|\/)package\.json$/,
    forbidden: /":\s*"([\^~]|>=?\s*\d[^"]*",?\s*$(?<!"node":.*))/,
    instead: 'pin the exact version',
  },
  {
    files: /^pnpm-lock\.yaml$/,
    forbidden: /https?:\/\//,
    instead:
      'keep the lock file free of registry addresses: install from a registry that serves packages itself',
  },
];

function* walk(folder) {
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory() && !skipped.test(file)) yield* walk(file);
    else if (entry.isFile()) yield file;
  }
}

const self = path.relative(root, fileURLToPath(import.meta.url));
let violations = 0;
for (const file of walk('.')) {
  const applicable = rules.filter(
    (rule) => file !== self && rule.files.test(file) && !(rule.except?.test(file) ?? false),
  );
  if (applicable.length === 0) continue;
  const lines = fs.readFileSync(path.join(root, file), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    for (const { forbidden, instead } of applicable) {
      const found = forbidden.exec(line);
      if (found === null) continue;
      violations += 1;
      console.error(`${file}:${index + 1}: ${found[0]}: ${instead}`);
    }
  }
}
process.exitCode = violations === 0 ? 0 : 1;
