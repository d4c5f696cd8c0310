// Garbage on the HTTP port costs its sender an answer of the 400 family or the connection, and a neighbour nothing.
import { LIMITS } from '@mendlog/core';
import { createNode, type MendlogNode } from '@mendlog/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Neighbour } from './neighbour.js';
import { type RawAnswer, rawRequest, sendRaw } from './raw-http.js';
import { seededBytes } from './seeded-bytes.js';
import { temporaryFolder } from './temporary-folder.js';

/** Long enough for whoever sends at once, on a busy machine too. */
const TIMEOUTS = { headersMs: 2000, requestMs: 3000 };
const JSON_TYPE = { 'content-type': 'application/json' };

const folder = temporaryFolder();
let node: MendlogNode;
let neighbour: Neighbour;

beforeAll(async () => {
  node = await createNode({
    id: 'n1',
    dataDir: folder.path,
    listen: '127.0.0.1:0',
    replicationFactor: 1,
    httpTimeouts: TIMEOUTS,
  });
  neighbour = new Neighbour(node.url);
});

afterAll(async () => {
  const failures = await neighbour.stop();
  await node.close();
  folder[Symbol.dispose]();
  expect(failures).toEqual([]);
});

function problemIn({ text }: RawAnswer): unknown {
  const split = text.indexOf('\r\n\r\n');
  expect(text.slice(0, split).toLowerCase()).toContain('content-type: application/problem+json');
  return JSON.parse(text.slice(split + 4));
}

test.each<[what: string, bytes: string | Uint8Array, status: number, code: string]>([
  ['no request at all', '\0\x01\x02 what is this\r\n\r\n', 400, 'BAD_REQUEST'],
  ['an unknown method', 'BREW /api/write HTTP/1.1\r\nhost: node\r\n\r\n', 400, 'BAD_REQUEST'],
  ['a broken header', 'GET /api/health HTTP/1.1\r\nhost node\r\n\r\n', 400, 'BAD_REQUEST'],
  [
    'two lengths',
    'POST /api/write HTTP/1.1\r\nhost: node\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
    400,
    'BAD_REQUEST',
  ],
  [
    'a length and chunks',
    'POST /api/write HTTP/1.1\r\nhost: node\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'BAD_REQUEST',
  ],
  [
    'a head over the limit',
    rawRequest('GET /api/health', { 'x-long': 'x'.repeat(32_768) }),
    431,
    'TOO_LARGE',
  ],
  ['a path over the limit', rawRequest(`GET /api/read/${'p'.repeat(32_768)}/1`), 431, 'TOO_LARGE'],
  [
    'a body that announces too much',
    rawRequest('POST /api/write', { ...JSON_TYPE, 'content-length': '999999999999' }, '{'),
    413,
    'TOO_LARGE',
  ],
  [
    'a body over the limit',
    rawRequest('POST /api/write', JSON_TYPE, 'x'.repeat(LIMITS.jsonBodyBytesMax + 1)),
    413,
    'TOO_LARGE',
  ],
  [
    'chunks over the limit',
    Buffer.concat([
      Buffer.from('POST /api/write HTTP/1.1\r\nhost: node\r\ntransfer-encoding: chunked\r\n\r\n400000\r\n'),
      Buffer.alloc(0x40_0000, 'x'),
      Buffer.from('\r\n0\r\n\r\n'),
    ]),
    413,
    'TOO_LARGE',
  ],
  ['JSON cut short', rawRequest('POST /api/write', JSON_TYPE, '{"partitionId": "p"'), 400, 'BAD_REQUEST'],
  ['JSON that is no object', rawRequest('POST /api/write', JSON_TYPE, '["p", "m"]'), 400, 'BAD_REQUEST'],
  ['JSON nested deeply', rawRequest('POST /api/write', JSON_TYPE, '['.repeat(1_000_000)), 400, 'BAD_REQUEST'],
  [
    'bytes that are not UTF-8',
    rawRequest('POST /api/write', JSON_TYPE, Buffer.from('{"partitionId":"p","message":"\xff"}', 'latin1')),
    400,
    'BAD_REQUEST',
  ],
  [
    'half a surrogate pair',
    rawRequest('POST /api/write', JSON_TYPE, '{"partitionId":"p","message":"\\ud800"}'),
    400,
    'BAD_REQUEST',
  ],
  [
    'a prototype',
    rawRequest('POST /api/write', JSON_TYPE, '{"partitionId":"p","message":"m","__proto__":{"a":1}}'),
    400,
    'BAD_REQUEST',
  ],
  [
    'another media type',
    rawRequest('POST /api/write', { 'content-type': 'image/png' }, '{"partitionId":"p","message":"m"}'),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'another character set',
    rawRequest('POST /api/write', { 'content-type': 'application/json; charset=utf-16' }, '{}'),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'an encoded body',
    rawRequest('POST /api/write', { ...JSON_TYPE, 'content-encoding': 'gzip' }, '{}'),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['a method of another path', rawRequest('POST /api/health'), 405, 'METHOD_NOT_ALLOWED'],
  ['a method of no path', rawRequest('DELETE /api/write'), 405, 'METHOD_NOT_ALLOWED'],
  ['a method that echoes', rawRequest('TRACE /openapi.json'), 405, 'METHOD_NOT_ALLOWED'],
  ['a path of nobody', rawRequest('GET /etc/passwd'), 404, 'NOT_FOUND'],
  ['a path that climbs', rawRequest('GET /api/../../../etc/passwd'), 404, 'NOT_FOUND'],
  ['a name that climbs', rawRequest('GET /api/read/..%2f..%2fetc%2fpasswd/1'), 400, 'BAD_REQUEST'],
  ['a name with a zero byte', rawRequest('GET /api/read/p%00/1'), 400, 'BAD_REQUEST'],
  ['a broken escape', rawRequest('GET /api/read/%zz/1'), 400, 'BAD_REQUEST'],
  ['an escape of half a character', rawRequest('GET /api/read/%c3/1'), 400, 'BAD_REQUEST'],
  ['two slashes', rawRequest('GET //'), 404, 'NOT_FOUND'],
  ['a host that is none', rawRequest('GET http://['), 400, 'BAD_REQUEST'],
  ['a parameter twice', rawRequest('GET /api/coordinator/jobs?limit=1&limit=2'), 400, 'BAD_REQUEST'],
  ['a parameter of nobody', rawRequest('GET /api/coordinator/jobs?limits=1'), 400, 'BAD_REQUEST'],
  ['a cursor of nobody', rawRequest('GET /api/hints/pending?cursor=x'), 400, 'BAD_REQUEST'],
])('garbage on HTTP: %s', async (_what, bytes, status, code) => {
  const answer = await sendRaw(node.url, bytes);
  expect(answer.status, answer.text.slice(0, 500)).toBe(status);
  expect(problemIn(answer)).toMatchObject({ status, code, type: `urn:mendlog:error:${code}` });
  expect(answer.text).not.toMatch(/\bat .*\.js/);
  await neighbour.goesOn();
});

test('garbage on HTTP: a wrong method is told the right ones', async () => {
  const { text } = await sendRaw(node.url, rawRequest('PATCH /api/health'));
  expect(text.toLowerCase()).toContain('\r\nallow: get, head\r\n');
});

test('garbage on HTTP: HEAD is answered as GET is, without a body', async () => {
  const { status, text } = await sendRaw(node.url, rawRequest('HEAD /api/health'));
  expect(status).toBe(200);
  expect(text).toMatch(/\r\n\r\n$/);
});

test.each([
  ['elements', { nodes: Array.from({ length: 100 }, () => 1) }],
  ['names', Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`unknown${i}`, 1]))],
])('garbage on HTTP: many wrong %s in one input are answered with a few', async (_what, input) => {
  const body = JSON.stringify(input);
  const answer = await sendRaw(node.url, rawRequest('POST /api/coordinator/trigger', JSON_TYPE, body));
  expect(problemIn(answer)).toMatchObject({ status: 400, detail: expect.stringMatching(/ more$|\.\.\.$/) });
  expect(answer.text.length).toBeLessThan(4096);
});

