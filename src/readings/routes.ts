import { z } from 'zod';
import { actorOf, created, defineRoute, httpFault, type Input, ok, type Route } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import type { TenantActor } from './batch.ts';
import { MAX_READINGS } from './config.ts';
import type { Readings } from './readings.ts';
import { LATEST, parseRfc3339 } from './timestamp.ts';
import { location, meterId, plainReadingSchema } from './validate.ts';

/** What a role or key may be allowed here. */
export const readingPermissions = ['read:meter_data', 'write:meter_data', 'delete:meter_data'] as const;

const [READ, WRITE, DELETE] = readingPermissions;
const DEFAULT_LIMIT = 1_000;
const MAX_BODY_BYTES = 4_194_304;

/** The room's part of the HTTP surface. */
export const readingRoutes = (readings: Readings): readonly Route[] => [
  offerReadings(readings),
  listReadings(readings),
  deleteReadings(readings),
];

const count = z.int().min(0);
const counts = z.strictObject({ stored: count, repeated: count });

const intakeAnswer = z.strictObject({
  lines: count,
  accepted: count,
  stored: count,
  repeated: count,
  resume_line: z.int().min(1),
  resume_byte: count,
  bad_lines: z.array(z.never()),
});

const offerReadings = (readings: Readings): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/readings',
    detection: { text: ['body.location', 'body.readings.location'] },
    summary: 'Stores one reading, an array of up to 10,000 (all or none), or a stream of lines in batches.',
    access: { kind: 'permission', permission: WRITE },
    inspect: 'head', // the schema admits free text in location alone, which is sealed and never run or rendered
    records: 'change',
    maxBodyBytes: MAX_BODY_BYTES,
    streams: ['application/x-ndjson'],
    body: offeredBody(),
    replies: { 201: counts, 200: intakeAnswer },
    faults: ['READING_CONFLICT', 'READING_TOO_MANY', 'READING_LINES_REFUSED'],
    handle: async (input) => {
      if (input.stream === undefined)
        return created(await readings.store(actingIn(input), await readings.parse(input.body)));
      const encoding = input.context.headers['content-encoding'] ?? 'identity';
      if (encoding.toLowerCase() !== 'identity') throw httpFault('HTTP_BODY_ENCODING', { taken: 'identity' });
      return ok(await readings.takeLines(actingIn(input), input.stream, input.confirm));
    },
  });

/**
 * Says in OpenAPI what is taken, and takes anything: 10,000 readings are checked by `parse`, which lets other requests
 * have their turn in between.
 */
function offeredBody() {
  const { $schema: _, ...one } = z.toJSONSchema(
    plainReadingSchema(() => LATEST),
    { io: 'input' },
  );
  return z.unknown().meta({ oneOf: [one, { type: 'array', items: one, minItems: 1, maxItems: MAX_READINGS }] });
}

const readingItem = z.strictObject({
  meter_id: meterId,
  timestamp: z.string().meta({ format: 'date-time' }),
  energy_consumption: z.number(),
  power_factor: z.number().nullable(),
  location: z.string().nullable(),
});

/** A `+` in a query is read as a space, which is what goes wrong first. */
const queryTime = z.string().transform((text, issues): EpochMs => {
  const at = parseRfc3339(text);
  if (at !== undefined) return at;
  issues.addIssue('must be an RFC 3339 time with Z or an offset, its + written as %2B');
  return z.NEVER;
});

const listQuery = z.strictObject({
  meter_id: meterId.optional(),
  location: location.optional().describe('However it is spelt: case, width and blanks make no difference.'),
  from: queryTime.optional(),
  to: queryTime.optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, 'must be a number from 1 to 10000')
    .transform(Number)
    .pipe(z.int().max(MAX_READINGS))
    .default(DEFAULT_LIMIT),
  cursor: z.string().min(1).max(512).optional(),
});

const listReadings = (readings: Readings): Route =>
  defineRoute({
    method: 'GET',
    path: '/v1/readings',
    summary: 'Lists readings in the order of meter and time, page by page.',
    access: { kind: 'permission', permission: READ },
    records: 'read',
    query: listQuery,
    replies: { 200: z.strictObject({ items: z.array(readingItem), next_cursor: z.string().nullable() }) },
    faults: ['READING_CURSOR'],
    handle: async ({ tenantId, query }) => {
      const page = await readings.list(tenantId, query);
      const object = query.meter_id === undefined ? {} : { object: `meter ${query.meter_id}` };
      return ok(page, { records: page.items.length, ...object });
    },
  });

const deleteReadings = (readings: Readings): Route =>
  defineRoute({
    method: 'DELETE',
    path: '/v1/readings/:meter_id',
    summary: 'Deletes all readings of a meter.',
    access: { kind: 'permission', permission: DELETE },
    records: 'change',
    params: z.strictObject({ meter_id: meterId }),
    replies: { 200: z.strictObject({ deleted: z.int().min(1) }) },
    faults: ['READING_UNKNOWN_METER'],
    handle: async (input) => ok({ deleted: await readings.removeMeter(actingIn(input), input.params.meter_id) }),
  });

const actingIn = ({ caller, tenantId, context }: Pick<Input, 'caller' | 'tenantId' | 'context'>): TenantActor => ({
  ...actorOf(context, caller),
  tenantId,
});
