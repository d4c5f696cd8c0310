// The OpenAPI document: valid, and kept by real processes, which schemathesis asks what it can make of it.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Health } from '@mendlog/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command } from '../tests/support/command.js';
import { eventually } from '../tests/support/eventually.js';
import { startGateway } from '../tests/support/gateway.js';
import { NODE_IDS, Nodes } from '../tests/support/nodes.js';
import { freeBasePort } from '../tests/support/ports.js';
import { temporaryFolder } from '../tests/support/temporary-folder.js';
import { runTool } from './support/tool.js';

const CONFIG = resolve(import.meta.dirname, 'schemathesis.toml');

const seed = Number(process.env.MENDLOG_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const replay = `MENDLOG_FUZZ_SEED=${seed} node_modules/.bin/vitest run --config vitest.ci.config.ts openapi`;

describe('openapi', () => {
  const folder = temporaryFolder();
  let nodes: Nodes;
  let gateway: Command;
  let urls: Readonly<Record<'node' | 'gateway', string>>;

  beforeAll(async () => {
    const basePort = await freeBasePort();
    nodes = new Nodes(folder.path, basePort);
    await nodes.start();
    urls = { node: nodes.urls.node1, gateway: `http://127.0.0.1:${basePort}` };
    gateway = await startGateway(nodes, basePort);
    await eventually(
      'the gateway to see all nodes',
      async (): Promise<Health> => JSON.parse(await (await fetch(`${urls.gateway}/api/health`)).text()),
      ({ status }) => status === 'UP',
    );
    // What the document's examples name is there, so that they meet more than 404.
    const body = JSON.stringify({ partitionId: 'partition-1', message: 'an example' });
    const written = await fetch(`${urls.node}/api/write`, { method: 'POST', body });
    expect(await written.json()).toMatchObject({ id: 1 });
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await nodes[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test('openapi: the document is valid and the same on a node and on a gateway', async () => {
    const documents = await Promise.all(
      Object.values(urls).map(async (url) => await (await fetch(`${url}/openapi.json`)).json()),
    );
    expect(documents[0]).toEqual(documents[1]);
    expect(documents[0]).toMatchObject({ openapi: '3.1.0' });
    const file = join(folder.path, 'openapi.json');
    writeFileSync(file, JSON.stringify(documents[0]));
    const { status, output } = await runTool('openapi-spec-validator', [file], { cwd: folder.path });
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('OK') });
  });

  test.each(['node', 'gateway'] as const)(
    `openapi: every answer is a documented one (%s, seed=${seed})`,
    async (kind) => {
      const args = ['--config-file', CONFIG, 'run', `${urls[kind]}/openapi.json`, '--no-color'];
      const { status, output } = await runTool('schemathesis', [...args, '--seed', String(seed)], {
        cwd: folder.path,
      });
      const counted = /^ +[0-9]+ generated, .*$/m.exec(output)?.[0].trim();
      console.log(status === 0 ? `${kind}: ${counted}, seed ${seed}` : `${output}\nReplay with: ${replay}`);
      expect(status).toBe(0);
      expect(counted).toMatch(/^[0-9]{3,} generated, [0-9]{3,} passed/);
      for (const id of NODE_IDS)
        expect(await nodes.get<Health>(id, '/api/health')).toMatchObject({ status: 'UP' });
    },
  );
});