test.each<[what: string, bytes: string | Uint8Array]>([
  ['nothing at all', ''],
  ['half a head', 'GET /api/hea'],
  ['a head that never ends', 'GET /api/health HTTP/1.1\r\nhost: node\r\nx-a: '],
  ['half a body', rawRequest('POST /api/write', { ...JSON_TYPE, 'content-length': '100' }, '{"part')],
  ['half a chunk', 'POST /api/write HTTP/1.1\r\nhost: node\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"pa'],
  [
    'half a call of tRPC',
    rawRequest('POST /trpc/records.append', { ...JSON_TYPE, 'content-length': '100' }, '{"'),
  ],
])('garbage on HTTP: a sender that stalls is cut: %s', async (_what, bytes) => {
  const answer = await sendRaw(node.url, bytes);
  expect([408, 400, undefined], answer.text).toContain(answer.status);
  await neighbour.goesOn();
});

const seed = Number(process.env.MENDLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
test(`garbage on HTTP: random bytes (rounds=100, MENDLOG_TEST_SEED=${seed})`, async () => {
  const heads = [
    '',
    'GET ',
    'POST /api/write HTTP/1.1\r\n',
    'POST /trpc/records.append HTTP/1.1\r\nhost: n\r\n',
  ];
  for (let round = 0; round < 100; round++) {
    const noise = seededBytes(seed + round, 1 + ((round * 37) % 2000));
    const bytes = Buffer.concat([Buffer.from(heads[round % heads.length] ?? ''), noise]);
    const answer = await sendRaw(node.url, bytes, { end: true });
    if (answer.status !== undefined) expect(String(answer.status), `round ${round}`).toMatch(/^4/);
    else expect(answer.text, `round ${round}`).toBe('');
  }
  await neighbour.goesOn();
});

test.each<[what: string, path: string, init: RequestInit, status: number]>([
  ['malformed JSON', 'records.append', { method: 'POST', body: '{', headers: JSON_TYPE }, 400],
  ['a wrong shape', 'records.append', { method: 'POST', body: '{"a":1}', headers: JSON_TYPE }, 400],
  [
    'a wrong media type',
    'records.append',
    { method: 'POST', body: 'a', headers: { 'content-type': 'image/png' } },
    415,
  ],
  ['a mutation by GET', 'hints.drop', {}, 405],
  ['a procedure of nobody', 'peer.store', { method: 'POST', body: '{}', headers: JSON_TYPE }, 404],
  ['a broken input', 'antiEntropy.jobs?input=%7B', {}, 400],
  [
    'a body over the limit',
    'records.append',
    { method: 'POST', body: 'x'.repeat(3_000_000), headers: JSON_TYPE },
    413,
  ],
])('garbage on HTTP: a stock tRPC call with %s', async (_what, path, init, status) => {
  const response = await fetch(`${node.url}/trpc/${path}`, init);
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(text).not.toMatch(/\bat .*\.js|stack/);
  await neighbour.goesOn();
});
