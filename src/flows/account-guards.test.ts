import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { personId, realmId, sessionId, type TenantId, tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { createKit, KIT_PASSWORD, serverSuite, startPostgres } from '../testing/index.ts';
import {
  type AccountsKit,
  type AccountsKitOptions,
  createAccountsKit,
  OTHER_PASSWORD,
  PASSWORD,
} from './accounts-kit.contract.ts';

type OpenStorage = NonNullable<AccountsKitOptions['storage']>;

const operator = { kind: 'operator', tenantId: MAIN_TENANT } as const;
const acting = { principal: operator };

function contract(name: string, storage: OpenStorage): void {
  describe(`what accounts are guarded from on ${name}`, () => {
    let kit: AccountsKit;
    before(async () => {
      kit = await createAccountsKit({ storage });
    });
    after(() => kit.close());

    const call = async (method: string, path: string, body?: unknown, token?: string) =>
      kit.kit.call(method, path, { token: token ?? (await kit.kit.signIn()), body });
    const create = (username: string, more: object = {}) =>
      call('POST', '/v1/users', { username, password: KIT_PASSWORD, roles: ['viewer'], ...more });
    const change = (id: string, body: object, token?: string) => call('PATCH', `/v1/users/${id}`, body, token);
    const signIn = async (username: string, password = KIT_PASSWORD): Promise<number> =>
      (await kit.kit.call('POST', '/v1/login', { body: { username, password } })).status;
    const lettersTo = async (email: string) => (await kit.letters()).filter(({ to }) => to === email);
    const linksTo = async (email: string) => (await lettersTo(email)).flatMap(({ token }) => token ?? []);
    const forgot = (body: object) => kit.ask('POST', '/v1/password/forgot', body);
    const reset = async (token: string | undefined, password = OTHER_PASSWORD): Promise<number> =>
      (await kit.ask('POST', '/v1/password/reset', { token, password })).status;

    async function callerOf(token: string, tenant: TenantId = MAIN_TENANT): Promise<PersonPrincipal> {
      const { json } = await kit.kit.call('GET', '/v1/me', { token });
      return {
        kind: 'person',
        personId: personId(json.id),
        sessionId: sessionId(json.session),
        realmId: realmId('main'),
        tenantId: tenant,
        username: json.username,
        authenticatedAt: kit.clock.now(),
      };
    }

    // Attack: an administrator of any tenant names somebody by the address by which another signs in.
    test('nobody is named by an address but their own, and the refusal does not tell whose it is', async () => {
      await create('victim', { email: 'victim@corp.example' });
      assert.equal(await signIn('Victim@Corp.example'), 200);
      const names = ['victim@corp.example', 'Victim@CORP.example', 'nobody@corp.example'];
      const refused = [
        ...(await Promise.all(names.map((username) => create(username)))),
        await create('victim@corp.example', { email: 'mallory@corp.example' }),
      ];
      const codes = refused.map(({ status, json }) => `${status} ${json.code} ${json.title}`);
      assert.deepEqual(new Set(codes).size, 1, codes.join());
      assert.match(codes[0] ?? '', /^422 IDENTITY_USERNAME_REFUSED/);
      const both = await create('victim@corp.example', { email: 'victim@corp.example' });
      assert.deepEqual([both.status, both.json.code], [409, 'IDENTITY_EMAIL_TAKEN']);
      assert.equal(await signIn('victim@corp.example'), 200);
      assert.equal((await create('own@corp.example', { email: 'Own@corp.example' })).status, 201);
    });

    // Attack: the same by way of an import, or by an address that somebody is called by.
    test('an import names nobody by an address of another, and no address is given that another is called by', async () => {
      await create('twin', { email: 'twin@corp.example' });
      const { passwordHash } = (await kit.kit.twinkeep.house.identity.find(realmId('main'), 'twin')) ?? {};
      const row = (username: string, email?: string) => ({ username, email, password_hash: passwordHash });
      const people = [
        row('twin@corp.example'),
        row('free@corp.example'),
        row('good@corp.example', 'good@corp.example'),
      ];
      const { json } = await call('POST', '/v1/users/import', { people });
      assert.deepEqual(
        json.results.map(({ status }: { status: string }) => status),
        ['refused', 'refused', 'made'],
      );
      assert.equal(json.results[0].reason, json.results[1].reason);
      assert.equal((await change(json.results[2].id, { email: 'moved@corp.example' })).status, 200);
      const taken = await create('sly', { email: 'Good@corp.example' });
      assert.deepEqual([taken.status, taken.json.code], [409, 'IDENTITY_EMAIL_TAKEN']);
    });

    // Attack: strangers register with an address until no mail goes to it any more, or ask for its links.
    test('what strangers ask for keeps nobody from a link that works', async () => {
      await create('eve', { email: 'eve@corp.example' });
      for (let at = 0; at < 8; at++) {
        const wish = { username: `stranger${at}`, password: PASSWORD, email: 'eve@corp.example' };
        assert.equal((await kit.ask('POST', '/v1/register', wish)).status, 202);
      }
      assert.ok((await lettersTo('eve@corp.example')).length <= 2);
      await forgot({ email: 'eve@corp.example' });
      const [own] = await linksTo('eve@corp.example');
      for (let at = 0; at < 8; at++) await forgot({ username: 'eve' });
      assert.equal((await linksTo('eve@corp.example')).length, 5);
      await kit.wait(minutes(59));
      assert.equal(await reset(own), 204, 'the owner’s own link, for its whole life');
      const others = await linksTo('eve@corp.example');
      assert.deepEqual(new Set(await Promise.all(others.map((link) => reset(link)))), new Set([400]));
    });

    test('where links live for minutes, there is always one that works', async () => {
      kit.restart({ resetMs: minutes(10), mailsPerHour: 1 });
      await create('quick', { email: 'quick@corp.example' });
      for (let at = 0; at < 3; at++) {
        await forgot({ username: 'quick' });
        await forgot({ username: 'quick' });
        assert.equal((await linksTo('quick@corp.example')).length, at + 1);
        await kit.wait(minutes(10) - 1); // the link of then is good for a moment yet
      }
      kit.restart({});
    });

    // Attack: whoever reads the old mailbox asked for a link before the address was changed.
    test('a link to reset a password dies with the address that it was sent to', async () => {
      const { json } = await create('ada', { email: 'ada@old.example' });
      await forgot({ username: 'ada' });
      const [old] = await linksTo('ada@old.example');
      await change(json.id, { email: 'ada@new.example' });
      assert.equal(await reset(old), 400);
      assert.equal(await signIn('ada'), 200);
    });

    // Attack: a stolen session of an administrator is made to last by a password of the thief.
    test('an administrator’s own password is not set without the old one, and another’s only right after a proof', async () => {
      const token = await kit.kit.signIn();
      const { personId: self } = await callerOf(token);
      const own = await change(self, { password: PASSWORD }, token);
      assert.deepEqual([own.status, own.json.code], [403, 'IDENTITY_OWN_PASSWORD']);
      const link = await kit.ask('POST', `/v1/users/${self}/password-reset`, undefined, await callerOf(token));
      assert.deepEqual([link.status, link.json.code], [403, 'IDENTITY_OWN_PASSWORD']);
      const { json } = await create('other');
      await kit.wait(minutes(11));
      for (const body of [{ password: PASSWORD }, { email: 'x@corp.example' }, { disabled: true }, { roles: [] }]) {
        const late = await change(json.id, body, token);
        assert.deepEqual([late.status, late.json.code], [401, 'ACCESS_PROOF_TOO_OLD'], JSON.stringify(body));
      }
      assert.equal((await change(json.id, { password: PASSWORD })).status, 200);
      assert.equal(await signIn('admin'), 200);
    });

    // Attack: whoever holds a session of an administrator points the account at their own mailbox, and resets its password.
    test('an administrator’s own address is changed by the password and a mail to the new one alone', async () => {
      const { id, token } = await kit.kit.person('zoe', 'admin');
      await change(id, { email: 'zoe@corp.example' });
      for (const body of [{ email: 'thief@evil.example' }, { email: null }, { disabled: true }]) {
        const own = await change(id, body, token);
        assert.deepEqual([own.status, own.json.code], [403, 'IDENTITY_OWN_PASSWORD'], JSON.stringify(body));
      }
      const caller = await callerOf(token);
      const move = (email: string, current = KIT_PASSWORD) => kit.ask('POST', '/v1/email', { email, current }, caller);
      assert.equal((await move('thief@evil.example', 'a guess of the thief')).json.code, 'IDENTITY_CREDENTIALS');
      assert.deepEqual(await lettersTo('thief@evil.example'), []);
      await create('holder', { email: 'taken@corp.example' });
      for (const email of ['taken@corp.example', 'zoe@new.example'])
        assert.deepEqual([(await move(email)).status, (await lettersTo(email)).length], [202, 1]);
      await forgot({ username: 'zoe' });
      assert.deepEqual((await linksTo('zoe@new.example')).length, 1, 'nothing has changed yet');
      const verify = async (email: string) =>
        kit.ask('POST', '/v1/email/verify', { token: (await linksTo(email)).at(-1) });
      assert.equal((await verify('taken@corp.example')).status, 400, 'another wish took its place');
      assert.equal((await verify('zoe@new.example')).status, 200);
      assert.equal((await verify('zoe@new.example')).status, 400, 'once');
      const { json } = await call('GET', '/v1/users?email=zoe@new.example');
      assert.deepEqual([json.items[0].username, json.items[0].email_verified], ['zoe', true]);
      assert.match((await lettersTo('zoe@corp.example')).at(-1)?.subject ?? '', /was changed/);
      await move('taken@corp.example');
      assert.equal((await verify('taken@corp.example')).json.code, 'IDENTITY_EMAIL_TAKEN');
      assert.equal((await change(id, { roles: ['viewer'] })).status, 200); // one administrator is left for what follows
    });

    // Attack: the intruder reads the mails of the account too, or has changed its address, and resets the password anew.
    test('no mail resets the password of an account that was got into, until its address is set anew', async () => {
      const { json } = await create('hurt', { email: 'hurt@corp.example' });
      await forgot({ username: 'hurt' });
      const [before] = await linksTo('hurt@corp.example');
      const secured = await call('POST', `/v1/users/${json.id}/compromised`, {});
      assert.deepEqual([secured.status, secured.json.email], [200, 'unconfirmed'], secured.text);
      const told = (await lettersTo('hurt@corp.example')).map(({ text }) => text).join();
      assert.match(told, /no mail resets the password/);
      const answers = [await forgot({ username: 'hurt' }), await forgot({ email: 'hurt@corp.example' })];
      const unknown = await forgot({ username: 'nobody at all' });
      for (const { status, text } of answers) assert.deepEqual([status, text], [unknown.status, unknown.text]);
      assert.deepEqual([(await linksTo('hurt@corp.example')).length, await reset(before)], [1, 400]);
      const link = await kit.ask('POST', `/v1/users/${json.id}/password-reset`, undefined, operator);
      assert.equal(await reset(link.json.token), 204, 'what is handed over works');
      await forgot({ username: 'hurt' });
      assert.equal((await linksTo('hurt@corp.example')).length, 1, 'and the mails are no better for it');
      assert.equal((await change(json.id, { email: 'hurt@corp.example' })).status, 200);
      await forgot({ username: 'hurt' });
      assert.equal((await linksTo('hurt@corp.example')).length, 2);
    });

    // Attack: what is refused has been half done: the person has lost what they had elsewhere.
    test('whoever may not delete themselves keeps every role', async () => {
      const { house, storage: store } = kit.kit.twinkeep;
      const south = tenantId('south');
      await house.createTenant(acting, south, 'South');
      const wish = { username: 'sol', password: KIT_PASSWORD, roles: ['admin'] };
      const { id: sol } = (await house.people.create(acting, south, wish)).person;
      await kit.wait(minutes(1)); // the order of memberships is that of their time
      await store.write(inTenant(MAIN_TENANT), async (tx) => {
        await house.tenants.addMember(tx, sol, MAIN_TENANT);
        await house.access.grant(tx, acting, MAIN_TENANT, sol, ['analyst']);
      });
      for (const tenant of [MAIN_TENANT, south]) {
        const caller = await callerOf(await kit.kit.signIn('sol'), tenant);
        const refused = await kit.ask('DELETE', '/v1/me', undefined, caller);
        assert.deepEqual([refused.status, refused.json.code], [409, 'IDENTITY_LAST_ADMINISTRATOR']);
        const held = await Promise.all(
          [MAIN_TENANT, south].map((one) => house.access.rolesOf({ kind: 'person', personId: sol }, one)),
        );
        assert.deepEqual(held, [['analyst'], ['admin']]);
      }
    });

    // Attack: an import is undone that never was, of whoever the caller names.
    test('an undo touches nobody whom no import made', async () => {
      const { json } = await create('native');
      const token = await kit.kit.signIn();
      const self = await callerOf(token);
      const people = [
        { id: json.id, username: 'native', proof: 'x' },
        { id: self.personId, username: 'admin', proof: 'x' },
      ];
      const undone = await call('POST', '/v1/users/import/undo', { people }, token);
      assert.deepEqual([undone.status, undone.json.results], [200, ['gone', 'gone']]);
      assert.deepEqual([await signIn('native'), await signIn('admin')], [200, 200]);
    });

    test('whom an undo disables has no link and no half-done sign-in, and no administrator undoes the last one', async () => {
      const { house, storage: store } = kit.kit.twinkeep;
      const { passwordHash } = (await house.identity.find(realmId('main'), 'admin')) ?? {};
      const row = (username: string, role: string) => ({ username, password_hash: passwordHash, roles: [role] });
      const people = [row('keeper', 'admin'), { ...row('half', 'viewer'), email: 'half@corp.example' }];
      const made = (await call('POST', '/v1/users/import', { people })).json.results;
      const named = people.map(({ username }, at) => ({ id: made[at].id, username, proof: made[at].proof }));
      const [keeper, half] = named;
      assert.equal(await signIn('half'), 200);
      await kit.enrol(made[1].id, 'half');
      await forgot({ username: 'half' });
      const [link] = await linksTo('half@corp.example');
      const { ticket } = (
        await kit.kit.call('POST', '/v1/login', { body: { username: 'half', password: KIT_PASSWORD } })
      ).json.second_factor;
      const undo = (one: unknown, token?: string) =>
        call('POST', '/v1/users/import/undo', { people: [one] }, token).then(({ json }) => json);
      assert.deepEqual((await undo(half)).results, ['disabled']);
      await store.write(platform, (tx) => house.identity.setDisabled(tx, acting, made[1].id, false));
      assert.equal(await reset(link), 400);
      assert.equal(await house.mfa.tickets.get(ticket), undefined);

      const token = await kit.kit.signIn('keeper');
      const { personId: first } = await callerOf(await kit.kit.signIn());
      assert.equal((await change(first, { roles: ['viewer'] }, token)).status, 200);
      assert.equal((await undo(keeper, token)).code, 'IDENTITY_LAST_ADMINISTRATOR');
      assert.equal(await signIn('keeper'), 200);
      assert.equal((await change(first, { roles: ['admin'] }, token)).status, 200);
    });

    /** What an administrator who is none any more has sent to somebody. */
    async function invitationOf(inviter: string, email: string): Promise<string | undefined> {
      const { id, token } = await kit.kit.person(inviter, 'admin');
      const sent = await kit.ask('POST', '/v1/invitations', { email, roles: [] }, await callerOf(token));
      assert.equal(sent.status, 201, sent.text);
      assert.equal((await change(id, { roles: ['viewer'] })).status, 200);
      return (await linksTo(email)).at(-1);
    }

    // Attack: somebody who looks after people no more still lets friends in, by invitations from before.
    test('an invitation without roles dies with the right of its inviter', async () => {
      const invitation = await invitationOf('al', 'pal@corp.example');
      const answer = await kit.ask('POST', '/v1/register', { username: 'pal', password: PASSWORD, invitation });
      assert.deepEqual([answer.status, answer.json.code], [400, 'IDENTITY_TOKEN_INVALID']);
      assert.equal(await signIn('pal', PASSWORD), 401);
    });

    test('what was sent while accounts were open is asked again when it is used', async () => {
      kit.restart({ registrationRoles: ['viewer', 'analyst'] });
      const begin = async (username: string): Promise<string | undefined> => {
        const email = `${username}@open.example`;
        await kit.ask('POST', '/v1/register', { username, password: PASSWORD, email });
        return (await linksTo(email)).at(-1);
      };
      const finish = (token: string | undefined) => kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD });
      const [late, less] = [await begin('late'), await begin('less')];
      const body = { email: 'join@open.example', roles: ['viewer'] };
      const invitation = String((await kit.ask('POST', '/v1/invitations', body, operator)).json.link).split('#')[1];
      const { token } = await kit.kit.person('joiner');
      for (const registration of ['invited', 'closed'] as const) {
        kit.restart({ registration });
        const refused = await finish(late);
        assert.deepEqual([refused.status, refused.json.code], [403, 'IDENTITY_REGISTRATION_CLOSED']);
      }
      const joined = await kit.ask('POST', '/v1/invitations/accept', { invitation }, await callerOf(token));
      assert.deepEqual([joined.status, joined.json.code], [403, 'IDENTITY_REGISTRATION_CLOSED']);
      kit.restart({ registrationRoles: ['analyst'] });
      assert.equal((await finish(less)).status, 201);
      const { json } = await call('GET', '/v1/users?email=less@open.example');
      assert.deepEqual(json.items[0].roles, ['analyst']);
      kit.restart({});
    });
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});

