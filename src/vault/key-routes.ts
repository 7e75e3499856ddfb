import { z } from 'zod';
import { parseFernetKey } from '../crypto/index.ts';
import { defineRoute, idText, nothing, ok, type Route } from '../http/index.ts';
import { type EpochMs, tenantId as tenantIdOf } from '../kernel/brand.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { vaultFault } from './errors.ts';
import type { KeyStatus, Keys, KeyVersion, Rotation } from './keys.ts';
import { type MasterActs, masterRoutes } from './master-routes.ts';
import { actOf, EVERY, OWN, type RewrapRouteDeps, rewrapRoutes } from './rewrap-routes.ts';

export interface KeyRouteDeps extends RewrapRouteDeps {
  readonly keys: Pick<Keys, 'status' | 'statusOfAll' | 'rotate' | 'importLegacy' | 'destroy'>;
  readonly master: MasterActs;
}

const MAX_KEY_TEXT = 200;
const limits = [{ per: 'principal', count: 10, windowMs: minutes(1) }] as const;
const fresh = { provedWithinMs: hours(12) } as const;
const VERSION = /^v_\d{8}_\d{6}_[0-9a-f]{4}$(?!\n)/;

/** Everything about keys: what there is, rotation, import, destruction, the rewrap behind it, and the master key. */
export const keyRoutes = (deps: KeyRouteDeps): readonly Route[] => [
  listKeys(deps),
  listAllKeys(deps),
  rotateOwn(deps),
  rotateAll(deps),
  importKey(deps),
  destroyKey(deps),
  ...rewrapRoutes(deps),
  ...masterRoutes(deps.master),
];

const time = z.string().nullable();

const keyVersion = z.strictObject({
  version: z.string(),
  state: z.enum(['pending', 'current', 'retired', 'emptied', 'destroyed', 'read-only']),
  algorithm: z.string(),
  reason: z.string().describe('Why it was made: first, schedule, seals, manual, emergency, import.'),
  seals: z.int().describe('Values sealed under it, a few seconds late.'),
  external: z.boolean().describe('Whether values under it are kept outside.'),
  created_at: z.string(),
  active_at: z.string(),
  retired_at: time,
  emptied_at: time.describe('From when on no value that we keep was under it.'),
  destroyed_at: time,
});

const keyStatus = z.strictObject({
  tenant: z.string(),
  current_version: z.string(),
  days_until_rotation: z.number(),
  algorithm: z.literal('AES-256-GCM'),
  versions: z.array(keyVersion),
});

const listKeys = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'GET',
    path: '/v1/vault/keys',
    summary: "The tenant's keys: which one seals, when it is followed by another, and what became of the older ones.",
    access: OWN,
    records: 'read',
    replies: { 200: keyStatus },
    faults: [],
    handle: async ({ tenantId }) => {
      const status = statusView(await keys.status(tenantId));
      return ok(status, { records: status.versions.length });
    },
  });

const listAllKeys = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'GET',
    path: '/v1/vault/keys/all',
    summary: 'The keys of all tenants, and those of the platform itself.',
    access: EVERY,
    records: 'read',
    replies: { 200: z.strictObject({ items: z.array(keyStatus) }) },
    faults: [],
    handle: async () => {
      const items = (await keys.statusOfAll()).map(statusView);
      return ok({ items }, { records: items.length });
    },
  });

const rotation = z.strictObject({
  tenant: z.string(),
  old_version: z.string().nullable(),
  new_version: z.string(),
  active_at: z.string().describe('From when on the new one seals.'),
});

const rotationWish = z.strictObject({
  reason: z.enum(['manual', 'emergency']).default('manual').describe('For the record.'),
});

const rotateOwn = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/keys/rotate',
    summary: 'Give the tenant a new key. What is sealed stays readable, and is sealed anew in the background.',
    access: { ...OWN, ...fresh },
    limits,
    records: 'change',
    body: rotationWish,
    replies: { 200: rotation },
    faults: ['VAULT_PROVIDER_AWAY'],
    handle: async ({ body: { reason }, caller, tenantId, context }) => {
      const [done] = await keys.rotate({ tenant: tenantId, reason }, actOf(context, caller));
      if (done === undefined) throw new TypeError('a tenant that is rotated has a rotation');
      return ok(rotationView(done));
    },
  });

