import { z } from 'zod';
import { actorOf, type Context, defineRoute, httpFault, ok, type Route } from '../../http/index.ts';
import type { Principal } from '../../kernel/principal.ts';
import { meterId, parseRfc3339, type Readings } from '../../readings/index.ts';
import { type EmsLogs, userOf } from './log-files.ts';

export interface EmsRouteDeps {
  readonly prefix: string;
  readonly readings: Readings;
  readonly logs: EmsLogs;
}

const TABLE = 'energy_data';
/** The most rows that one question is answered with (E13). */
const MAX_ROWS = 10_000;

/** The routes of the EMS agent beside its sign-in. */
export const emsRoutes = (deps: EmsRouteDeps): readonly Route[] => [
  secureData(deps),
  offerData(deps),
  meterData(deps),
  deleteMeter(deps),
];

const secureData = ({ prefix }: EmsRouteDeps): Route =>
  defineRoute({
    method: 'GET',
    path: `${prefix}/api/v1/data/secure`,
    profile: 'ems',
    summary: 'Greets whoever is signed in.',
    access: { kind: 'signed-in' },
    records: 'read',
    replies: { 200: z.strictObject({ message: z.string() }) },
    faults: [],
    handle: async ({ caller }) => ok({ message: `Secure data for ${userOf(caller)}` }),
  });

const offerData = ({ prefix, readings, logs }: EmsRouteDeps): Route =>
  defineRoute({
    method: 'POST',
    path: `${prefix}/api/v1/data`,
    profile: 'ems',
    summary: 'Stores one reading (EnergyDataInput).',
    access: { kind: 'permission', permission: 'write:meter_data' },
    records: 'change',
    body: z.unknown(), // the rules of a reading are those of the native API: `parse` knows them
    replies: {
      200: z.strictObject({ message: z.string(), meter_id: z.string(), stored: z.int(), repeated: z.int() }),
    },
    faults: ['READING_CONFLICT'],
    handle: async ({ body, caller, tenantId, context }) => {
      const [reading] = await readings.parse(inUtc(body));
      if (reading === undefined) throw httpFault('HTTP_BODY_MISSING');
      const counts = await readings.store({ ...actorOf(context, caller, tenantId), tenantId }, [reading]);
      logs.dataAccess({ ...accessOf(context, caller), action: 'insert', recordCount: 1, filters: {} });
      return ok({ message: 'Data stored', meter_id: reading.meterId, ...counts });
    },
  });

/** A time without a zone is one of UTC (D09): the old clients send both. */
function inUtc(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw httpFault('HTTP_INPUT_REFUSED', { errors: [{ at: 'body', reason: 'must be one reading' }] });
  }
  const { timestamp } = Object(body);
  return typeof timestamp === 'string' ? { ...body, timestamp: zoned(timestamp) } : body;
}

function zoned(text: string): string {
  if (!NAIVE.test(text)) return text;
  const whole = text.length === 16 ? `${text}:00` : text;
  return `${whole.replace(' ', 'T')}Z`;
}

const NAIVE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/;

const day = /^\d{4}-\d\d-\d\d$/;
const invalidTime = 'must be a date, or an RFC 3339 time';

/** A date stands for its whole day, from its first moment or to its last. */
const bound = (ofDay: string) =>
  z
    .string()
    .transform((text, issues) => {
      const at = parseRfc3339(day.test(text) ? `${text}T${ofDay}Z` : zoned(text));
      if (at !== undefined) return at;
      issues.addIssue(invalidTime);
      return z.NEVER;
    })
    .optional();

const meterData = ({ prefix, readings, logs }: EmsRouteDeps): Route =>
  defineRoute({
    method: 'GET',
    path: `${prefix}/api/v1/data/:meter_id`,
    profile: 'ems',
    summary: 'The readings of a meter between two dates, both within; at most 10,000.',
    access: { kind: 'permission', permission: 'read:meter_data' },
    records: 'read',
    params: z.strictObject({ meter_id: z.string().max(50, 'Invalid meter_id').pipe(meterId) }),
    query: z.strictObject({ start_date: bound('00:00:00'), end_date: bound('23:59:59.999') }),
    replies: {
      200: z.strictObject({
        meter_id: z.string(),
        data: z.array(z.record(z.string(), z.unknown())),
        truncated: z.boolean().describe('Whether there is more than one answer holds.'),
      }),
    },
    faults: [],
    handle: async ({ params, query, caller, tenantId, context }) => {
      const { start_date: from, end_date: to } = query;
      const page = await readings.list(tenantId, { meter_id: params.meter_id, from, to, limit: MAX_ROWS });
      const filters = { meter_id: params.meter_id, start_date: from ?? null, end_date: to ?? null };
      const recordCount = page.items.length;
      logs.dataAccess({ ...accessOf(context, caller), action: 'read', recordCount, filters });
      const body = { meter_id: params.meter_id, data: page.items, truncated: page.next_cursor !== null };
      return ok(body, { records: recordCount, object: `meter ${params.meter_id}` });
    },
  });

const deleteMeter = ({ prefix, readings, logs }: EmsRouteDeps): Route =>
  defineRoute({
    method: 'DELETE',
    path: `${prefix}/api/v1/data/:meter_id`,
    profile: 'ems',
    summary: 'Deletes all readings of a meter.',
    access: { kind: 'permission', permission: 'delete' },
    records: 'change',
    params: z.strictObject({ meter_id: meterId }),
    replies: { 200: z.strictObject({ message: z.string(), deleted: z.int() }) },
    faults: ['READING_UNKNOWN_METER'],
    handle: async ({ params, caller, tenantId, context }) => {
      const actor = { ...actorOf(context, caller, tenantId), tenantId };
      const deleted = await readings.removeMeter(actor, params.meter_id);
      const filters = { meter_id: params.meter_id };
      logs.dataAccess({ ...accessOf(context, caller), action: 'delete', recordCount: deleted, filters });
      return ok({ message: `Data of meter ${params.meter_id} deleted`, deleted });
    },
  });

const accessOf = ({ address }: Context, caller: Principal) => ({
  user: userOf(caller),
  table: TABLE,
  sourceIp: address,
});
