// Deadlines: one timer for many calls, and procedures that learn that nobody waits for them any more.
import { getEventListeners } from 'node:events';
import { LIMITS } from '@mendlog/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Deadlines, type Due } from '../src/deadlines.js';
import { decodeAnswer, encodeRequest } from '../src/messages.js';
import { eventually } from './eventually.js';
import { TestServer } from './test-server.js';

const failsWith = (cause: object) => ({ name: 'TRPCClientError', cause });

describe('deadlines: the timer', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function watched() {
    const underWay = new Set<Due>();
    const ended: number[] = [];
    const beganMs = performance.now();
    const deadlines = new Deadlines<Due>({
      underWay: () => underWay,
      onDue: (call) => {
        underWay.delete(call);
        ended.push(call.deadlineMs - beganMs);
      },
    });
    const begin = (timeoutMs: number): Due => {
      const nowMs = performance.now();
      const call = { deadlineMs: nowMs + timeoutMs };
      underWay.add(call);
      deadlines.watch(call.deadlineMs, nowMs);
      return call;
    };
    return { begin, deadlines, ended, underWay };
  }

  test('deadlines: a thousand calls have one timer (the earliest)', () => {
    const { begin, ended, underWay } = watched();
    for (let i = 0; i < 1000; i++) begin(5000 - i);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(4001);
    expect(ended).toEqual([4001]);
    vi.advanceTimersByTime(1000);
    expect(ended).toHaveLength(1000);
    expect(underWay.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('deadlines: calls that ended in time are not ended again, and leave no timer', () => {
    const { begin, ended, underWay } = watched();
    underWay.delete(begin(10));
    begin(100);
    vi.advanceTimersByTime(50);
    expect(ended).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(50);
    expect(ended).toEqual([100]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('deadlines: an earlier one moves the timer, one beyond what a timer can wait keeps it', () => {
    const { begin, deadlines, ended } = watched();
    begin(2 ** 40);
    begin(20);
    vi.advanceTimersByTime(20);
    expect(ended).toEqual([20]);
    vi.advanceTimersByTime(2 ** 31);
    expect(ended).toEqual([20]);
    expect(vi.getTimerCount()).toBe(1);
    deadlines.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('deadlines: stopped, it begins again with the next call', () => {
    const { begin, deadlines, ended } = watched();
    begin(20);
    deadlines.stop();
    vi.advanceTimersByTime(100);
    expect(ended).toEqual([]);
    begin(30);
    vi.advanceTimersByTime(30);
    expect(ended).toEqual([20, 130]);
  });
});

describe('deadlines: at the server', () => {
  test('deadlines: a procedure is aborted at the deadline, and its late answer is not sent', async () => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    stranger.socket.send(
      encodeRequest({ id: 1, type: 'query', path: 'wait', input: undefined, timeoutMs: 20 }),
    );
    await eventually('the abort', () => server.aborts.length === 1);
    expect(server.aborts).toEqual(['the deadline of the call has passed']);
    for (const answer of server.waiting) answer('late');
    stranger.socket.send(
      encodeRequest({ id: 2, type: 'query', path: 'echo', input: 'next', timeoutMs: 5000 }),
    );
    await eventually('the next answer', () => stranger.received.length > 0);
    expect(stranger.received.map(decodeAnswer)).toEqual([{ id: 2, type: 'answer', data: 'next' }]);
  });

  test('deadlines: an aborted call ends at both ends, and the connection goes on', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen({ timeoutMs: 60_000 });
    const controller = new AbortController();
    const aborted = call.wait.query(undefined, { signal: controller.signal });
    const other = call.wait.query();
    await eventually('both calls', () => server.waiting.size === 2);
    controller.abort();
    await expect(aborted).rejects.toMatchObject(
      failsWith({ code: 'CONNECTION_LOST', message: 'the caller has aborted wait' }),
    );
    await eventually('the abort', () => server.aborts.length === 1);
    expect(server.aborts).toEqual(['the caller has cancelled the call']);
    for (const answer of server.waiting) answer('done');
    expect(await other).toBe('done');
  });

  test('deadlines: a call that was aborted before is not sent', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const signal = AbortSignal.abort();
    await expect(call.wait.query(undefined, { signal })).rejects.toMatchObject(
      failsWith({ code: 'CONNECTION_LOST', message: 'wait was aborted unsent' }),
    );
    expect(await call.echo.query(1)).toBe(1);
    expect(server.waiting.size).toBe(0);
  });

  test('deadlines: a call that timed out at its caller ends at the server', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    await expect(call.wait.query(undefined, { context: { timeoutMs: 20 } })).rejects.toMatchObject(
      failsWith({ code: 'CONNECTION_LOST' }),
    );
    await eventually('the abort', () => server.aborts.length === 1);
  });

  test('deadlines: the signal of a call keeps nothing of it, however it ended', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const { call } = connection;
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = () => getEventListeners(signal, 'abort').length;
    const failed = async (outcome: Promise<unknown>, code: string) => {
      await expect(outcome).rejects.toMatchObject(failsWith({ code }));
      expect(listeners()).toBe(0);
    };
    expect(await call.echo.query(7, { signal })).toBe(7);
    expect(listeners()).toBe(0);
    await failed(call.refuse.query(undefined, { signal }), 'AMBIGUOUS_ID');
    await failed(call.wait.query(undefined, { signal, context: { timeoutMs: 20 } }), 'CONNECTION_LOST');
    await failed(call.echo.query(new Uint8Array(LIMITS.messageBytesMax), { signal }), 'TOO_LARGE');
    const cutOff = call.wait.query(undefined, { signal });
    expect(listeners()).toBe(1);
    connection.reset();
    await failed(cutOff, 'CONNECTION_LOST');
    expect(await connection.waitUntilOpen(10_000)).toBe(true);
    const aborted = call.wait.query(undefined, { signal });
    controller.abort();
    await failed(aborted, 'CONNECTION_LOST');
  });

  test('deadlines: the end of the connection aborts what it had asked for, and nothing else', async () => {
    await using server = await TestServer.start();
    const leaving = await server.connectOpen({ timeoutMs: 60_000 });
    const staying = await server.connectOpen({ timeoutMs: 60_000 });
    const ended = Promise.allSettled([leaving.call.wait.query(), leaving.call.wait.query()]);
    const other = staying.call.wait.query();
    await eventually('all calls', () => server.waiting.size === 3);
    leaving.close();
    await ended;
    await eventually('both aborts', () => server.aborts.length === 2);
    expect(new Set(server.aborts)).toEqual(new Set(['the connection of the caller has ended']));
    for (const answer of server.waiting) answer('done');
    expect(await other).toBe('done');
    expect(server.aborts).toHaveLength(2);
  });

  test('deadlines: a cancelled procedure that goes on counts until it has ended (limit of calls)', async () => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    const { connectionRequestsMax } = LIMITS;
    const ask = (id: number) =>
      stranger.socket.send(
        encodeRequest({ id, type: 'query', path: 'wait', input: undefined, timeoutMs: 60_000 }),
      );
    for (let id = 1; id <= connectionRequestsMax; id++) ask(id);
    await eventually('the calls', () => server.waiting.size === connectionRequestsMax);
    for (let id = 1; id <= connectionRequestsMax; id++)
      stranger.socket.send(encodeRequest({ id, type: 'cancel' }));
    await eventually('the aborts', () => server.aborts.length === connectionRequestsMax);
    ask(connectionRequestsMax + 1);
    await eventually('the refusal', () => stranger.received.length === 1);
    expect(stranger.received.map(decodeAnswer)).toMatchObject([
      { type: 'refusal', error: { code: 'OVERLOADED' } },
    ]);
  });

  test('adapter: two calls under way with one id end the connection', async () => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    for (let i = 0; i < 2; i++)
      stranger.socket.send(
        encodeRequest({ id: 1, type: 'query', path: 'wait', input: undefined, timeoutMs: 60_000 }),
      );
    expect(await stranger.ended).toBe(1007);
  });
});
