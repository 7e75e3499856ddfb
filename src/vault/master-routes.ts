import { z } from 'zod';
import { defineRoute, ok, type Route } from '../http/index.ts';
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
  /** The recovery shares made last; null where the key has no second copy. */
  readonly shares: { readonly threshold: number; readonly count: number; readonly at: EpochMs } | null;
}

/** What is done with the master key; the app, which knows its provider, fills it in. */
export interface MasterActs {
  rotate(by: Act): Promise<MasterRotation>;
  /** @returns one printable text a share */
  makeShares(wish: { readonly threshold: number; readonly count: number }, by: Act): Promise<readonly string[]>;
  status(): Promise<MasterStatus>;
}

const shares = z.strictObject({ threshold: z.int(), count: z.int(), made_at: z.string() });

const status = z.strictObject({
  id: z.string().describe('Tells one master key from another, and nothing about it.'),
  provider: z.string(),
  reachable: z.boolean(),
  reached_at: z.string().describe('When the provider answered last.'),
  grace_s: z.number().describe('For how long keys that are open go on without the provider.'),
  shares: shares.nullable().describe('The recovery shares made last; null where the key has no second copy.'),
});

const wish = z
  .strictObject({ threshold: z.int().min(2).max(MOST_SHARES), count: z.int().min(2).max(MOST_SHARES) })
  .refine((w) => w.threshold <= w.count, { path: ['threshold'], error: 'must not exceed count' });

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
      summary: 'Split the master key into recovery shares. The answer is the only place where they ever stand.',
      // Enough shares are the master key: they never cross a network, whoever asks.
      access: { kind: 'signed-in', as: 'operator' },
      limits,
      records: 'change',
      body: wish,
      replies: { 200: z.strictObject({ shares: z.array(z.string()) }) },
      faults: ['VAULT_PROVIDER_AWAY', 'VAULT_SHARES'],
      handle: async ({ body, context, caller }) =>
        ok(
          { shares: await master.makeShares(body, actOf(context, caller)) },
          { headers: { 'cache-control': 'no-store' } },
        ),
    }),
  ];
}

function viewOf({ id, provider, reachable, reachedAt, graceMs, shares: made }: MasterStatus) {
  return {
    id,
    provider,
    reachable,
    reached_at: rfc3339(reachedAt),
    grace_s: graceMs / 1_000,
    shares: made && { threshold: made.threshold, count: made.count, made_at: rfc3339(made.at) },
  };
}
