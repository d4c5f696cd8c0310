/** The OpenAPI 3.1 document, made from the table of routes and the schemas that check them. */
import { z } from 'zod';
import { codesByStatus, PROBLEM_TYPE, ProblemOutput } from './problems.js';
import { ROUTES, type Route } from './routes.js';

type JsonSchema = Record<string, unknown>;

interface ObjectSchema {
  readonly properties?: Record<string, JsonSchema>;
  readonly required?: readonly string[] | undefined;
  readonly oneOf?: readonly unknown[];
}

export function openApiDocument(): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of ROUTES) {
    const path = route.path.replace(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Mendlog',
      version: '0.1.0',
      summary: 'A self-healing replicated log',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: { schemas: { Problem: jsonSchema(ProblemOutput, 'output') } },
  };
}

function operation(route: Route): JsonSchema {
  const input: ObjectSchema = route.input === undefined ? {} : jsonSchema(route.input, 'input');
  const names = Object.keys(input.properties ?? {});
  const inPath = names.filter((name) => route.path.includes(`:${name}`));
  const hasBody = carriesBody(route);
  const inQuery = hasBody ? [] : names.filter((name) => !inPath.includes(name));
  const parameters = [...inPath, ...inQuery].map((name) => ({
    name,
    in: inPath.includes(name) ? 'path' : 'query',
    required: inPath.includes(name) || (input.required?.includes(name) ?? false),
    schema: input.properties?.[name] ?? {},
  }));
  const content =
    route.output === undefined
      ? { 'text/plain': { schema: { type: 'string' } } }
      : { 'application/json': { schema: jsonSchema(route.output, 'output') } };
  const inBody = withoutProperties(input, inPath);
  const body =
    hasBody && route.input !== undefined
      ? {
          requestBody: {
            required: (inBody.required ?? []).length > 0 || inBody.oneOf !== undefined,
            content: { 'application/json': { schema: inBody } },
          },
        }
      : {};
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^A-Za-z]+(.)?/g, (_, next) => (next ?? '').toUpperCase())}`,
    summary: route.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...body,
    responses: {
      [route.status]: { description: route.summary, content },
      ...problemResponses(route, content),
    },
  };
}

function carriesBody({ method }: Route): boolean {
  return method === 'POST' || method === 'PUT';
}

/** A body need not repeat what the path says. */
function withoutProperties(schema: ObjectSchema, names: readonly string[]): ObjectSchema {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !names.includes(name));
  const required = schema.required?.filter((name) => !names.includes(name)) ?? [];
  return {
    ...schema,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 ? { required } : { required: undefined }),
  };
}

/** Each status with the codes that it may carry. A route whose status depends on its answer may answer 503 with it. */
function problemResponses(route: Route, answer: JsonSchema): JsonSchema {
  const responses: JsonSchema = {};
  for (const [status, codes] of codesByStatus(carriesBody(route), route.errors ?? [])) {
    const schema = {
      allOf: [{ $ref: '#/components/schemas/Problem' }],
      properties: { status: { const: status }, code: { enum: codes } },
    };
    responses[status] = {
      description: codes.join(', '),
      content: {
        ...(status === 503 && route.statusOf !== undefined ? answer : {}),
        [PROBLEM_TYPE]: { schema },
      },
    };
  }
  return responses;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
