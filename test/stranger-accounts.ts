import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { tenantId } from '../src/kernel/brand.ts';
import type { Actor } from '../src/kernel/principal.ts';
import { type Answer, KIT_PASSWORD, type Kit } from '../src/testing/index.ts';
import { assertSame, type Case, codeOf, type Home, NOBODY, refused, type Stranger } from './stranger-case.ts';
import { enrol, type Intruder, PERSON_CASES, settlePerson, viewOfPerson } from './stranger-people.ts';

const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
const GUEST = 'guest@home.example';
const HASH = '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';

/** A person with all that belongs to an account, and somebody who is invited. */
export async function peopleHome(kit: Kit, token: string, username: string): Promise<Pick<Home, 'own' | 'invitation'>> {
  const own = await settlePerson(kit, username);
  const invited = await kit.call('POST', '/v1/invitations', { token, body: { email: GUEST, roles: ['viewer'] } });
  assert.equal(invited.status, 201, invited.text);
  return { own, invitation: invited.json.id };
}

/** What must stand in no answer to a stranger. */
export const marksOfPeople = ({ own, invitation }: Pick<Home, 'own' | 'invitation'>): readonly string[] => [
  ...own.marks,
  invitation,
  GUEST,
];

export async function viewOfPeople(kit: Kit, { admin: token, own }: Home): Promise<readonly string[]> {
  const paths = ['/v1/invitations', '/v1/mfa/policy', '/v1/sessions/analytics'];
  const shown = await Promise.all(paths.map((path) => kit.call('GET', path, { token })));
  return [...(await viewOfPerson(kit, own)), ...shown.map(({ text }) => text)];
}

/** An administrator of the other tenant who is signed in with both factors. */
export async function bringIntruder(kit: Kit, tenant: string, username: string): Promise<Intruder> {
  const wish = { username, password: KIT_PASSWORD, roles: ['admin'] };
  await kit.twinkeep.house.people.create(OPERATOR, tenantId(tenant), wish);
  const enrolled = await enrol(kit, username);
  return { ...enrolled, call: (method, path, more) => kit.call(method, path, { token: enrolled.token, ...more }) };
}

/** What an administrator does to a person of another tenant ends as if there were no such person, whatever they proved. */
const ofNobody =
  (method: string, more: string): Case =>
  async ({ call, home, intruder, isPerson }) => {
    const answers: Answer[] = [];
    for (const ask of isPerson ? [call, intruder.call] : [call]) {
      const foreign = await ask(method, `/v1/users/${home.vera}${more}`);
      const unknown = await ask(method, `/v1/users/${NOBODY}${more}`);
      answers.push(...assertSame(foreign, unknown, 404, 'IDENTITY_PERSON_UNKNOWN'));
    }
    return answers;
  };

const own = (name: string, work: (stranger: Stranger) => Promise<readonly Answer[]>): readonly [string, Case] => [
  name,
  async (stranger) => {
    if (stranger.isPerson) return work(stranger);
    const none = await stranger.call('GET', '/v1/mfa');
    return refused(none); // a key is nobody, so it has nothing of its own
  },
];

