import { z } from 'zod';
import { defineRoute, nothing, ok, type Route } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { hours, minutes, rfc3339 } from '../kernel/clock.ts';
import type { Act } from './keys.ts';
import { actOf, EVERY } from './rewrap-routes.ts';

const MOST_SHARES = 255;

/** What a master key that was followed by another leaves to tell. */
export interface MasterRotation {
  readonly oldMaster: string;
  readonly newMaster: string;
  /** Data keys and subject keys that were wrapped anew. */
  readonly keys: number;
}

/** How the master key and its provider stand. */
export interface MasterStatus {
  readonly id: string;
  readonly provider: string;
  readonly reachable: boolean;
  readonly reachedAt: EpochMs;
  readonly graceMs: number;
  /** Those that keys are still under, and that must be kept at hand; empty when the newest wraps all. */
  readonly earlier: readonly string[];
  /** The recovery shares that were confirmed last; null where the key has no second copy. */
  readonly shares: { readonly threshold: number; readonly count: number; readonly at: EpochMs } | null;
}

/** Recovery shares that were just made. */
export interface MadeShares {
  /** Tells one splitting from another; each share has it within. 8 hex digits. */
  readonly set: string;
  /** One printable text a share. */
  readonly texts: readonly string[];
}

/** What is done with the master key; the app, which knows its provider, fills it in. */
export interface MasterActs {
  rotate(by: Act): Promise<MasterRotation>;
  makeShares(wish: { readonly threshold: number; readonly count: number }, by: Act): Promise<MadeShares>;
  /** Says that shares have arrived where they last: until then the key counts as one without a second copy. */
  confirmShares(set: string, by: Act): Promise<void>;
  status(): Promise<MasterStatus>;
}

const shares = z.strictObject({ threshold: z.int(), count: z.int(), made_at: z.string() });

const status = z.strictObject({
  id: z.string().describe('Tells one master key from another, and nothing about it.'),
  provider: z.string(),
  reachable: z.boolean(),
  reached_at: z.string().describe('When the provider answered last.'),
  grace_s: z.number().describe('For how long keys that are open go on without the provider.'),
  earlier: z.array(z.string()).describe('Master keys that keys are still under; to be kept at hand.'),
  shares: shares.nullable().describe('The recovery shares confirmed last; null where the key has no second copy.'),
});

const wish = z
  .strictObject({ threshold: z.int().min(2).max(MOST_SHARES), count: z.int().min(2).max(MOST_SHARES) })
  .refine((w) => w.threshold <= w.count, { path: ['threshold'], error: 'must not exceed count' });

const shareSet = z
  .string()
  .regex(/^[0-9a-f]{8}$(?!\n)/, 'must be 8 hex digits')
  .describe('Of shares made together.');

const fresh = { ...EVERY, provedWithinMs: hours(1) } as const;
const limits = [{ per: 'principal', count: 10, windowMs: minutes(1) }] as const;

export function masterRoutes(master: MasterActs): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/vault/master',
      summary: 'Which master key wraps the others, whether its provider answers, and whether it has recovery shares.',
      access: EVERY,
      records: 'read',
      replies: { 200: status },
      faults: [],
      handle: async () => ok(viewOf(await master.status())),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/vault/master/rotate',
      summary: 'Wrap every key anew under a new master key. Recovery shares of the old one do not give the new.',
      access: fresh,
      limits,
      records: 'change',
      replies: { 200: z.strictObject({ old_master: z.string(), new_master: z.string(), keys: z.int() }) },
      faults: ['VAULT_PROVIDER_AWAY', 'VAULT_MASTER_KEY', 'VAULT_MASTER_FIXED', 'VAULT_MASTER_ROTATING'],
      handle: async ({ context, caller }) => {
        const { oldMaster, newMaster, keys } = await master.rotate(actOf(context, caller));
        return ok({ old_master: oldMaster, new_master: newMaster, keys });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/vault/master/shares',
      summary:
        'Split the master key into recovery shares. The answer is the only place where they ever stand: confirm that you have them.',
      // Enough shares are the master key: they never cross a network, whoever asks.
      access: { kind: 'signed-in', as: 'operator' },
      limits,
      records: 'change',
      body: wish,
      replies: { 200: z.strictObject({ set: shareSet, shares: z.array(z.string()) }) },
      faults: ['VAULT_PROVIDER_AWAY', 'VAULT_SHARES'],
      handle: async ({ body, context, caller }) => {
        const { set, texts } = await master.makeShares(body, actOf(context, caller));
        return ok({ set, shares: texts }, { headers: { 'cache-control': 'no-store' } });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/vault/master/shares/confirm',
      detection: { unseen: ['body*'] },
      summary: 'Say that the recovery shares made last are where they last: from now on the key has a second copy.',
      access: { kind: 'signed-in', as: 'operator' },
      limits,
      records: 'change',
      body: z.strictObject({ set: shareSet }),
      replies: { 204: 'nothing' },
      faults: ['VAULT_SHARES'],
      handle: async ({ body, context, caller }) => {
        await master.confirmShares(body.set, actOf(context, caller));
        return nothing;
      },
    }),
  ];
}

function viewOf({ id, provider, reachable, reachedAt, graceMs, earlier, shares: made }: MasterStatus) {
  return {
    id,
    provider,
    reachable,
    reached_at: rfc3339(reachedAt),
    grace_s: graceMs / 1_000,
    earlier: [...earlier],
    shares: made && { threshold: made.threshold, count: made.count, made_at: rfc3339(made.at) },
  };
}
