import { z } from 'zod';
import { actorOf, created, defineRoute, idText, nothing, ok, type Route, storableText } from '../http/index.ts';
import { apiKeyId } from '../kernel/brand.ts';
import { days, hours, minutes, rfc3339 } from '../kernel/clock.ts';
import type { ApiKeys } from './api-keys.ts';
import type { AssertMayGive } from './legacy-import.ts';
import type { ApiKey } from './store.ts';

const MAX_LIFE_S = days(3_650) / 1_000;

const scopes = z.array(z.string().min(1).max(64)).min(1).max(50);

/** As `openssl x509 -fingerprint -sha256` prints it, as bare hexadecimal, or as RFC 8705 has it (x5t#S256). */
const certificate = z
  .string()
  .max(95)
  .regex(/^([0-9A-Fa-f]{64}|([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}|[A-Za-z0-9_-]{43})$/, 'must be a SHA-256')
  .transform((text) =>
    text.length === 43 ? Buffer.from(text, 'base64url').toString('hex') : text.replaceAll(':', '').toLowerCase(),
  );

const wish = z.strictObject({
  name: storableText(1, 100),
  scopes,
  expires_in: z.int().min(1).max(MAX_LIFE_S).optional().describe('Seconds; without it the key does not expire.'),
  certificate_sha256: certificate
    .optional()
    .describe('The SHA-256 of a client certificate: the key is good over connections with that one alone.'),
});

const legacyKeys = z.strictObject({
  keys: z
    .record(z.string(), z.unknown())
    .describe('From the first 8 characters of each key to its bcrypt hash, or to a list of hashes.'),
  scopes,
  replace: z.boolean().optional().describe('End the keys taken over earlier that are not among these.'),
});

const counts = z.strictObject({
  added: z.int(),
  kept: z.int(),
  ended: z.int(),
  revoked: z.int().describe('Ended here before, and left so.'),
  other_scopes: z.int().describe('Of the kept, those with other scopes than these; they keep theirs.'),
});

const key = z.strictObject({
  id: z.string(),
  prefix: z.string().describe('The public part of the key, to find it in logs.'),
  legacy: z.boolean().describe('Taken over from another system by its hash.'),
  name: z.string(),
  scopes: z.array(z.string()),
  created_by: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  last_used_at: z.string().nullable().describe('Up to 10 seconds late.'),
  certificate_sha256: z.string().nullable().describe('Of the one client certificate that the key is good with.'),
});

export function apiKeyRoutes(keys: ApiKeys, assertMayGive: AssertMayGive): readonly Route[] {
  const tags = { kind: 'permission', permission: 'admin:api_keys' } as const;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/api-keys',
      summary: 'Make an API key. The answer is the only place where the key ever stands.',
      access: { ...tags, provedWithinMs: hours(12) },
      limits: [{ per: 'principal', count: 60, windowMs: minutes(1) }],
      records: 'change',
      body: wish,
      replies: { 201: key.extend({ key: z.string() }) },
      faults: ['ACCESS_ESCALATION', 'ACCESS_PERMISSION_UNKNOWN'],
      handle: async ({ body, caller, tenantId, context }) => {
        const { name, scopes, expires_in, certificate_sha256 } = body;
        const lifeMs = expires_in === undefined ? undefined : expires_in * 1_000;
        const actor = actorOf(context, caller, tenantId);
        const wished = { name, scopes, lifeMs, certificate: certificate_sha256 };
        const made = await keys.create(actor, tenantId, wished, assertMayGive);
        return created({ ...view(made.key), key: made.text });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/api-keys/import',
      detection: { unseen: ['body*'] },
      summary: 'Take over API keys of another system by their bcrypt hashes.',
      access: { ...tags, provedWithinMs: hours(12) },
      limits: [{ per: 'principal', count: 10, windowMs: minutes(1) }],
      records: 'change',
      body: legacyKeys,
      replies: { 200: counts },
      faults: ['APIKEY_IMPORT_REFUSED', 'ACCESS_ESCALATION', 'ACCESS_PERMISSION_UNKNOWN'],
      handle: async ({ body, caller, tenantId, context }) => {
        const { scopes, replace } = body;
        const actor = actorOf(context, caller, tenantId);
        const legacyWish = { scopes, source: 'request', replace };
        const done = await keys.importLegacy(actor, tenantId, body.keys, legacyWish, assertMayGive);
        const { added, kept, ended, revoked, otherScopes } = done;
        return ok({ added, kept, ended, revoked, other_scopes: otherScopes });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/api-keys',
      summary: 'The live API keys of the tenant, oldest first.',
      access: tags,
      records: 'read',
      replies: { 200: z.strictObject({ items: z.array(key) }) },
      faults: [],
      handle: async ({ tenantId }) => {
        const items = (await keys.list(tenantId)).map(view);
        return ok({ items }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/api-keys/:id',
      summary: 'End an API key, from the next request on.',
      access: tags,
      records: 'change',
      params: z.strictObject({ id: idText }),
      replies: { 204: 'nothing' },
      faults: ['APIKEY_UNKNOWN'],
      handle: async ({ params, caller, tenantId, context }) => {
        await keys.revoke(actorOf(context, caller, tenantId), tenantId, apiKeyId(params.id));
        return nothing;
      },
    }),
  ];
}

function view(shown: ApiKey) {
  return {
    id: shown.id,
    prefix: shown.prefix,
    legacy: shown.legacy,
    name: shown.name,
    scopes: shown.scopes,
    created_by: shown.createdBy,
    created_at: rfc3339(shown.createdAt),
    expires_at: shown.expiresAt === undefined ? null : rfc3339(shown.expiresAt),
    last_used_at: shown.lastUsedAt === undefined ? null : rfc3339(shown.lastUsedAt),
    certificate_sha256: shown.certificate ?? null,
  };
}
