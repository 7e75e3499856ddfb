import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type PersonId, personId, realmId, sessionId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { KIT_PASSWORD, serverSuite, startPostgres } from '../testing/index.ts';
import { type AccountsKit, type AccountsKitOptions, createAccountsKit, PASSWORD } from './accounts-kit.contract.ts';

type OpenStorage = NonNullable<AccountsKitOptions['storage']>;

const operator = { kind: 'operator', tenantId: MAIN_TENANT } as const;

function contract(name: string, storage: OpenStorage): void {
  describe(`accounts of others on ${name}`, () => {
    let kit: AccountsKit;
    before(async () => {
      kit = await createAccountsKit({ storage, config: { registration: 'invited' } });
    });
    after(() => kit.close());

    /** Whoever a token of the kit belongs to, as the line would hand them in. */
    async function callerOf(token: string): Promise<PersonPrincipal> {
      const { json } = await kit.kit.call('GET', '/v1/me', { token });
      return {
        kind: 'person',
        personId: personId(json.id),
        sessionId: sessionId(json.session),
        realmId: realmId('main'),
        tenantId: MAIN_TENANT,
        username: json.username,
        authenticatedAt: kit.clock.now(),
      };
    }
    const admin = async () => callerOf(await kit.kit.signIn());
    const lastTo = async (email: string) => (await kit.letters()).filter(({ to }) => to === email).at(-1);
    const accept = (invitation: string | undefined, username: string) =>
      kit.ask('POST', '/v1/register', { username, password: PASSWORD, invitation });
    const listed = async (username: string) => {
      const { json } = await kit.kit.call('GET', '/v1/users?limit=1000', { token: await kit.kit.signIn() });
      return json.items.find((item: { username: string }) => item.username === username);
    };

    test('an invitation makes a member with its roles and a proved address, once', async () => {
      const body = { email: 'kim@example.org', roles: ['viewer'] };
      const sent = await kit.ask('POST', '/v1/invitations', body, await admin());
      assert.deepEqual([sent.status, sent.json.mailed, sent.json.link], [201, true, null]);
      const { token } = (await lastTo('kim@example.org')) ?? {};
      const answers = await Promise.all(['kim', 'kim2'].map((username) => accept(token, username)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 400]);
      const kim = (await listed('kim')) ?? (await listed('kim2'));
      assert.deepEqual([kim.roles, kim.email, kim.email_verified], [['viewer'], 'kim@example.org', true]);
      assert.deepEqual((await kit.ask('GET', '/v1/invitations', undefined, operator)).json.items, []);
    });

    // Attack: a right is given away by an invitation, and is taken back from the inviter before it is accepted.
    test('an invitation is worth what its inviter may give when it is accepted', async () => {
      const chief = await kit.kit.person('chief', 'admin');
      const body = { email: 'lea@example.org', roles: ['admin'] };
      assert.equal((await kit.ask('POST', '/v1/invitations', body, await callerOf(chief.token))).status, 201);
      const { token } = (await lastTo('lea@example.org')) ?? {};
      const demotion = { token: await kit.kit.signIn(), body: { roles: ['viewer'] } };
      assert.equal((await kit.kit.call('PATCH', `/v1/users/${chief.id}`, demotion)).status, 200);
      const answer = await accept(token, 'lea');
      assert.deepEqual([answer.status, answer.json.code], [400, 'IDENTITY_TOKEN_INVALID']);
      assert.equal(await listed('lea'), undefined);
    });

    test('nobody invites with rights that they lack, and what is called back or ran out is dead', async () => {
      const viewer = await kit.kit.person('vic', 'viewer');
      const body = { email: 'max@example.org', roles: ['admin'] };
      const refused = await kit.ask('POST', '/v1/invitations', body, await callerOf(viewer.token));
      assert.equal(refused.json.code, 'ACCESS_ESCALATION');
      const unknown = await kit.ask('POST', '/v1/invitations', { ...body, roles: ['king'] }, operator);
      assert.equal(unknown.json.code, 'ACCESS_ROLE_UNKNOWN');

      const { json } = await kit.ask('POST', '/v1/invitations', body, operator);
      assert.match(json.link, /^https:\/\/twin\.example\/account\/invitation#/);
      const link = (text: string): string | undefined => text.split('#')[1];
      assert.equal((await kit.ask('DELETE', `/v1/invitations/${json.id}`, undefined, operator)).status, 204);
      assert.equal((await accept(link(json.link), 'max')).status, 400);
      const late = await kit.ask('POST', '/v1/invitations', body, operator);
      await kit.wait(days(7));
      assert.equal((await accept(link(late.json.link), 'max')).status, 400);
      const open = await kit.ask('POST', '/v1/register', { username: 'max', password: PASSWORD });
      assert.equal(open.json.code, 'IDENTITY_REGISTRATION_CLOSED');
    });

    // Attack: the name of the new account is the address by which somebody else signs in.
    test('a name with an @ is the own address, or none', async () => {
      const sent = await kit.ask('POST', '/v1/invitations', { email: 'nia@example.org', roles: [] }, operator);
      const token = String(sent.json.link).split('#')[1];
      assert.equal((await accept(token, 'admin@example.org')).json.code, 'IDENTITY_USERNAME_REFUSED');
      assert.equal((await accept(token, 'Nia@example.org')).status, 201);
    });

    test('whoever is deleted is gone: name, sessions, roles, address; the name is free', async () => {
      const { id, token } = await kit.kit.person('omar', 'viewer');
      await kit.enrol(id, 'omar');
      await kit.kit.call('PATCH', `/v1/users/${id}`, {
        token: await kit.kit.signIn(),
        body: { email: 'omar@example.org' },
      });
      assert.equal((await kit.ask('DELETE', `/v1/users/${id}`, undefined, await admin())).status, 204);
      assert.equal((await kit.kit.call('GET', '/v1/me', { token })).status, 401);
      assert.equal(await listed('omar'), undefined);
      assert.equal(await kit.kit.twinkeep.house.mfa.isEnrolled(personId(id)), false);
      const subjects = (await kit.letters())
        .filter(({ to }) => to === 'omar@example.org')
        .map(({ subject }) => subject);
      assert.ok(
        subjects.some((subject) => /was deleted/.test(subject)),
        subjects.join(),
      ); // mails keep no order
      const again = await kit.kit.person('omar', 'viewer');
      assert.notEqual(again.id, id);
      const { json } = await kit.kit.call('GET', `/v1/users?email=omar@example.org`, { token: await kit.kit.signIn() });
      assert.deepEqual(json.items, []);
      assert.equal((await kit.ask('DELETE', `/v1/users/${id}`, undefined, await admin())).status, 404);
    });

    // Attack: the last two administrators leave at the same moment, and the tenant is nobody's.
    test('the last administrator cannot delete or disable himself', async () => {
      const token = await kit.kit.signIn();
      const one = await kit.kit.person('root2', 'admin');
      const leave = async (caller: PersonPrincipal) =>
        kit.ask('DELETE', '/v1/me', undefined, caller).then(({ status }) => status);
      const both = await Promise.all([callerOf(token), callerOf(one.token)]);
      assert.deepEqual((await Promise.all(both.map(leave))).sort(), [204, 409]);
      const left = (await listedBy(one.token)) ?? (await listedBy(token));
      assert.notEqual(left, undefined);
    });

    async function listedBy(token: string): Promise<PersonId | undefined> {
      const { status, json } = await kit.kit.call('GET', '/v1/me', { token });
      if (status !== 200) return undefined;
      const disabled = await kit.kit.call('PATCH', `/v1/users/${json.id}`, { token, body: { disabled: true } });
      assert.deepEqual([disabled.status, disabled.json.code], [409, 'IDENTITY_LAST_ADMINISTRATOR']);
      const powerless = await kit.kit.call('PATCH', `/v1/users/${json.id}`, { token, body: { roles: [] } });
      assert.equal(powerless.status, 409);
      return personId(json.id);
    }
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});

describe('an administrator helps', () => {
  let kit: AccountsKit;
  before(async () => {
    kit = await createAccountsKit();
  });
  after(() => kit.close());

  test('a link that is handed over sets a password; factors are taken away, a recovery code is given', async () => {
    const { id, token } = await kit.kit.person('pia', 'viewer');
    const made = await kit.ask('POST', `/v1/users/${id}/password-reset`, undefined, operator);
    assert.equal(made.json.link, `https://twin.example/account/reset#${made.json.token}`);
    const body = { token: made.json.token, password: PASSWORD };
    assert.equal((await kit.ask('POST', '/v1/password/reset', body)).status, 204);
    assert.equal((await kit.kit.call('GET', '/v1/me', { token })).status, 401);
    const fresh = await kit.kit.signIn('pia', PASSWORD);
    await kit.enrol(id, 'pia');
    const taken = await kit.ask('DELETE', `/v1/users/${id}/factors`, undefined, operator);
    assert.deepEqual(taken.json, { removed: 1 });
    assert.equal(await kit.kit.twinkeep.house.mfa.isEnrolled(personId(id)), false);
    assert.equal((await kit.kit.call('GET', '/v1/me', { token: fresh })).status, 401);
    assert.equal((await kit.ask('POST', `/v1/users/${id}/recovery`, undefined, operator)).status, 201);
  });

  test('a changed password ends the other sessions and not this one, and an address must be proved anew', async () => {
    const { id, token } = await kit.kit.person('quin', 'viewer');
    const other = await kit.kit.signIn('quin');
    const { json: me } = await kit.kit.call('GET', '/v1/me', { token });
    const caller: PersonPrincipal = {
      kind: 'person',
      personId: personId(id),
      sessionId: sessionId(me.session),
      realmId: realmId('main'),
      tenantId: MAIN_TENANT,
      username: 'quin',
      authenticatedAt: kit.clock.now(),
    };
    const change = (current: string, password: string) =>
      kit.ask('POST', '/v1/password', { current, password }, caller);
    assert.equal((await change('not the password', PASSWORD)).json.code, 'IDENTITY_CREDENTIALS');
    const weak = await change(KIT_PASSWORD, 'quin quin quin');
    assert.equal(weak.json.code, 'IDENTITY_PASSWORD_WEAK');
    assert.ok(weak.json.reasons.length > 0 && weak.json.strength.score < 3);
    assert.equal((await change(KIT_PASSWORD, PASSWORD)).status, 204);
    assert.equal((await kit.kit.call('GET', '/v1/me', { token: other })).status, 401);
    assert.equal((await kit.kit.call('GET', '/v1/me', { token })).status, 200);

    const set = async (email: string) =>
      kit.kit.call('PATCH', `/v1/users/${id}`, { token: await kit.kit.signIn(), body: { email } });
    await set('quin@example.org');
    const verify = async () => {
      assert.equal((await kit.ask('POST', '/v1/email/verification', undefined, caller)).status, 202);
      return (await kit.letters()).findLast(({ text }) => text.includes('/account/verify#'))?.token;
    };
    const stale = await verify();
    await set('quin@example.com');
    assert.equal((await kit.ask('POST', '/v1/email/verify', { token: stale })).status, 400);
    assert.equal((await kit.ask('POST', '/v1/email/verify', { token: await verify() })).status, 200);
    assert.equal((await set('quin@example.net')).json.email_verified, false);
  });

  test('the pages of links run their own script alone, and tell no server the token', async () => {
    for (const page of ['register', 'verify', 'reset', 'invitation']) {
      const { status, text, headers } = await kit.ask('GET', `/account/${page}`);
      const policy = String(Object(headers)['content-security-policy']);
      assert.equal(status, 200);
      assert.match(policy, /default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-/);
      assert.ok(!/unsafe|https?:/.test(policy));
      assert.equal(Object(headers)['referrer-policy'], 'no-referrer');
      assert.ok(!/ (src|href|on[a-z]+)=/.test(text));
    }
  });

  test('without a mail server everybody is told so alike', async () => {
    const dumb = await createAccountsKit({ mail: false });
    try {
      const asked = [{ username: 'admin' }, { username: 'nobody' }, { email: 'x@example.org' }];
      for (const body of asked) {
        assert.equal((await dumb.ask('POST', '/v1/password/forgot', body)).json.code, 'IDENTITY_MAIL_OFF');
      }
      const wish = { username: 'rob', password: PASSWORD, email: 'rob@example.org' };
      assert.equal((await dumb.ask('POST', '/v1/register', wish)).json.code, 'IDENTITY_MAIL_OFF');
    } finally {
      await dumb.close();
    }
  });
});
