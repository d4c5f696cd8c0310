/**
 * Procedures of a binary connection that are called without tRPC's chain of middlewares, which copies the call for each
 * of them several times over, property by property. A lone record takes three such calls, and each spent longer in that
 * chain than in zod, the gate and the resolver together.
 *
 * To a router of tRPC's a procedure is a function that carries its definition. So tRPC builds each of these, which
 * gives it its definition and types, and another function carries them, with the same gate and, to the caller, the same
 * errors. Schemas are parsed synchronously.
 */
import { type callTRPCProcedure, TRPCError } from '@trpc/server';
import type { z } from 'zod';
import { guarded, peerOf, type RouterContext, t } from './procedure.js';
import type { RequestCaller } from './request-caller.js';
import type { PeerService, Service } from './service.js';

/** What tRPC calls a procedure with, as far as it is needed. */
type ProcedureCall = Pick<Parameters<typeof callTRPCProcedure>[0], 'path' | 'getRawInput'> & {
  readonly ctx: RouterContext;
};

type Resolver<Asked, Schema extends z.ZodType, Output> = (
  asked: Asked,
  input: z.output<Schema>,
  caller: RequestCaller,
) => Output | Promise<Output>;

/** The builders of such procedures. `askedOf` gives what their resolvers ask; it throws where that may not be asked. */
function directProcedures<Asked>(askedOf: (ctx: RouterContext) => Asked) {
  const callOf =
    <Schema extends z.ZodType, Output>(schema: Schema, resolve: Resolver<Asked, Schema, Output>) =>
    async ({ ctx, path, getRawInput }: ProcedureCall): Promise<Output> => {
      const asked = askedOf(ctx);
      return await guarded({ ctx, path }, async (caller) =>
        resolve(asked, parsed(schema, await getRawInput()), caller),
      );
    };
  return {
    query<Schema extends z.ZodType, Output>(schema: Schema, resolve: Resolver<Asked, Schema, Output>) {
      const built = t.procedure.input(schema).query<Output>(neverCalled);
      return carrying(built, callOf(schema, resolve));
    },
    mutation<Schema extends z.ZodType, Output>(schema: Schema, resolve: Resolver<Asked, Schema, Output>) {
      const built = t.procedure.input(schema).mutation<Output>(neverCalled);
      return carrying(built, callOf(schema, resolve));
    },
  };
}

/** The same procedure with another function. */
function carrying<Procedure extends { readonly _def: object }>(
  { _def }: Procedure,
  call: (call: ProcedureCall) => Promise<unknown>,
): Procedure {
  return Object.assign(call, { _def }) as object as Procedure;
}

function neverCalled(): never {
  throw new Error('the function of a definition that another function carries was called');
}

function parsed<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new TRPCError({ code: 'BAD_REQUEST', cause: result.error });
}

/** What anyone may ask a node or a gateway. */
export const directProcedure = directProcedures<Service>(({ service }) => service);

/** What only a node may ask, of one that holds replicas. */
export const directPeerProcedure = directProcedures<PeerService>(peerOf);
