// Runs every check of this project that needs only Node.js, and counts the results. With --static it stops before
// the checks that run code. With --ci it runs, and counts, only the tests that need more than Node.js.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const tool = (name) => path.join(root, 'node_modules', name);
const script = (name) => path.join(root, 'scripts', name);
const outputBytesMax = 64 * 1024 * 1024;

const staticSteps = [
  {
    name: 'lint and format',
    args: [tool('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '--colors=off', '.'],
  },
  { name: 'rules about sources', args: [script('check-source.mjs')] },
  { name: 'types of the tests', args: [tool('typescript/bin/tsc'), '-p', 'tsconfig.test.json'] },
  {
    name: 'import direction and cycles',
    args: [
      tool('dependency-cruiser/bin/dependency-cruise.mjs'),
      ...['--config', 'dependency-cruiser.cjs'],
      ...['packages', 'bench', 'examples', 'tests', 'tests-ci', 'scripts'],
    ],
  },
  {
    name: 'unused files, exports and dependencies',
    args: [tool('knip/bin/knip.js'), '--no-progress', '--treat-config-hints-as-errors'],
  },
];

const dynamicSteps = [
  { name: 'documentation samples', args: [script('check-docs.mjs')] },
  { name: 'packed packages in an empty project', args: [script('check-packed.mjs')] },
];

let passed = 0;
let failed = 0;

function report(ok, name, startMs) {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name} (${seconds} s)`);
}

/** Runs one check; its output is shown only when it fails. */
function runStep({ name, args }) {
  const startMs = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    maxBuffer: outputBytesMax,
  });
  const ok = status === 0;
  if (ok) passed += 1;
  else failed += 1;
  if (!ok) console.log(`${stdout}${stderr}`.trimEnd());
  report(ok, name, startMs);
}

/** Counts the tests in vitest's JSON report. A test file that could not even be loaded counts as one failure. */
function countTests(file) {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const unloaded = testResults.filter(
    (result) =>
      result.status === 'failed' && !result.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  return { passed: numPassedTests, failed: numFailedTests + unloaded };
}

function runVitest(config) {
  const startMs = performance.now();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mendlog-test-'));
  const json = path.join(folder, 'vitest.json');
  const args = [
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${json}`,
  ];
  const { status } = spawnSync(process.execPath, [tool('vitest/vitest.mjs'), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  const counts = fs.existsSync(json) ? countTests(json) : { passed: 0, failed: 0 };
  fs.rmSync(folder, { recursive: true });
  passed += counts.passed;
  // An error outside every test (an unhandled rejection, no test at all) fails the run without failing a test.
  failed += status !== 0 && counts.failed === 0 ? 1 : counts.failed;
  report(status === 0, 'tests', startMs);
}

if (process.argv.includes('--ci')) {
  runVitest('vitest.ci.config.ts');
} else {
  for (const step of staticSteps) runStep(step);
  if (!process.argv.includes('--static')) {
    runVitest('vitest.config.ts');
    for (const step of dynamicSteps) runStep(step);
    const native = fs.existsSync(path.join(root, 'packages/merkle/native/SOURCES.sha256'));
    console.log(
      native
        ? 'The native addon is built, and was tested beside the WebAssembly.'
        : 'The native addon is not built here (pnpm build:native does it), so it was not tested.',
    );
    console.log(
      'Left to .ci/run, which needs more than Node.js: the Rust crate, what is built from it, and tests-ci ' +
        '(Chromium, a full disk, dashboards and alerts on a real Prometheus, the API against its OpenAPI document).',
    );
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
