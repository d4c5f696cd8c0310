// Installs the packages as an app would get them: packs each into a tarball, installs the tarballs with npm into an
// empty project outside this workspace, compiles a small app there and runs it.
//
// Usage: node scripts/check-packed.mjs [app.ts]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const { pnpm } = createRequire(import.meta.url)('./pnpm.cjs');
const root = path.resolve(import.meta.dirname, '..');
const app = path.resolve(process.argv[2] ?? path.join(root, 'scripts/packed-app/app.ts'));
const runTimeoutMs = 60_000;

function run(what, command, args, options) {
  return expectSuccess(what, spawnSync(command, args, { encoding: 'utf8', ...options }));
}

function expectSuccess(what, { status, error, stdout, stderr }) {
  if (status === 0) return stdout;
  throw new Error(`${what} failed:\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trimEnd());
}

function node(what, args, options) {
  return run(what, process.execPath, args, options);
}

/** Packs every public package; returns the tarballs. */
function pack(folder) {
  const manifests = fs
    .readdirSync(path.join(root, 'packages'))
    .filter((name) => fs.existsSync(path.join(root, 'packages', name, 'package.json')))
    .map((name) => JSON.parse(fs.readFileSync(path.join(root, 'packages', name, 'package.json'), 'utf8')));
  const filters = manifests
    .filter((manifest) => manifest.private !== true)
    .map(({ name }) => `--filter=${name}`);
  const args = ['--recursive', ...filters, 'pack', '--pack-destination', folder];
  expectSuccess('packing', pnpm(args, { cwd: root, encoding: 'utf8' }));
  return fs.readdirSync(folder).map((name) => path.join(folder, name));
}

/** The mistakes of a tarball that neither a compiler nor a run would notice. */
function inspect(tarball) {
  const names = run('listing a tarball', 'tar', ['-tzf', tarball]).trim().split('\n');
  const unwanted = names.filter((name) => /\/test\/|\.tsbuildinfo$|\.log$|node_modules/.test(name));
  const missing = ['LICENSE', 'README.md', 'package.json'].filter(
    (name) => !names.includes(`package/${name}`),
  );
  const faults = [...unwanted.map((name) => `holds ${name}`), ...missing.map((name) => `lacks ${name}`)];
  if (faults.length > 0) throw new Error(`${path.basename(tarball)} ${faults.join(', ')}`);
  node('publint', [path.join(root, 'node_modules/publint/src/cli.js'), 'run', tarball, '--strict']);
}

function install(folder, tarballs) {
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const manifest = {
    name: 'packed-app',
    private: true,
    type: 'module',
    devDependencies: {
      '@types/node': devDependencies['@types/node'],
      typescript: devDependencies.typescript,
    },
  };
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  run('npm install', 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs], {
    cwd: folder,
    shell: process.platform === 'win32',
  });
}

/** Compiles as strictly as a careful user does, declarations of dependencies included. */
function compile(folder, module, moduleResolution) {
  // The compiler's default, which includes DOM (tRPC's declarations need it), and what `await using` needs.
  const lib = ['ES2023', 'DOM', 'ESNext.Disposable'];
  const compilerOptions = {
    target: 'ES2023',
    lib,
    module,
    moduleResolution,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    outDir: `out-${moduleResolution}`,
  };
  const config = path.join(folder, `tsconfig.${moduleResolution}.json`);
  fs.writeFileSync(config, JSON.stringify({ compilerOptions, files: ['app.ts'] }));
  const tsc = path.join(folder, 'node_modules/typescript/bin/tsc');
  node(`compiling the app (${moduleResolution})`, [tsc, '-p', config], { cwd: folder });
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mendlog-packed-'));
try {
  const packed = path.join(folder, 'packed');
  const project = path.join(folder, 'app');
  fs.mkdirSync(packed);
  fs.mkdirSync(project);
  const tarballs = pack(packed);
  for (const tarball of tarballs) inspect(tarball);
  install(project, tarballs);
  fs.copyFileSync(app, path.join(project, 'app.ts'));
  compile(project, 'NodeNext', 'NodeNext');
  compile(project, 'ESNext', 'Bundler');
  const options = { cwd: project, timeout: runTimeoutMs, killSignal: 'SIGKILL' };
  node('running the app', ['out-NodeNext/app.js'], options);
  node('mendlog --version', ['node_modules/@mendlog/cli/dist/main.js', '--version'], options);
  console.log(`${tarballs.length} packages packed, installed, compiled against and run`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
