import { createHash, randomBytes } from 'node:crypto';
import { queryPostgres } from '../../src/testing/index.ts';
import type { Server } from '../contender.ts';
import { post } from '../contenders/people.ts';

const PEOPLE = 5_000;
const PEOPLE_AT_ONCE = 200;
const SESSIONS_AT_ONCE = 50_000;

/** Takes people over as an import does: each with a key of their own, which their audit entries are sealed under. */
export async function seedPeople({ port, person }: Server, say: (line: string) => void): Promise<void> {
  for (let at = 0; at < PEOPLE; at += PEOPLE_AT_ONCE) {
    const people = Array.from({ length: PEOPLE_AT_ONCE }, (_, i) => ({
      username: `member-${at + i}`,
      password_hash: strangersHash(),
      roles: ['viewer'],
    }));
    await post(port, '/v1/users/import', person, { people, from: 'json' });
    if ((at + PEOPLE_AT_ONCE) % 1_000 === 0) say(`  ${at + PEOPLE_AT_ONCE} people are imported`);
  }
}

/** Nobody knows the password: they have signed in already. */
const strangersHash = (): string =>
  `pbkdf2:sha256:600000$${randomBytes(8).toString('hex')}$${createHash('sha256').update(randomBytes(32)).digest('hex')}`;

/** Sessions `from` to `to` of the seeded people, as `start` stores them, with the tokens of `refreshRequest`. */
export async function seedSessions(
  database: string,
  seed: string,
  { from, to }: { readonly from: number; readonly to: number },
  say: (line: string) => void,
): Promise<void> {
  if (!/^[0-9a-f]+$/.test(seed)) throw new TypeError('the seed goes into SQL and must be hexadecimal');
  for (let first = from; first < to; first += SESSIONS_AT_ONCE) {
    const last = Math.min(first + SESSIONS_AT_ONCE, to) - 1;
    await queryPostgres(database, sqlOf(seed, first, last));
    say(`  ${last + 1} sessions are live`);
  }
  await queryPostgres(database, 'vacuum analyze session');
  await queryPostgres(database, 'vacuum analyze refresh_token');
  await queryPostgres(database, 'checkpoint'); // or it would come while something is measured
}

/** `drawn`: the base64url of a digest, as `refreshRequest` makes it. */
const drawn = (seed: string, what: string): string =>
  `rtrim(translate(encode(sha256(convert_to('${seed} ${what} ' || i, 'UTF8')), 'base64'), '+/', '-_'), '=')`;
const digestOf = (text: string): string => `sha256(convert_to(${text}, 'UTF8'))`;

const sqlOf = (seed: string, first: number, last: number): string => `
  with member as (
    select id, realm_id, row_number() over (order by id) - 1 as nth from person where username like 'member-%'
  ), clock as (select (extract(epoch from now()) * 1000)::bigint as ms),
  begun as (
    insert into session (id, realm_id, person_id, tenant_id, authenticated_at, last_used_at, expires_at,
      device_digest, device_proved, profile, amr, proved_at, device_kind)
    select md5('${seed}' || i), realm_id, member.id, 'main', ms, ms, ms + 43200000,
      ${digestOf(drawn(seed, 'device'))}, true, 'twinkeep', 'pwd', ms, 'desktop'
    from generate_series(${first}, ${last}) as i join member on member.nth = i % ${PEOPLE} cross join clock
    returning 1
  )
  insert into refresh_token (digest, session_id, expires_at, repeats)
  select ${digestOf(`'tkr_' || ${drawn(seed, 'token')}`)}, md5('${seed}' || i), ms + 43200000, 0
  from generate_series(${first}, ${last}) as i cross join clock`;
