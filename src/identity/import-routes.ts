import { z } from 'zod';
import { actorOf, defineRoute, idText, ok, type Route, storableText } from '../http/index.ts';
import { personId } from '../kernel/brand.ts';
import { hours, minutes } from '../kernel/clock.ts';
import type { ImportResult, PeopleImport } from './import.ts';

const MOST = 500;

// Bounded here, judged one by one by the import: a bad row must not keep its batch out.
const foreignPerson = z.strictObject({
  username: storableText(0, 254),
  password_hash: storableText(0, 512).describe(
    'As the other system stored it: argon2, bcrypt, scrypt, PBKDF2 or salted SHA of Werkzeug, Django or passlib.',
  ),
  email: storableText(0, 254).optional(),
  roles: z.array(storableText(1, 64)).max(20).default([]),
  disabled: z.boolean().default(false),
  created_at: storableText(0, 64).optional(),
});

const imported = z.strictObject({ id: idText, username: storableText(1, 254), proof: storableText(1, 64) });

const result = z.strictObject({
  status: z.enum(['made', 'exists', 'refused']),
  id: z.string().nullable(),
  proof: z.string().nullable().describe('To undo the import by, as long as the account is as it was made.'),
  reason: z.string().nullable(),
});

/** People who come from another system, with their password hashes. */
export function peopleImportRoutes(people: PeopleImport): readonly Route[] {
  const access = { kind: 'permission', permission: 'admin:users', provedWithinMs: hours(12) } as const;
  const limits = [{ per: 'principal', count: 600, windowMs: minutes(1) }] as const;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/users/import',
      detection: { unseen: ['body*'] },
      summary:
        'Take over people of another system with the hashes of their passwords. Who is here already stays as is.',
      access,
      limits,
      records: 'change',
      body: z.strictObject({
        people: z.array(foreignPerson).min(1).max(MOST),
        from: z.enum(['json', 'csv', 'flask']).default('json').describe('Where they came from, for the record.'),
        dry_run: z.boolean().default(false).describe('Look at everything and make nobody.'),
      }),
      replies: { 200: z.strictObject({ dry_run: z.boolean(), results: z.array(result) }) },
      faults: ['VAULT_PROVIDER_AWAY', 'CRYPTO_BUSY'],
      handle: async ({ body, caller, tenantId, context }) => {
        const wish = { from: body.from, dryRun: body.dry_run };
        const given = body.people.map(({ password_hash: passwordHash, created_at: createdAt, ...rest }) => ({
          ...rest,
          passwordHash,
          createdAt,
        }));
        const results = await people.run(actorOf(context, caller, tenantId), tenantId, given, wish);
        return ok({ dry_run: wish.dryRun, results: results.map(view) });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/users/import/undo',
      summary: 'Take an import back: removes people who never signed in since, and disables the others.',
      access: { ...access, provedWithinMs: minutes(10) },
      limits,
      records: 'change',
      body: z.strictObject({ people: z.array(imported).min(1).max(MOST) }),
      replies: { 200: z.strictObject({ results: z.array(z.enum(['removed', 'disabled', 'gone'])) }) },
      faults: ['ACCESS_ESCALATION', 'IDENTITY_LAST_ADMINISTRATOR'],
      handle: async ({ body, caller, tenantId, context }) => {
        const named = body.people.map(({ id, ...rest }) => ({ id: personId(id), ...rest }));
        return ok({ results: await people.undo(actorOf(context, caller, tenantId), tenantId, named) });
      },
    }),
  ];
}

function view(one: ImportResult) {
  switch (one.kind) {
    case 'made':
      return { status: one.kind, id: one.id ?? null, proof: one.proof, reason: null };
    case 'exists':
      return { status: one.kind, id: null, proof: null, reason: null };
    case 'refused':
      return { status: one.kind, id: null, proof: null, reason: one.reason };
  }
}
