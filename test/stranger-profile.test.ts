import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tenantId } from '../src/kernel/brand.ts';
import type { Actor } from '../src/kernel/principal.ts';
import { type Answer, KIT_PASSWORD } from '../src/testing/index.ts';
import { startVillage, type Village } from './conformance/aivillage/aivillage-kit.ts';
import { assertSame, codeOf, NOBODY } from './stranger-case.ts';

const RIVAL = tenantId('rival');
const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
const NO_SESSION = '0'.repeat(32);

let kit: Village;
let vera: { readonly id: string; readonly token: string; readonly secret: string; readonly codes: readonly string[] };
let sessionId: string;
/** An administrator of the other tenant, signed in with both factors. */
let mallory: string;
before(async () => {
  kit = await startVillage();
  const { id } = await kit.person('vera', 'viewer');
  const { secret, backupCodes: codes } = await kit.enrol(await kit.login('vera'));
  vera = { id, token: await proved('vera', secret), secret, codes };
  const { json } = await kit.call('GET', '/auth/sessions', { token: vera.token });
  sessionId = json.sessions.find(({ current }: { current: boolean }) => current).session_id;
  await kit.twinkeep.house.createTenant(OPERATOR, RIVAL, 'Rival');
  const wish = { username: 'mallory', password: KIT_PASSWORD, roles: ['admin'] };
  await kit.twinkeep.house.people.create(OPERATOR, RIVAL, wish);
  mallory = await proved('mallory', (await kit.enrol(await kit.login('mallory'))).secret);
});
after(() => kit.close());

async function proved(username: string, secret: string): Promise<string> {
  const body = { username, password: KIT_PASSWORD, code: kit.codeOf(secret) };
  const signedIn = await kit.call('POST', '/auth/login', { body });
  assert.equal(signedIn.status, 200, signedIn.text);
  kit.clock.advance(60_000); // the code that was given counts once
  return signedIn.json.access_token;
}

const viewOfVera = (): Promise<readonly string[]> =>
  Promise.all(
    ['/auth/sessions', '/auth/mfa/backup-codes'].map(async (path) => {
      const { status, text } = await kit.call('GET', path, { token: vera.token });
      assert.equal(status, 200, text);
      return text;
    }),
  );

/** Nothing of vera's is changed, and nothing of it is told. */
async function asStranger(work: () => Promise<readonly Answer[]>): Promise<void> {
  const untouched = await viewOfVera();
  const answers = await work();
  for (const { text } of answers)
    for (const mark of [vera.id, vera.secret, sessionId, ...vera.codes]) assert.ok(!text.includes(mark), text);
  assert.deepEqual(await viewOfVera(), untouched);
}

const call = (method: string, path: string, body?: object): Promise<Answer> =>
  kit.call(method, path, body === undefined ? { token: mallory } : { token: mallory, body });

// Attack: an administrator of another tenant names a session that is not theirs.
test('a session of another tenant is told like one that there never was', () =>
  asStranger(async () => {
    const listed = await call('GET', '/auth/sessions');
    const end = (id: string) => call('DELETE', `/auth/sessions/${id}`);
    return [listed, ...assertSame(await end(sessionId), await end(NO_SESSION), 404, 'SESSION_NOT_FOUND')];
  }));

// Attack: an administrator of one tenant ends the sessions of somebody of another, or of everybody.
test('the sessions of people of another tenant end by nobody of this one', () =>
  asStranger(async () => {
    const end = (body?: object) => call('POST', '/auth/logout-all', body);
    const foreign = await end({ scope: 'user', user_id: vera.id });
    const same = assertSame(foreign, await end({ scope: 'user', user_id: NOBODY }), 404, 'IDENTITY_PERSON_UNKNOWN');
    const everybody = await end({ scope: 'global' });
    assert.deepEqual(codeOf(everybody), [403, 'ACCESS_FORBIDDEN']);
    return [...same, everybody];
  }));

// Attack: one's own sign-in goes on with the codes of somebody else.
test('codes of somebody of another tenant are wrong, and nothing is set up or taken away for them', () =>
  asStranger(async () => {
    const answers: Answer[] = [];
    for (const code of [kit.codeOf(vera.secret), vera.codes[0] ?? '']) {
      const given = await call('POST', '/auth/mfa/verify', { code });
      assert.deepEqual(codeOf(given), [401, 'MFA_CODE_WRONG']);
      const begun = await kit.call('POST', '/auth/login', { body: { username: 'mallory', password: KIT_PASSWORD } });
      const going = await kit.call('POST', '/auth/mfa/verify', { body: { mfa_token: begun.json.mfa_token, code } });
      assert.deepEqual(codeOf(going), [401, 'MFA_CODE_WRONG']);
      answers.push(given, going);
    }
    for (const more of [{ user_id: vera.id }, { username: 'vera' }]) {
      for (const [method, path] of [
        ['POST', '/auth/mfa/setup'],
        ['DELETE', '/auth/mfa/disable'],
      ] as const) {
        const smuggled = await call(method, path, more);
        assert.deepEqual(codeOf(smuggled), [422, 'HTTP_INPUT_REFUSED']);
        answers.push(smuggled);
      }
    }
    const taken = await call('DELETE', '/auth/mfa/disable');
    assert.deepEqual([taken.status, taken.json], [200, { disabled: true, removed: 1 }], taken.text);
    return [...answers, taken, await call('GET', '/auth/mfa/backup-codes')];
  }));

test('a call without a body ends what an administrator has a right to, and no tenant but theirs', () =>
  asStranger(async () => {
    const ended = await call('POST', '/auth/logout-all');
    assert.equal(ended.status, 200, ended.text);
    assert.deepEqual(codeOf(await call('GET', '/auth/sessions')), [401, 'SESSION_REVOKED']);
    return [ended];
  }));
