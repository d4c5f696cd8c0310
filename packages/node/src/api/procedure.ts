/** What every procedure has in common: its context, and what becomes of errors. */
import { callerGone, MendlogError, toMendlogError } from '@mendlog/core';
import { initTRPC, TRPCError } from '@trpc/server';
import type { Log } from '../log.js';
import type { CallGate } from './call-gate.js';
import { errorShapeOf, trpcCodeOf } from './error-shape.js';
import { RequestCaller } from './request-caller.js';
import type { PeerService, Service } from './service.js';

export interface RouterContext {
  readonly service: Service;
  readonly peer: PeerService | undefined;
  readonly log: Log;
  /** The caller has proved that it knows the cluster secret. */
  readonly isPeer: boolean;
  /** Aborts when nobody waits for the answer any more, as far as the way it came can tell. */
  readonly signal: AbortSignal;
  /** Of the request, as far as it is known. */
  readonly bytes: number;
  readonly gate: CallGate;
  /** Until when the answer is waited for, in the time of `performance.now()`; Infinity where nobody has said. */
  readonly deadlineMs: number;
}

export const t = initTRPC.context<RouterContext>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => ({ ...shape, data: { ...shape.data, mendlog: errorShapeOf(error) } }),
});

// A MendlogError, also one that came from another node, passes through tRPC as the cause of the error
// whose code fits its HTTP status. What nobody foresaw is logged: the caller gets to see no more than that.
// What waited here until its caller had gone is not begun.
export const procedure = t.procedure.use(async ({ ctx, next, path }) => {
  const caller = new RequestCaller(ctx.signal, ctx.deadlineMs);
  if (caller.isGone) throw callerGone();
  ctx.gate.enter(path, ctx.bytes);
  const result = await next({ ctx: { caller } }).finally(() => ctx.gate.leave(ctx.bytes));
  if (result.ok) return result;
  const cause = toMendlogError(result.error.cause);
  if (cause.code !== 'INTERNAL')
    throw new TRPCError({ code: trpcCodeOf(cause), message: cause.message, cause });
  if (result.error.code === 'INTERNAL_SERVER_ERROR')
    ctx.log.warn('a procedure failed', { path, error: result.error.cause });
  return result;
});

export const peerProcedure = procedure.use(({ ctx, next }) => {
  if (!ctx.isPeer) throw new MendlogError('UNAUTHORIZED', 'the peer procedures need the cluster secret');
  if (ctx.peer === undefined)
    throw new MendlogError('NOT_FOUND', 'this process is a gateway and holds no replica');
  return next({ ctx: { peer: ctx.peer } });
});
