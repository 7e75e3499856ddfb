import { z } from 'zod';
import { actorOf, defineRoute, idText, nothing, ok, type Route } from '../http/index.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { agentOf, wordsOf } from './agent.ts';
import { personOf } from './caller.ts';
import type { Sessions } from './sessions.ts';

const device = z.strictObject({
  id: z.string(),
  device: z.string().nullable().describe('In words: `Firefox on Windows`.'),
  address: z.string().nullable().describe('Of the last sign-in.'),
  first_seen_at: z.string(),
  last_seen_at: z.string(),
  remembered_until: z.string().nullable().describe('Until then no second factor is asked for there.'),
});

export const deviceRoutes = ({ devices }: Sessions): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/devices',
    summary: 'The devices that you have signed in with, the last used first.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'read',
    replies: { 200: z.strictObject({ items: z.array(device) }) },
    faults: [],
    handle: async ({ caller }) => {
      const items = (await devices.list(personOf(caller).personId)).map((one) => ({
        id: one.id,
        device: one.device === undefined ? null : wordsOf(agentOf(one.device.userAgent)),
        address: one.device?.address ?? null,
        first_seen_at: rfc3339(one.firstSeenAt),
        last_seen_at: rfc3339(one.lastSeenAt),
        remembered_until: one.rememberedUntil === undefined ? null : rfc3339(one.rememberedUntil),
      }));
      return ok({ items }, { records: items.length });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/devices/:id',
    summary:
      'Forget a device: the next sign-in there is one from a new device, with the second factor. Its sessions go on, but one whose device secret a later sign-in in that browser has replaced ends at its next refresh.',
    access: { kind: 'signed-in', as: 'person' },
    records: 'change',
    params: z.strictObject({ id: idText }),
    replies: { 204: 'nothing' },
    faults: ['SESSION_DEVICE_UNKNOWN'],
    handle: async ({ caller, params, tenantId, context }) => {
      await devices.forget(actorOf(context, caller, tenantId), personOf(caller).personId, params.id);
      return nothing;
    },
  }),
];
