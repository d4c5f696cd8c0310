// Makes a fresh checkout usable, then runs what was asked for:
//
//   npm start, npm test ... -> bootstrap.cjs -> install (if the lock file changed)
//                                            -> build   (if a source changed)
//                                            -> the command
//
// Both steps are skipped by comparing digests, so a second run costs a few milliseconds. Everything said here
// goes to stderr: stdout belongs to the command.
'use strict';

const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { withLock } = require('./lock.cjs');
const { pnpm, pnpmVersion } = require('./pnpm.cjs');

const root = path.resolve(__dirname, '..');
const installRecord = path.join(root, 'node_modules/.mendlog-install');
const buildRecord = path.join(root, 'node_modules/.mendlog-build');
const lockFile = path.join(root, '.bootstrap-lock');
const outputBytesMax = 64 * 1024 * 1024;

/** A failure that is already explained: its message is all that the user needs to see. */
class Explained extends Error {}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function seconds(startMs) {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}

function readOrEmpty(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Every folder that holds a package, relative to the root. */
function packageFolders() {
  const inPackages = fs.readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}`);
  return [...inPackages, 'bench', 'examples'].filter((folder) =>
    fs.existsSync(path.join(root, folder, 'package.json')),
  );
}

function filesBelow(folder) {
  const absolute = path.join(root, folder);
  if (!fs.existsSync(absolute)) return [];
  return fs
    .readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

function digest(files) {
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    hash.update(`${file}\0`);
    hash.update(readOrEmpty(path.join(root, file)));
    hash.update('\0');
  }
  return hash.digest('hex');
}

/** The platform is part of it: a folder copied to another kind of machine holds the wrong native binaries. */
function installDigest() {
  const manifests = ['.', ...packageFolders()].map((folder) => path.join(folder, 'package.json'));
  return `${digest(['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests])} ${process.platform}-${process.arch}`;
}

function buildDigest() {
  const configs = packageFolders().flatMap((folder) => [`${folder}/tsconfig.json`, `${folder}/package.json`]);
  const sources = packageFolders().flatMap((folder) => filesBelow(`${folder}/src`));
  return digest(['pnpm-lock.yaml', 'tsconfig.json', 'tsconfig.base.json', ...configs, ...sources]);
}

/** Outputs that should be there and are not, and outputs whose source is gone. */
function compareOutputs() {
  const missing = [];
  const stale = [];
  for (const folder of packageFolders()) {
    const names = filesBelow(`${folder}/src`).filter((file) => /(?<!\.d)\.ts$/.test(file));
    const stems = new Set(names.map((file) => path.relative(`${folder}/src`, file).slice(0, -'.ts'.length)));
    for (const stem of stems) {
      const output = `${folder}/dist/${stem}.js`;
      if (!fs.existsSync(path.join(root, output))) missing.push(output);
    }
    for (const file of filesBelow(`${folder}/dist`)) {
      const stem = path.relative(`${folder}/dist`, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
      if (!stems.has(stem) && !file.endsWith('.tsbuildinfo')) stale.push(file);
    }
  }
  return { missing, stale };
}

/** Runs a tool quietly; shows what it printed only when it fails. */
function run(what, command) {
  const { status, signal, error, stdout, stderr } = command();
  if (status === 0) return;
  // Without the tool's stack traces: they point into the tool and bury its message.
  const output = `${stdout ?? ''}${stderr ?? ''}`.replace(/^.*\s{4}at .*\n/gm, '').trimEnd();
  if (output !== '') say(output);
  if (signal !== null && signal !== undefined) throw new Explained(`${what} was stopped by ${signal}.`);
  throw new Explained(explain(what, `${output} ${error?.message ?? ''}`));
}

function explain(what, output) {
  if (/ENOSPC|EDQUOT|no space left/i.test(output)) {
    return `${what} failed because the disk is full: free some space and try again.`;
  }
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED/.test(output)
  ) {
    return `${what} failed because the package registry could not be reached: check the network (or the proxy) and try again.`;
  }
  if (/ERR_PNPM_OUTDATED_LOCKFILE/.test(output)) {
    return `${what} failed because pnpm-lock.yaml lags behind a package.json: run "npx pnpm@${pnpmVersion} install" and keep what it writes.`;
  }
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return `${what} failed because a folder may not be written: check the permissions and try again.`;
  }
  return `${what} failed: the tool's output is above.`;
}

function install() {
  const wanted = installDigest();
  if (readOrEmpty(installRecord) === wanted) return;
  say('Installing the dependencies with pnpm (the first time this takes about half a minute) ...');
  const startMs = performance.now();
  fs.rmSync(installRecord, { force: true });
  run('Installing the dependencies', () =>
    pnpm(['install', '--frozen-lockfile', '--config.confirm-modules-purge=false'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: outputBytesMax,
    }),
  );
  fs.writeFileSync(installRecord, wanted);
  say(`Installed the dependencies in ${seconds(startMs)}.`);
}

function build() {
  const wanted = buildDigest();
  const { missing } = compareOutputs();
  if (readOrEmpty(buildRecord) === wanted && missing.length === 0) return;
  say('Building the packages with tsc ...');
  const startMs = performance.now();
  fs.rmSync(buildRecord, { force: true });
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  // tsc trusts its own record of a build; an output removed by hand comes back only when it is told to forget.
  const args = missing.length === 0 ? ['-b'] : ['-b', '--force'];
  run('Building the packages', () =>
    spawnSync(process.execPath, [tsc, ...args], { cwd: root, encoding: 'utf8', maxBuffer: outputBytesMax }),
  );
  // tsc leaves the outputs of a removed source behind, and they would be packed.
  for (const file of compareOutputs().stale) fs.rmSync(path.join(root, file));
  fs.writeFileSync(buildRecord, wanted);
  say(`Built the packages in ${seconds(startMs)}.`);
}

function isReady() {
  return (
    readOrEmpty(installRecord) === installDigest() &&
    readOrEmpty(buildRecord) === buildDigest() &&
    compareOutputs().missing.length === 0
  );
}

/** Runs a program of this project in the foreground; its exit status becomes ours. */
function foreground(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

/** Runs a program of this project in this very process, so signals and the exit status need no forwarding. */
async function inProcess(file, args) {
  const entry = path.join(root, file);
  process.argv = [process.execPath, entry, ...args];
  await import(pathToFileURL(entry).href);
}

async function mendlog(args) {
  await inProcess('packages/cli/dist/main.js', args);
}

const commands = {
  start: (args) => mendlog(['demo', ...args]),
  mendlog: (args) => mendlog(args),
  'load-test': (args) => mendlog(['load-test', ...args]),
  'integration-test': (args) => mendlog(['integration-test', ...args]),
  chaos: (args) => inProcess('packages/chaos/dist/main.js', args),
  test: (args) => foreground([path.join(__dirname, 'test.mjs'), ...args]),
  check: (args) => foreground([path.join(__dirname, 'test.mjs'), '--static', ...args]),
  build: () => {},
  format: () => foreground([path.join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', '--write']),
};

async function main([name = 'build', ...args]) {
  const command = commands[name];
  try {
    if (command === undefined) {
      throw new Explained(`There is no command "${name}": use one of ${Object.keys(commands).join(', ')}.`);
    }
    // Formatting must work on a tree that does not compile.
    const needsBuild = name !== 'format';
    if (!isReady()) {
      await withLock(lockFile, say, () => {
        install();
        if (needsBuild) build();
      });
    }
  } catch (error) {
    say(error instanceof Explained ? error.message : explain('Preparing the checkout', `${error.message}`));
    process.exitCode = 1;
    return;
  }
  await command(args);
}

module.exports = { main };