/** A case for each route of accounts, factors, devices, sessions and invitations that names something. */
export const ACCOUNT_CASES: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    Object.entries(PERSON_CASES).map(([name, tried]) =>
      own(name, ({ intruder, home, kit }) => tried(intruder, home.own, kit)),
    ),
  ),
  'DELETE /v1/users/:id': ofNobody('DELETE', ''),
  'POST /v1/users/:id/password-reset': ofNobody('POST', '/password-reset'),
  'DELETE /v1/users/:id/factors': ofNobody('DELETE', '/factors'),
  'POST /v1/users/:id/recovery': ofNobody('POST', '/recovery'),
  'POST /v1/users/:id/logout-all': ofNobody('POST', '/logout-all'),
  'POST /v1/users/:id/compromised': ofNobody('POST', '/compromised'),
  'DELETE /v1/users/:id/membership': ofNobody('DELETE', '/membership'),
  // Attack: an administrator makes somebody of another tenant a member of their own, and then owns the account.
  'PUT /v1/users/:id/membership': async ({ call, home }) =>
    refused(await call('PUT', `/v1/users/${home.vera}/membership`, { body: { roles: ['viewer'] } })),

  'GET /v1/invitations': async ({ call }) => {
    const listed = await call('GET', '/v1/invitations');
    assert.equal(listed.status, 200, listed.text);
    return [listed];
  },
  'DELETE /v1/invitations/:id': async ({ call, home }) => {
    const foreign = await call('DELETE', `/v1/invitations/${home.invitation}`);
    return assertSame(foreign, await call('DELETE', `/v1/invitations/${NOBODY}`), 404, 'IDENTITY_INVITATION_UNKNOWN');
  },
  ...Object.fromEntries([
    own('POST /v1/invitations', async ({ intruder }) => {
      const body = { email: 'one@rival.example', roles: ['viewer'] };
      const invited = await intruder.call('POST', '/v1/invitations', { body });
      assert.equal(invited.status, 201, invited.text);
      return [invited];
    }),
    // The id stands in lists; the token alone, which went by mail, opens the door.
    own('POST /v1/invitations/accept', async ({ intruder, home }) => {
      const answer = await intruder.call('POST', '/v1/invitations/accept', { body: { invitation: home.invitation } });
      assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
      assert.equal((await intruder.call('GET', '/v1/me')).json.tenant, 'rival');
      return [answer];
    }),
  ]),

  'GET /v1/mfa/policy': async ({ call }) => [await call('GET', '/v1/mfa/policy')],
  'PUT /v1/mfa/policy': async ({ call }) => {
    const body = { required_for: ['auditor'], methods: ['totp'], remember_ms: 0 };
    const set = await call('PUT', '/v1/mfa/policy', { body });
    assert.equal(set.status, 200, set.text);
    return [set];
  },
  'GET /v1/sessions/analytics': async ({ call }) => {
    const shown = await call('GET', '/v1/sessions/analytics');
    assert.equal(shown.status, 200, shown.text);
    return [shown];
  },
  'POST /v1/platform/logout-all': async ({ call }) => refused(await call('POST', '/v1/platform/logout-all')),
  'POST /v1/tokens/revoke': async ({ call, home }) => {
    const seen = await call('POST', '/v1/tokens/revoke', { body: { jti: decodeJwt(home.own.token).jti } });
    assert.deepEqual([seen.status, seen.json], [200, { revoked: true }]); // what tenant it is of is not told
    return [seen];
  },
  'POST /v1/users/import': async ({ call, home }) => {
    const people = [{ username: home.own.username, password_hash: HASH, roles: ['viewer'] }];
    const taken = await call('POST', '/v1/users/import', { body: { people } });
    assert.deepEqual([taken.status, taken.json.results[0]?.status], [200, 'exists'], taken.text);
    return [taken];
  },
  'POST /v1/users/import/undo': async ({ call, home }) => {
    const proof = 'A'.repeat(22);
    const undo = (id: string) =>
      call('POST', '/v1/users/import/undo', { body: { people: [{ id, username: home.own.username, proof }] } });
    const answers = [await undo(home.vera), await undo(NOBODY)];
    for (const { status, json } of answers) assert.deepEqual([status, json.results], [200, ['gone']]);
    return answers;
  },
};

/** Everybody of a tenant is signed out by its administrator, and nobody else is. To be tried last. */
export async function assertOwnTenantEnds(kit: Kit, { own: vera }: Home, intruder: Intruder): Promise<void> {
  const before = await viewOfPerson(kit, vera);
  const ended = await intruder.call('POST', '/v1/tenant/logout-all');
  assert.equal(ended.status, 200, ended.text);
  assert.deepEqual(codeOf(await intruder.call('GET', '/v1/me')), [401, 'SESSION_REVOKED']);
  assert.deepEqual(await viewOfPerson(kit, vera), before);
}