// Attack: strangers use the tries of an account up, so that its owner, who is signed in, cannot change the password.
test('strangers keep nobody who is signed in from a new password', async () => {
  const limits = { signInFailuresPerAccount: 3, signInFailuresPerAccountHour: 3, signInFailuresPerAccountDay: 3 };
  const kit = await createKit({ config: { limits } });
  try {
    const { token } = await kit.person('gus', 'viewer');
    for (let at = 0; at < 6; at++)
      await kit.call('POST', '/v1/login', { body: { username: 'gus', password: `wrong ${at}` } });
    const changed = await kit.call('POST', '/v1/password', {
      token,
      body: { current: KIT_PASSWORD, password: PASSWORD },
    });
    assert.equal(changed.status, 204, changed.text);
    for (let at = 0; at < 5; at++)
      await kit.call('POST', '/v1/password', { token, body: { current: `wrong ${at}`, password: PASSWORD } });
    const guessed = await kit.call('POST', '/v1/password', {
      token,
      body: { current: PASSWORD, password: KIT_PASSWORD },
    });
    assert.equal(guessed.status, 429, 'a stolen session is no way around the count');
  } finally {
    await kit.close();
  }
});

test('the first administrator may be called by an address', async () => {
  const kit = await createKit({ config: { adminUsername: 'root@twin.example' } });
  try {
    const { json } = await kit.call('GET', '/v1/users', { token: await kit.signIn('ROOT@twin.example') });
    assert.deepEqual([json.items[0].username, json.items[0].email], ['root@twin.example', 'root@twin.example']);
  } finally {
    await kit.close();
  }
});
