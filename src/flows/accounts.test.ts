import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { days, hours, minutes } from '../kernel/clock.ts';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import {
  type AccountsKit,
  type AccountsKitOptions,
  contextOf,
  createAccountsKit,
  OTHER_PASSWORD,
  PASSWORD,
} from './accounts-kit.contract.ts';

type OpenStorage = NonNullable<AccountsKitOptions['storage']>;

function contract(name: string, storage: OpenStorage): void {
  describe(`accounts on ${name}`, () => {
    let kit: AccountsKit;
    before(async () => {
      kit = await createAccountsKit({ storage });
    });
    after(() => kit.close());

    const signIn = (username: string, password: string) =>
      kit.kit.call('POST', '/v1/login', { body: { username, password } });
    const register = (username: string, email: string) =>
      kit.ask('POST', '/v1/register', { username, password: PASSWORD, email });
    const lettersTo = async (email: string) => (await kit.letters()).filter(({ to }) => to === email);
    const lastTo = async (email: string) => (await lettersTo(email)).at(-1);
    /** A member with a proved address. */
    async function member(username: string, email: string): Promise<void> {
      await register(username, email);
      const token = (await lastTo(email))?.token;
      const made = await kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD });
      assert.equal(made.status, 201, made.text);
    }

    test('one registers, reads the mail, signs in, forgets the password, resets it, and old sessions are dead', async () => {
      assert.equal((await register('ada', 'ada@example.org')).status, 202);
      assert.equal((await signIn('ada', PASSWORD)).status, 401, 'there is no account before the link is used');
      const finish = await lastTo('ada@example.org');
      assert.match(finish?.text ?? '', /https:\/\/twin\.example\/account\/register#/);
      const made = await kit.ask('POST', '/v1/email/verify', { token: finish?.token, password: PASSWORD });
      assert.deepEqual([made.status, made.json], [201, { username: 'ada' }]);
      const grant = await signIn('ada', PASSWORD);
      assert.equal(grant.status, 200);

      assert.equal((await kit.ask('POST', '/v1/password/forgot', { email: 'ADA@example.org' })).status, 202);
      const token = (await lastTo('ada@example.org'))?.token;
      assert.equal((await kit.ask('POST', '/v1/password/reset', { token, password: OTHER_PASSWORD })).status, 204);
      assert.equal((await kit.kit.call('GET', '/v1/me', { token: grant.json.access_token })).status, 401);
      const { refresh_token } = grant.json;
      assert.equal((await kit.kit.call('POST', '/v1/token/refresh', { body: { refresh_token } })).status, 401);
      assert.equal((await signIn('ada', PASSWORD)).status, 401);
      assert.equal((await signIn('ada', OTHER_PASSWORD)).status, 200);
      assert.match((await lastTo('ada@example.org'))?.subject ?? '', /was changed/);
    });

    // Attack: a link is used by two at once, or again.
    test('a link to reset a password works once, also of many at once', async () => {
      await member('ben', 'ben@example.org');
      await kit.ask('POST', '/v1/password/forgot', { username: 'ben' });
      const token = (await lastTo('ben@example.org'))?.token;
      const passwords = [1, 2, 3].map((n) => `${OTHER_PASSWORD} ${n}`);
      const answers = await Promise.all(
        passwords.map((password) => kit.ask('POST', '/v1/password/reset', { token, password })),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 400, 400]);
      const again = await kit.ask('POST', '/v1/password/reset', { token, password: PASSWORD });
      assert.deepEqual([again.status, again.json.code], [400, 'IDENTITY_TOKEN_INVALID']);
      const good = await Promise.all(passwords.map(async (password) => (await signIn('ben', password)).status));
      assert.deepEqual(good.sort(), [200, 401, 401]);
    });

    test('of two registrations of one name the one whose link is used first gets it', async () => {
      await Promise.all([register('cleo', 'c1@example.org'), register('CLEO', 'c2@example.org')]);
      const tokens = [(await lastTo('c1@example.org'))?.token, (await lastTo('c2@example.org'))?.token];
      const answers = await Promise.all(
        tokens.map((token) => kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD })),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
      assert.equal((await signIn('cleo', PASSWORD)).status, 200);
    });

    // Attack: names and addresses are tried, to learn which have an account.
    test('registration answers the same for free and taken names and addresses', async () => {
      await member('dora', 'dora@example.org');
      const answers = [
        await register('dora', 'new-1@example.org'),
        await register('new-2', 'Dora@example.org'),
        await register('new-3', 'new-3@example.org'),
      ];
      assert.deepEqual(
        new Set(answers.map(({ status, text, headers }) => JSON.stringify([status, text, headers]))).size,
        1,
      );
      const [taken, own, free] = [
        await lastTo('new-1@example.org'),
        await lastTo('Dora@example.org'),
        await lastTo('new-3@example.org'),
      ];
      assert.match(taken?.text ?? '', /name is taken/);
      assert.match(own?.subject ?? '', /You have an account/);
      assert.equal(taken?.token ?? own?.token, undefined);
      assert.notEqual(free?.token, undefined);
    });

    test('clients that know no mail get the same answer for a free and a taken name, and one account is made', async () => {
      const wish = { username: 'eve', password: PASSWORD };
      const context = contextOf('POST', '/register');
      const outcomes = await Promise.all(
        [1, 2, 3].map((n) =>
          kit.accounts.register(context, { ...wish, password: `${PASSWORD} ${n}` }, { requireEmail: false }),
        ),
      );
      assert.deepEqual(outcomes, [{ kind: 'accepted' }, { kind: 'accepted' }, { kind: 'accepted' }]);
      const states = await Promise.all([1, 2, 3].map(async (n) => (await signIn('eve', `${PASSWORD} ${n}`)).status));
      assert.deepEqual(states.sort(), [200, 401, 401]);
    });

    // Attack: links are asked for, for names and addresses that may or may not exist.
    test('a link to reset is answered the same for everybody, and sent to whoever may have one', async () => {
      await member('finn', 'finn@example.org');
      await member('gone', 'gone@example.org');
      const admin = await kit.kit.signIn();
      const { items } = (await kit.kit.call('GET', '/v1/users?limit=1000', { token: admin })).json;
      const gone = items.find((item: { username: string }) => item.username === 'gone');
      await kit.kit.call('PATCH', `/v1/users/${gone.id}`, { token: admin, body: { disabled: true } });
      const before = (await kit.letters()).length;
      const asked = [{ username: 'nobody' }, { email: 'no@example.org' }, { username: 'gone' }, { username: 'finn' }];
      const answers = [];
      for (const body of asked) answers.push(await kit.ask('POST', '/v1/password/forgot', body));
      const seen = new Set(answers.map(({ status, text, headers }) => JSON.stringify([status, text, headers])));
      assert.deepEqual([...seen], [JSON.stringify([202, '{"status":"accepted"}', {}])]);
      assert.equal((await kit.letters()).length, before + 1);
      assert.notEqual((await lastTo('finn@example.org'))?.token, undefined);
    });

    // Attack: somebody floods a mailbox with links.
    test('one address gets a few mails an hour, and who asks for more is not told', async () => {
      await member('gail', 'gail@example.org');
      const before = (await lettersTo('gail@example.org')).length;
      for (let n = 0; n < 12; n++) {
        assert.equal((await kit.ask('POST', '/v1/password/forgot', { username: 'gail' })).status, 202);
        await kit.letters(); // one after the other: mails overtake each other
      }
      assert.equal(
        (await lettersTo('gail@example.org')).length - before,
        5,
        'each kind of mail has a count of its own',
      );
      const { token } = (await lastTo('gail@example.org')) ?? {};
      const reset = await kit.ask('POST', '/v1/password/reset', { token, password: OTHER_PASSWORD });
      assert.equal(reset.status, 204, 'the last link that was sent still works');
    });

    test('a link dies by its time, by a new password and by disabling; one to register also by a newer one', async () => {
      const begun: (string | undefined)[] = [];
      for (let n = 0; n < 2; n++) {
        await register('hugh', 'hugh@example.org');
        begun.push((await lastTo('hugh@example.org'))?.token);
      }
      const finished = begun.map((token) => kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD }));
      assert.deepEqual(
        (await Promise.all(finished)).map(({ status }) => status),
        [400, 201],
      );
      await member('hugo', 'hugo@example.org');
      const forgot = async (): Promise<string | undefined> => {
        await kit.wait(hours(1));
        await kit.ask('POST', '/v1/password/forgot', { username: 'hugo' });
        return (await lastTo('hugo@example.org'))?.token;
      };
      const use = async (token: string | undefined) =>
        (await kit.ask('POST', '/v1/password/reset', { token, password: OTHER_PASSWORD })).status;
      const first = await forgot();
      const second = await forgot();
      assert.equal(await use(first), 400);
      await kit.wait(hours(1));
      assert.equal(await use(second), 400);
      const third = await forgot();
      assert.equal(await use(third), 204);
      const fourth = await forgot();
      const admin = await kit.kit.signIn();
      const { items } = (await kit.kit.call('GET', '/v1/users?limit=1000', { token: admin })).json;
      const { id } = items.find((item: { username: string }) => item.username === 'hugo');
      await kit.kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: true } });
      await kit.kit.call('PATCH', `/v1/users/${id}`, { token: admin, body: { disabled: false } });
      assert.equal(await use(fourth), 400);
    });

    // Attack: a link for one purpose is used for another, or made up.
    test('a link is good for its purpose alone', async () => {
      await register('ida', 'ida@example.org');
      const { token } = (await lastTo('ida@example.org')) ?? {};
      for (const given of [token, 'x', `${token}A`, 'A'.repeat(43), '../../etc', ' ']) {
        const { status, json } = await kit.ask('POST', '/v1/password/reset', { token: given, password: PASSWORD });
        assert.deepEqual([status, json.code], [400, 'IDENTITY_TOKEN_INVALID'], given);
      }
      const weak = await kit.ask('POST', '/v1/email/verify', { token, password: 'password1234' });
      assert.deepEqual([weak.status, weak.json.code], [422, 'IDENTITY_PASSWORD_WEAK']);
      const made = await kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD });
      assert.equal(made.status, 201, 'a weak password has not used the link up');
    });

    test('what ran out is forgotten', async () => {
      await register('jo', 'jo@example.org');
      const { token } = (await lastTo('jo@example.org')) ?? {};
      await kit.wait(days(1) + minutes(1));
      await kit.accounts.prune();
      assert.equal((await kit.ask('POST', '/v1/email/verify', { token, password: PASSWORD })).status, 400);
    });
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
