// Options of createNode that JavaScript lets through: refused before a data folder comes into being.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createNode, type NodeOptions } from '@mendlog/node';
import { expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

test.each<[string, object]>([
  ['no id', { id: undefined }],
  ['an empty id', { id: '' }],
  ['an id with a space', { id: 'a b' }],
  ['a peer without a scheme', { peers: { n2: '127.0.0.1:1' } }],
  ['peers as a list', { peers: ['http://127.0.0.1:1', 7] }],
  ['two peers with one URL', { peers: { n2: 'http://127.0.0.1:1', n3: 'http://127.0.0.1:1/' } }],
  ['a replication factor of 0', { replicationFactor: 0 }],
  ['an address without a port', { listen: '127.0.0.1' }],
  ['a level that there is not', { consistency: 'SOME' }],
  ['read repair that there is not', { readRepair: 'sometimes' }],
  ['a share above 1', { readRepairChance: 2 }],
  ['a time-out of 0', { writeTimeoutMs: 0 }],
  ['a time-out that is no number', { readTimeoutMs: Number.NaN }],
  ['half an attempt', { hints: { attemptsMax: 0.5 } }],
  ['hints that are no object', { hints: 3 }],
  ['an unknown option', { readRepairs: 'off' }],
  ['an unknown option of a section', { scrub: { pauseMS: 5 } }],
])('node options: %s is BAD_CONFIG, and nothing was made', async (_, wrong) => {
  using folder = temporaryFolder();
  const dataDir = join(folder.path, 'data');
  const good: NodeOptions = { id: 'n1', dataDir, listen: '127.0.0.1:0' };
  await expect(createNode({ ...good, ...wrong })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  expect(existsSync(dataDir)).toBe(false);
  // The same folder serves once the options are right.
  await (await createNode(good)).close();
});

test('node options: without a data folder it is BAD_CONFIG', async () => {
  const options = { id: 'n1', listen: '127.0.0.1:0' };
  await expect(Reflect.apply(createNode, undefined, [options])).rejects.toMatchObject({ code: 'BAD_CONFIG' });
});

test('node options: what is wrong is named, with what is expected or was meant', async () => {
  const message = (wrong: object) =>
    createNode({ id: 'n1', dataDir: '/dev/null/none', listen: '127.0.0.1:0', ...wrong }).catch(
      ({ message }: Error) => message,
    );
  expect(await message({ consistency: 'SOME' })).toMatch(/^consistency is "SOME": expected one of .*QUORUM/);
  expect(await message({ hints: { expiryMs: -1 } })).toMatch(
    /^hints\.expiryMs is -1: expected an integer from 1 /,
  );
  expect(await message({ scrub: { pauseMS: 5 } })).toBe(
    'there is no option scrub.pauseMS: did you mean scrub.pauseMs?',
  );
});
