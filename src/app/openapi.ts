import { z } from 'zod';
import type { Route } from '../http/index.ts';
import { statusOf } from '../http/index.ts';
import type { FaultTable } from '../kernel/errors.ts';

type Schema = Readonly<Record<string, unknown>>;

const PROBLEM: Schema = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  required: ['type', 'title', 'status', 'code', 'instance'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: { type: 'object', properties: { at: { type: 'string' }, reason: { type: 'string' } } },
    },
  },
};

/** The surface as an OpenAPI 3.1 document, printed from the values that the server itself goes by. */
export function openApiOf(routes: readonly Route[], faults: FaultTable, version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, faults) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Twinkeep',
      version,
      description: 'The security platform for digital twins.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  };
}

function operationOf(route: Route, faults: FaultTable): Schema {
  const open = route.access.kind === 'public' || route.access.kind === 'unlimited';
  const asked = route.access.kind === 'permission' ? ` Needs the permission \`${route.access.permission}\`.` : '';
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    description: `${route.summary}${asked}`,
    tags: [route.path.split('/')[2] ?? 'system'],
    security: open ? [] : [{ bearer: [] }, { apiKey: [] }],
    ...parametersOf(route),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route) }),
    responses: { ...repliesOf(route), ...problemsOf(route, faults) },
  };
}

const operationIdOf = ({ method, path }: Route): string =>
  [method.toLowerCase(), ...path.split('/').filter(Boolean)].join('_').replaceAll(/[^A-Za-z0-9_]/g, '');

function parametersOf(route: Route): Schema {
  const parameters = [...parametersIn(route.params, 'path'), ...parametersIn(route.query, 'query')];
  return parameters.length === 0 ? {} : { parameters };
}

function parametersIn(schema: z.ZodType | undefined, place: 'path' | 'query'): readonly Schema[] {
  if (schema === undefined) return [];
  const { properties, required } = jsonSchema(schema, 'input');
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(Object(properties)).map(([name, own]) => ({
    name,
    in: place,
    required: place === 'path' || needed.includes(name),
    schema: own,
  }));
}

function requestBodyOf({ body, streams, bodyOptional = false }: Route): Schema {
  const content: Record<string, unknown> = {};
  if (body !== undefined) content['application/json'] = { schema: jsonSchema(body, 'input') };
  for (const type of streams ?? [])
    content[type] = { schema: { type: 'string', description: 'A JSON object a line.' } };
  return { required: !bodyOptional, content };
}

function repliesOf({ replies }: Route): Schema {
  return Object.fromEntries(
    Object.entries(replies).map(([status, promised]) => {
      if (promised === 'nothing') return [status, { description: 'Done; there is nothing to say.' }];
      const content =
        typeof promised === 'string'
          ? { [promised]: { schema: { type: 'string' } } }
          : { 'application/json': { schema: jsonSchema(promised, 'output') } };
      return [status, { description: 'Done.', content }];
    }),
  );
}

/** The line's own refusals and the route's, a status each, with the codes that it may carry. */
function problemsOf(route: Route, faults: FaultTable): Schema {
  const open = route.access.kind === 'public' || route.access.kind === 'unlimited';
  const codes = new Set<string>(route.faults);
  if (route.access.kind !== 'unlimited') codes.add('LIMIT_EXCEEDED');
  if (!open) for (const code of ['ACCESS_UNAUTHENTICATED', 'ACCESS_FORBIDDEN']) codes.add(code);
  if (route.body !== undefined)
    for (const code of ['HTTP_BODY_NOT_JSON', 'HTTP_BODY_TOO_LARGE', 'HTTP_BODY_TYPE']) codes.add(code);
  if (route.body !== undefined || route.query !== undefined || route.params !== undefined)
    codes.add('HTTP_INPUT_REFUSED');
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const kind = faults[code]?.[0];
    if (kind === undefined) continue;
    byStatus.set(statusOf(kind), [...(byStatus.get(statusOf(kind)) ?? []), code]);
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus].map(([status, own]) => [status, { description: own.sort().join(', '), content }]),
  );
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...own } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' });
  return own;
}
