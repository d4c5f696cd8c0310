/**
 * Procedures of a binary connection that are called without tRPC's chain of middlewares, which copies call and context
 * four times for each of them, property by property. What a node is asked for a lone record is three such calls, and
 * each took longer in that chain than in zod, the gate and the resolver together.
 *
 * To a router of tRPC's a procedure is a function that carries its definition. So tRPC builds each of these, which
 * gives it its definition, and another function carries it, with the same gate and the same errors.
 */
import {
  TRPCError,
  type TRPCMutationProcedure,
  type TRPCProcedureType,
  type TRPCQueryProcedure,
} from '@trpc/server';
import type { z } from 'zod';
import { guarded, peerOf, type RouterContext, t } from './procedure.js';
import type { RequestCaller } from './request-caller.js';
import type { PeerService, Service } from './service.js';

/** What tRPC calls a procedure with, as far as it is needed. */
interface ProcedureCall {
  readonly ctx: RouterContext;
  readonly path: string;
  readonly type: TRPCProcedureType;
  getRawInput(): Promise<unknown>;
}

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
      const { _def } = t.procedure.input(schema).query(neverCalled);
      const procedure: unknown = Object.assign(callOf(schema, resolve), { _def });
      return procedure as TRPCQueryProcedure<{ input: z.input<Schema>; output: Output; meta: object }>;
    },
    mutation<Schema extends z.ZodType, Output>(schema: Schema, resolve: Resolver<Asked, Schema, Output>) {
      const { _def } = t.procedure.input(schema).mutation(neverCalled);
      const procedure: unknown = Object.assign(callOf(schema, resolve), { _def });
      return procedure as TRPCMutationProcedure<{ input: z.input<Schema>; output: Output; meta: object }>;
    },
  };
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
export const direct = directProcedures<Service>(({ service }) => service);

/** What only a node may ask, of one that holds replicas. */
export const peerDirect = directProcedures<PeerService>(peerOf);
