import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadKernel } from '../src/index.js';
import { nativeBuild } from './native-build.js';

const built = nativeBuild().files.length > 0;
let before: string | undefined;

beforeEach(() => {
  before = process.env.MENDLOG_KERNEL;
  delete process.env.MENDLOG_KERNEL;
});
afterEach(() => {
  if (before === undefined) delete process.env.MENDLOG_KERNEL;
  else process.env.MENDLOG_KERNEL = before;
});

test(`loader: the fastest kernel that is there (native built=${built})`, () => {
  expect(loadKernel().kind).toBe(built ? 'native' : 'wasm');
  expect(loadKernel()).toBe(loadKernel());
});

test('loader: one kind can be insisted on (kind=wasm)', () => {
  expect(loadKernel({ kind: 'wasm' }).kind).toBe('wasm');
  expect(loadKernel({ kind: 'wasm' })).toBe(loadKernel({ kind: 'wasm' }));
});

test('loader: the environment can insist, and the option wins over it (MENDLOG_KERNEL)', () => {
  process.env.MENDLOG_KERNEL = 'wasm';
  expect(loadKernel().kind).toBe('wasm');
  process.env.MENDLOG_KERNEL = '';
  expect(loadKernel().kind).toBe(built ? 'native' : 'wasm');
  process.env.MENDLOG_KERNEL = 'native';
  expect(loadKernel({ kind: 'wasm' }).kind).toBe('wasm');
  if (built) expect(loadKernel().kind).toBe('native');
  else expect(() => loadKernel()).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
});

test('loader: a kernel that there is not is BAD_CONFIG (MENDLOG_KERNEL=fast)', () => {
  process.env.MENDLOG_KERNEL = 'fast';
  expect(() => loadKernel()).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
});
