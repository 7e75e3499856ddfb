import { z } from 'zod';
import { actorOf, defineRoute, idText, nothing, ok, type Route, wholeNumber } from '../http/index.ts';
import { epochMs } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { Anomalies } from './anomalies.ts';
import { ANOMALY_KINDS, type Anomaly, explain } from './anomaly.ts';
import type { BaselineView } from './anomaly-view.ts';

const principal = z
  .string()
  .max(100)
  .regex(/^(?:api-key|person|address|peers):[A-Za-z0-9.:/_-]{1,90}$(?!\n)/, 'must be like api-key:ID or address:IP')
  .describe('`api-key:ID`, `person:ID`, `address:IP`, or `peers:KIND` for all of a kind together.');

const filter = z.strictObject({
  which: z.enum(['live', 'all']).default('live').describe('`all` lists those that are over too.'),
  principal: principal.optional(),
  cursor: idText.optional(),
  limit: wholeNumber(1, 1_000).default(100),
});

const anomaly = z.strictObject({
  id: z.string(),
  principal: z.string(),
  kind: z.enum(ANOMALY_KINDS),
  profile: z.string(),
  score: z.number().describe('0 to 1.'),
  explanation: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  begun_at: z.string(),
  last_at: z.string(),
  ended_at: z.string().nullable().describe('Null while it goes on.'),
});

const baseline = z.strictObject({
  principal: z.string(),
  first_at: z.string(),
  seen_at: z.string(),
  learning: z.boolean().describe('Nothing that it does is called unusual yet.'),
  measures: z.array(
    z.strictObject({
      measure: z.string(),
      expected: z.number().nullable(),
      limit: z.number().nullable().describe('More than this is told.'),
      now: z.number().describe('In the minute or hour that runs, in the answering process.'),
      explanation: z.string(),
    }),
  ),
  places: z.array(z.string()).describe('Where a key was used from; those of people are told to nobody.'),
});

/** Like blocks these are about the clients of everybody, so no person of a tenant sees them. */
export function anomalyRoutes(anomalies: Anomalies): readonly Route[] {
  const access = { kind: 'permission', permission: 'platform:blocks' } as const;
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/detection/anomalies',
      summary: 'Unusual use of people, keys and addresses, explained; with `principal` also what is usual for it.',
      access,
      records: 'read',
      query: filter,
      replies: {
        200: z.strictObject({
          items: z.array(anomaly),
          next_cursor: z.string().nullable(),
          baseline: baseline.nullable(),
        }),
      },
      faults: [],
      handle: async ({ query: { which, ...wanted } }) => {
        const { items, nextCursor } = await anomalies.list({ ...wanted, ended: which === 'all' });
        const usual = wanted.principal === undefined ? undefined : await anomalies.baseline(wanted.principal);
        const body = {
          items: items.map(viewOf),
          next_cursor: nextCursor ?? null,
          baseline: usual === undefined ? null : baselineOf(usual),
        };
        return ok(body, { records: items.length });
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/detection/baselines/:principal',
      summary: 'Learn anew what is usual for one whose work has changed; until then nothing of it is called unusual.',
      access,
      records: 'change',
      params: z.strictObject({ principal }),
      replies: { 204: 'nothing' },
      faults: ['DETECTION_BASELINE_UNKNOWN'],
      handle: async ({ params, caller, context }) => {
        await anomalies.forget(actorOf(context, caller), params.principal);
        return nothing;
      },
    }),
  ];
}

function viewOf({ id, principal: name, kind, profile, score, evidence, begunAt, lastAt, endedAt }: Anomaly) {
  return {
    id,
    principal: name,
    kind,
    profile,
    score,
    explanation: explain(kind, evidence),
    evidence,
    begun_at: rfc3339(begunAt),
    last_at: rfc3339(lastAt),
    ended_at: endedAt === undefined ? null : rfc3339(endedAt),
  };
}

const baselineOf = ({ principal: name, firstAt, seenAt, learning, measures, places }: BaselineView) => ({
  principal: name,
  first_at: rfc3339(epochMs(firstAt)),
  seen_at: rfc3339(epochMs(seenAt)),
  learning,
  measures: measures.map(({ expected = null, limit = null, ...rest }) => ({ ...rest, expected, limit })),
  places: [...places],
});