const rotateAll = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/keys/rotate-all',
    summary: 'Give every tenant, and the platform, a new key.',
    access: { ...EVERY, ...fresh },
    limits,
    records: 'change',
    body: rotationWish,
    replies: { 200: z.strictObject({ items: z.array(rotation) }) },
    faults: ['VAULT_PROVIDER_AWAY'],
    handle: async ({ body: { reason }, caller, context }) => {
      const done = await keys.rotate({ reason }, actOf(context, caller));
      return ok({ items: done.map(rotationView) });
    },
  });

const importWish = z.strictObject({
  algorithm: z.enum(['fernet', 'aes-gcm']),
  // Secret from here on: neither a log nor an answer ever prints it.
  key: z
    .string()
    .min(1)
    .max(MAX_KEY_TEXT)
    .transform((text) => createSecret(text))
    .describe('The base64 of 32 bytes, in either alphabet.'),
});

const importKey = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/keys/import',
    detection: { unseen: ['body*'] },
    summary: 'Take over the key of an earlier program, to read what that has sealed; again, it changes nothing.',
    access: { ...OWN, ...fresh },
    limits,
    records: 'change',
    body: importWish,
    replies: { 200: z.strictObject({ version: z.string(), algorithm: z.string(), is_new: z.boolean() }) },
    faults: ['VAULT_KEY_INVALID', 'VAULT_PROVIDER_AWAY'],
    handle: async ({ body: { algorithm, key }, caller, tenantId, context }) => {
      const legacy = { algorithm, bytes: keyBytes(key) };
      const { version, isNew } = await keys.importLegacy(tenantId, legacy, actOf(context, caller));
      return ok({ version, algorithm, is_new: isNew });
    },
  });

/**
 * Other programs write 32 bytes in either alphabet, with padding or without. A key that is no secret is taken all the
 * same, for values are sealed under it; nothing is ever sealed under it here.
 *
 * @throws VAULT_KEY_INVALID, without a word of what was given
 */
function keyBytes(key: Secret): Buffer {
  const bytes = parseFernetKey(key.reveal().trim());
  if (bytes === undefined) throw vaultFault('VAULT_KEY_INVALID', { reason: 'must be the base64 of exactly 32 bytes' });
  return bytes;
}

const destroyWish = z.strictObject({
  external_rewrapped: z
    .boolean()
    .default(false)
    .describe('Declares that every value that is kept outside was sealed anew under a later version.'),
  tenant: idText.optional().describe("Whose key it is; the caller's tenant unless told. `platform` has keys too."),
});

const destroyKey = ({ keys }: KeyRouteDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/keys/:version/destroy',
    summary: 'Destroy a retired key for good. Refused while a value, a backup or a living token needs it.',
    access: { ...EVERY, ...fresh },
    limits,
    records: 'change',
    params: z.strictObject({ version: z.string().regex(VERSION, 'must be a key version') }),
    body: destroyWish,
    replies: { 204: 'nothing' },
    faults: ['VAULT_KEY_NEEDED', 'VAULT_KEY_MISSING'],
    handle: async ({ params, body, caller, tenantId, context }) => {
      const tenant = body.tenant === undefined ? tenantId : tenantIdOf(body.tenant);
      const wish = { externalRewrapped: body.external_rewrapped };
      await keys.destroy(tenant, params.version, wish, actOf(context, caller));
      return nothing;
    },
  });

const statusView = ({ versions, ...status }: KeyStatus) => ({ ...status, versions: versions.map(versionView) });

const versionView = ({ created_at, active_at, retired_at, emptied_at, destroyed_at, ...version }: KeyVersion) => ({
  ...version,
  created_at: rfc3339(created_at),
  active_at: rfc3339(active_at),
  retired_at: timeText(retired_at),
  emptied_at: timeText(emptied_at),
  destroyed_at: timeText(destroyed_at),
});

const timeText = (at: EpochMs | null): string | null => (at === null ? null : rfc3339(at));

const rotationView = ({ active_at, ...done }: Rotation) => ({ ...done, active_at: rfc3339(active_at) });
