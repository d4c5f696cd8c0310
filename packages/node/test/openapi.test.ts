// The OpenAPI document says what the API does: what a generator of requests found to differ stays found.
import { parseRecordId } from '@mendlog/core';
import { createGateway, createNode, type Jobs } from '@mendlog/node';
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { temporaryFolder } from './temporary-folder.js';

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly schema: { readonly pattern?: string } }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, object>> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const { paths } = await servedDocument();
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, method, operation })),
);

/** It needs no node that is alive. */
async function servedDocument(): Promise<Document> {
  await using gateway = await createGateway({ listen: ['127.0.0.1:0'], nodes: { n1: 'http://127.0.0.1:1' } });
  return JSON.parse(await (await fetch(`${gateway.urls[0]}/openapi.json`)).text());
}

function operationOf(name: string): Operation {
  const found = operations.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`the document has no ${name}`);
  return found.operation;
}

function statusesOf(name: string): string[] {
  return Object.keys(operationOf(name).responses);
}

test.each(operations)(
  'openapi: every answer is listed with its status and type ($name)',
  ({ operation, method }) => {
    const statuses = Object.keys(operation.responses);
    expect(statuses).toEqual(expect.arrayContaining(['400', '503', '504']));
    expect(statuses).not.toContain('default');
    if (['post', 'put'].includes(method)) expect(statuses).toEqual(expect.arrayContaining(['413', '415']));
    for (const status of statuses.filter((text) => text >= '400'))
      expect(operation.responses[status]?.content).toHaveProperty(['application/problem+json']);
  },
);

test('openapi: what only some routes answer is listed there', () => {
  expect(statusesOf('post /api/write')).toEqual(expect.arrayContaining(['201', '409', '503', '507']));
  expect(statusesOf('get /api/read/{partitionId}/{id}')).toEqual(
    expect.arrayContaining(['200', '404', '409']),
  );
  expect(statusesOf('post /api/coordinator/cancel')).toEqual(expect.arrayContaining(['200', '404', '409']));
  expect(operationOf('get /api/health').responses['503']?.content).toHaveProperty(['application/json']);
});

test('openapi: the pattern of a record id takes what the core takes', () => {
  const parameters = operationOf('get /api/read/{partitionId}/{id}').parameters ?? [];
  const pattern = new RegExp(parameters.find(({ name }) => name === 'id')?.schema.pattern ?? '(?!)');
  const texts = ['0', '1', '1042', '1042-0k3v9x2m7q1ab', '999999999999999', '01', '-1', '1.0', '', ' 1'];
  texts.push('1042-', '1042-0K3V9X2M7Q1AB', '1042-gk3v9x2m7q1ab', '1042-0k3v9x2m7q1a', '1042-0k3v9x2m7q1il');
  const isTaken = (text: string): boolean => {
    try {
      parseRecordId(text);
      return true;
    } catch {
      return false;
    }
  };
  expect(texts.filter((text) => pattern.test(text))).toEqual(texts.filter(isTaken));
  expect(texts.filter(isTaken)).toHaveLength(5);
});

test('openapi: a write holds exactly one of message and messageBase64', () => {
  const { schema } = operationOf('post /api/write').requestBody?.content['application/json'] ?? {};
  expect(schema).toMatchObject({ oneOf: [{ required: ['message'] }, { required: ['messageBase64'] }] });
});

test('openapi: a job that has ended is no bad request to cancel, but a conflict', async () => {
  using folder = temporaryFolder();
  await using node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0' });
  const post = (path: string, body: object) =>
    fetch(`${node.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  await post('/api/write', { partitionId: 'p', message: 'm' });
  await post('/api/coordinator/trigger', { partitionId: 'p' });
  const [job] = (
    await eventually(
      { for: 'a completed job' },
      async (): Promise<Jobs> =>
        JSON.parse(await (await fetch(`${node.url}/api/coordinator/jobs?status=COMPLETED`)).text()),
      ({ jobs }) => jobs.length > 0,
    )
  ).jobs;
  const response = await post('/api/coordinator/cancel', { jobId: job?.id });
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ code: 'JOB_NOT_WAITING' });
});

test('openapi: a limit in a query is decimal digits', async () => {
  using folder = temporaryFolder();
  await using node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0' });
  await fetch(`${node.url}/api/write`, { method: 'POST', body: '{"partitionId":"p","message":"m"}' });
  const statusOf = async (query: string) => (await fetch(`${node.url}/api/scan/p?${query}`)).status;
  for (const query of ['limit=', 'limit=0x10', 'limit=1e1', 'limit=%201', 'limit=1.5', 'limit=0'])
    expect(await statusOf(query), query).toBe(400);
  for (const query of ['limit=1', 'limit=1000']) expect(await statusOf(query), query).toBe(200);
});

test('openapi: a gateway refuses a cursor that no page of hints ended with', async () => {
  await using gateway = await createGateway({
    listen: ['127.0.0.1:0'],
    nodes: { n1: 'http://127.0.0.1:1' },
  });
  const response = await fetch(`${gateway.urls[0]}/api/hints/pending?cursor=n2/n1:1:1`);
  expect(response.status).toBe(400);
});
