/** What every procedure has in common: its context, and what becomes of errors. */
import { callerGone, MendlogError, toMendlogError } from '@mendlog/core';
import { initTRPC, TRPCError } from '@trpc/server';
import type { Log } from '../log.js';
import type { CallGate } from './call-gate.js';
import { errorShapeOf, trpcCodeOf } from './error-shape.js';
import { type CallerAbandonment, RequestCaller } from './request-caller.js';
import type { PeerService, Service } from './service.js';

export interface RouterContext {
  readonly service: Service;
  readonly peer: PeerService | undefined;
  readonly log: Log;
  /** The caller has proved that it knows the cluster secret. */
  readonly isPeer: boolean;
  /** Whether anybody waits for the answer still, as far as the way it came can tell. */
  readonly abandonment: CallerAbandonment;
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

/**
 * Begins a call, where there is room for it and somebody waits for it; else it throws REQUEST_TIMEOUT or OVERLOADED. A
 * MendlogError of the call, also one that came from another node, becomes the cause of the error of tRPC's whose code
 * fits its HTTP status. What nobody foresaw is logged: the caller gets to see no more than that.
 */
export async function guarded<Result>(
  { ctx, path }: { ctx: RouterContext; path: string },
  begin: (caller: RequestCaller) => Promise<Result>,
): Promise<Result> {
  const { gate, bytes } = ctx;
  const caller = new RequestCaller(ctx.abandonment, ctx.deadlineMs);
  if (caller.isGone) throw callerGone();
  gate.enter(path, bytes);
  try {
    return await begin(caller);
  } catch (thrown) {
    throw refusalOf(thrown, path, ctx.log);
  } finally {
    gate.leave(bytes);
  }
}

function refusalOf(thrown: unknown, path: string, log: Log): unknown {
  const trpcError = thrown instanceof TRPCError ? thrown : undefined;
  const cause = toMendlogError(trpcError === undefined ? thrown : trpcError.cause);
  if (cause.code !== 'INTERNAL') return refusal(cause);
  if (trpcError === undefined || trpcError.code === 'INTERNAL_SERVER_ERROR')
    log.warn('a procedure failed', { path, error: trpcError?.cause ?? thrown });
  return thrown;
}

function refusal(cause: MendlogError): TRPCError {
  return new TRPCError({ code: trpcCodeOf(cause), message: cause.message, cause });
}

export const procedure = t.procedure.use(({ ctx, next, path }) =>
  guarded({ ctx, path }, async (caller) => {
    const result = await next({ ctx: { caller } });
    if (!result.ok) throw result.error;
    return result;
  }),
);

/** Throws where the caller may not ask what only peers may, or there is no replica to ask. */
export function peerOf({ isPeer, peer }: RouterContext): PeerService {
  if (!isPeer) throw refusal(new MendlogError('UNAUTHORIZED', 'the peer procedures need the cluster secret'));
  if (peer === undefined)
    throw refusal(new MendlogError('NOT_FOUND', 'this process is a gateway and holds no replica'));
  return peer;
}
