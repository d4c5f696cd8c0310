// Every example runs, and prints what it is there to show.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../examples');
const run = promisify(execFile);

const PRINTED: Readonly<Record<string, string>> = {
  'embedded.ts': '1 node1 /checkout\n2 node2 /while-one-is-down\n',
  'stock-trpc.ts': '1 one coffee orders: 1\n',
  'typed-values.ts': '1 / 200\n2 /about 200\n3 /missing 404\n',
};

test('examples: each of them is here', () => {
  expect(readdirSync(`${FOLDER}/src`).sort()).toEqual(Object.keys(PRINTED));
});

test.each(Object.entries(PRINTED))('examples: %s prints what it shows', async (name, printed) => {
  const { stdout, stderr } = await run(process.execPath, [`${FOLDER}/dist/${name.replace('.ts', '.js')}`]);
  expect({ stdout, stderr }).toEqual({ stdout: printed, stderr: '' });
});
