// docs/rest.md, command by command, by curl against three real nodes and a gateway: each answer is the one shown.
//
// MENDLOG_UPDATE_DOCS=1 writes the answers that were given into the page.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Jobs } from '@mendlog/node';
import { describe, expect, test } from 'vitest';
import { eventually } from './support/eventually.js';
import { GATEWAY_OFFSETS, startGateway } from './support/gateway.js';
import { NODE_IDS, type NodeId, Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { type Answer, formOf, readPage, type Step, writePage } from './support/rest-page.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 120_000;
const DOCUMENTED_BASE_PORT = 8080;
const run = promisify(execFile);

/** The page's ports are those of `npm start`; here the cluster has others. */
function toPorts(text: string, from: number, to: number): string {
  return text.replace(/(?<=(?:localhost|127\.0\.0\.1|node[123]):)\d+/g, (port) =>
    String(Number(port) - from + to),
  );
}

async function curl(command: string, basePort: number): Promise<Answer> {
  const options = "--silent --show-error --write-out '%{stderr}%{http_code}'";
  const script = toPorts(command, DOCUMENTED_BASE_PORT, basePort).replace(/^curl /, `curl ${options} `);
  const { stdout, stderr } = await run('bash', ['-o', 'pipefail', '-c', script]);
  return { status: stderr, body: toPorts(stdout, basePort, DOCUMENTED_BASE_PORT) };
}

async function untilNoJobIsLeft(nodes: Nodes): Promise<void> {
  await eventually(
    'all jobs to end',
    () => Promise.all(NODE_IDS.map((id) => nodes.get<Jobs>(id, '/api/coordinator/jobs?limit=1000'))),
    (pages) => pages.every(({ jobs }) => jobs.every(({ finishedAt }) => finishedAt !== null)),
  );
}

async function carryOut(
  step: Extract<Step, { directive: string }>,
  nodes: Nodes,
  basePort: number,
): Promise<void> {
  const nodeId = NODE_IDS.find((id) => id === step.argument);
  if (step.directive === 'idle') return await untilNoJobIsLeft(nodes);
  if (nodeId === undefined) throw new Error(`${step.directive} needs a node`);
  if (step.directive === 'start') {
    await nodes.start([nodeId]);
    await eventually(
      'the gateway to see all nodes',
      async () => JSON.parse((await curl('curl localhost:8080/api/health', basePort)).body),
      ({ status }) => status === 'UP',
    );
    return;
  }
  if (step.directive !== 'stop') throw new Error(`unknown: ${step.directive}`);
  await nodes.kill([nodeId]);
  await nodes.waitUntilSeenDown(nodeId, others(nodeId));
}

const others = (nodeId: NodeId) => NODE_IDS.filter((id) => id !== nodeId);

describe('REST page', () => {
  test(
    'every command is answered as the page shows, and every path of the OpenAPI document is on it',
    async () => {
      const { text, steps } = readPage();
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      await using nodes = new Nodes(folder.path, basePort);
      await nodes.start();
      await using _gateway = await startGateway(nodes, basePort);
      const given: { at: number; length: number; answer: Answer }[] = [];
      for (const step of steps) {
        if ('directive' in step) {
          await carryOut(step, nodes, basePort);
          continue;
        }
        const answer = await curl(step.command, basePort);
        given.push({ ...step, answer });
        if (process.env.MENDLOG_UPDATE_DOCS !== undefined) continue;
        expect({ command: step.command, status: answer.status, body: formOf(answer.body) }).toEqual({
          command: step.command,
          status: step.answer.status,
          body: formOf(step.answer.body),
        });
      }
      expect(given.length).toBeGreaterThan(20);
      if (process.env.MENDLOG_UPDATE_DOCS !== undefined) writePage(text, given);

      const { body } = await curl('curl localhost:8080/openapi.json', basePort);
      const shown = steps.flatMap((step) => ('command' in step ? step.command : []));
      for (const [path, operations] of Object.entries(JSON.parse(body).paths)) {
        const pattern = new RegExp(`${path.replace(/\{\w+\}/g, '[^/ ?]+')}(?:['? ]|$)`, 'm');
        for (const method of Object.keys(operations as object)) {
          const isGet = method === 'get';
          const found = shown.some(
            (command) =>
              pattern.test(command) &&
              (isGet ? !/ -X /.test(command) : command.includes(`-X ${method.toUpperCase()}`)),
          );
          expect({ path, method, found }).toEqual({ path, method, found: true });
        }
      }
    },
    TIMEOUT_MS,
  );

  test(
    'every path answers on each port of the gateway and on each node',
    async () => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      await using nodes = new Nodes(folder.path, basePort);
      await nodes.start();
      await using _gateway = await startGateway(nodes, basePort);
      const at = (offset: number, path: string, init?: RequestInit) =>
        fetch(`http://127.0.0.1:${basePort + offset}${path}`, init);
      const json = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });
      for (const offset of [...GATEWAY_OFFSETS, 1, 2, 3]) {
        const nodeUrl = 'http://node2:8082';
        const requests: [string, number, RequestInit?][] = [
          ['/api/write', 201, json({ partitionId: 'p', message: 'm' })],
          ['/api/health', 200],
          ['/api/read/p/1', 200],
          ['/api/scan/p', 200],
          ['/api/partitions', 200],
          ['/api/partitions/p', 200],
          ['/api/cluster/summary', 200],
          ['/api/merkle/build', 200, json({ partitionId: 'p', nodeUrl })],
          ['/api/merkle/compare', 200, json({ partitionId: 'p', node1Url: 'node1', node2Url: nodeUrl })],
          ['/api/merkle/health', 200],
          ['/api/coordinator/jobs?status=PENDING', 200],
          ['/api/coordinator/trigger', 202, { method: 'POST' }],
          ['/api/coordinator/preview', 200],
          ['/api/hints/pending', 200],
          ['/api/hints/stats', 200],
          ['/metrics', 200],
          ['/actuator/prometheus', 200],
          ['/openapi.json', 200],
          ['/nothing', 404],
        ];
        for (const [path, status, init] of requests) {
          const answer = await at(offset, path, init);
          expect({ offset, path, status: answer.status, body: await answer.text() }).toMatchObject({
            status,
          });
        }
      }
    },
    TIMEOUT_MS,
  );
});
