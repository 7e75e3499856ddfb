import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { createSoftAuthenticator } from '../../src/mfa/passkey-authenticator.contract.ts';
import { type Answer, type Call, createKit, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { vectorTest } from '../vectors/vectors.ts';
import { NAUGHTY, someOf, spellingsOf, stringsIn, withEach } from './naughty.ts';
import { type OperatorPort, openOperatorPort } from './operator.ts';

/** For a row of twenty routes, each of which takes 30 an hour at least. */
const PACE_MS = 10_000;
const DAYS_MS = 30 * 86_400_000;
/** Where nobody listens; what is to be sent waits. */
const SMTP = { host: '127.0.0.1', port: 1, tls: 'none', from: 'ops@example.com' } as const;

let kit: Kit;
let port: OperatorPort;
let token: string;
before(async () => {
  const sessions = { accessMs: 86_400_000, idleMs: DAYS_MS, absoluteMs: DAYS_MS };
  const accounts = { registration: 'invited', publicUrl: 'https://twin.example' } as const;
  const mfa = { passkeys: { rpId: 'twin.example', origins: ['https://twin.example'] } };
  kit = await createKit({ config: { sessions, accounts, mfa, delivery: { smtp: SMTP } } });
  port = await openOperatorPort(kit);
});
beforeEach(async () => {
  token = await kit.signIn(); // what comes before takes long by the clock
});
after(async () => {
  await port.close();
  await kit.close();
});

/** Asks so much later that no limit is met, and lets nothing pass that is an error of ours. */
async function ask(method: string, path: string, call: Call = {}, laterMs = 20_000): Promise<Answer> {
  kit.clock.advance(laterMs);
  return sound(await kit.call(method, path, { token, ...call }), `${method} ${path}`);
}

function sound(answer: Answer, what: string): Answer {
  assert.ok(answer.status < 500 && answer.status !== 429, `${what}: ${answer.text}`);
  if (answer.status >= 400) assert.match(answer.json.code, /^[A-Z]+_[A-Z_]+$/);
  return answer;
}

async function operate(method: string, path: string, body?: object): Promise<Answer['json']> {
  kit.clock.advance(61_000);
  const response = await fetch(port.address + path, {
    method,
    headers: { connection: 'close', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.status < 500 && response.status !== 429, `${method} ${path}: ${response.status}`);
  return { status: response.status, ...Object(await response.json()) };
}

const made = new Set<string>();

/** One person for each of the many that work at once, who signs in whenever a proof is needed. */
async function own(worker: number): Promise<string> {
  const username = `worker${worker}`;
  if (!made.has(username)) {
    const { status, text } = await ask(
      'POST',
      '/v1/users',
      { body: { username, password: KIT_PASSWORD, roles: [] } },
      0,
    );
    assert.equal(status, 201, text);
    made.add(username);
  }
  return kit.signIn(username);
}

vectorTest('a label of an authenticator app comes back as it is', NAUGHTY, async (text, t) => {
  let accepted = 0;
  await withEach(stringsIn(text), async (label, _index, worker) => {
    const mine = await own(worker);
    const begun = await ask('POST', '/v1/mfa/totp', { token: mine, body: { label } });
    if (begun.status !== 201) return assert.equal(begun.status, 422, begun.text);
    accepted++;
    const { json } = await ask('GET', '/v1/mfa', { token: mine }, 0);
    const made = json.factors.find(({ id }: { id: string }) => id === begun.json.factor_id);
    assert.equal(made.label, label);
  });
  assert.ok(accepted > 150);
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('a label of a passkey comes back as it is', NAUGHTY, async (text, t) => {
  let accepted = 0;
  const signedIn = new Map<number, Promise<string>>(); // before the first passkey, which is asked for from then on
  const holder = async (number: number): Promise<string> => (await kit.person(`keyed${number}`)).token;
  await withEach(stringsIn(text), async (label, index) => {
    const number = index % 40; // a person can have so many passkeys and no more
    const coming = signedIn.get(number) ?? holder(number);
    signedIn.set(number, coming);
    const mine = await coming;
    const options = await ask('POST', '/v1/mfa/passkeys/options', { token: mine, body: {} }, 0);
    assert.equal(options.status, 200, options.text);
    const response = createSoftAuthenticator('Ed25519').create(options.json);
    const made = await ask('POST', '/v1/mfa/passkeys', { token: mine, body: { response, label } }, 0);
    if (made.status !== 201) return assert.equal(made.status, 422, made.text);
    accepted++;
    assert.equal(made.json.label, label);
  });
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('an address that is invited comes back as it is', NAUGHTY, async (text, t) => {
  let accepted = 0;
  await withEach(stringsIn(text), async (naughty, index) => {
    for (const email of [naughty, `${naughty}${index}@example.org`, `a${index}@${naughty}.example`]) {
      const made = await ask('POST', '/v1/invitations', { body: { email, roles: ['viewer'] } });
      if (made.status !== 201) {
        assert.equal(made.status, 422, made.text);
        continue;
      }
      accepted++;
      assert.equal(made.json.email, email);
      const { json } = await ask('GET', '/v1/invitations', {}, 0);
      assert.ok(
        json.items.some((item: { id: string; email: string }) => item.id === made.json.id && item.email === email),
      );
      assert.equal((await ask('DELETE', `/v1/invitations/${made.json.id}`, {}, 0)).status, 204);
    }
  });
  assert.ok(accepted > 50);
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('a password that somebody changes theirs to signs in, in every spelling of it', NAUGHTY, async (text, t) => {
  let accepted = 0;
  const current = new Map<number, string>();
  await withEach(someOf(stringsIn(text), 120), async (password, _index, worker) => {
    const username = `changer${worker}`;
    if (!current.has(worker)) {
      await ask('POST', '/v1/users', { body: { username, password: KIT_PASSWORD, roles: [] } });
      current.set(worker, KIT_PASSWORD);
    }
    const was = current.get(worker) ?? '';
    const mine = await kit.signIn(username, was);
    const changed = await ask('POST', '/v1/password', { token: mine, body: { current: was, password } }, 200_000);
    if (changed.status !== 204) return assert.equal(changed.status, 422, changed.text);
    accepted++;
    current.set(worker, password);
    for (const spelling of spellingsOf(password)) await kit.signIn(username, spelling);
    for (const other of [`${password} `, Array.from(password).slice(0, -1).join(''), password.toUpperCase(), was]) {
      if (spellingsOf(other).some((one) => spellingsOf(password).includes(one)) || other === '') continue;
      const { status } = await ask('POST', '/v1/login', { body: { username, password: other } }, 0);
      assert.equal(status, 401, 'and nothing else does');
    }
  });
  assert.ok(accepted > 50);
  t.diagnostic(`${accepted} accepted`);
});

vectorTest('a reason comes back as it is, where it is listed and in the log', NAUGHTY, async (text, t) => {
  const reasons = new Map<string, string>();
  const { id } = await kit.person('got-into', 'viewer');
  await withEach(stringsIn(text), async (reason, index) => {
    const address = `203.0.${Math.floor(index / 250)}.${(index % 250) + 1}`;
    const blocked = await operate('POST', '/v1/blocks', { address, reason, permanent: true });
    const ended = await operate('POST', `/v1/users/${id}/compromised`, { reason });
    assert.ok(blocked.status === 201 || blocked.status === 422, JSON.stringify(blocked));
    assert.ok(ended.status === 200 || ended.status === 422, JSON.stringify(ended));
    if (blocked.status === 201) reasons.set(address, reason);
  });
  const listed = await operate('GET', '/v1/blocks?which=all&limit=1000');
  const shown = new Map(
    listed.items.map((item: { address: string; evidence: { note: string } }) => [item.address, item.evidence.note]),
  );
  t.diagnostic(`${reasons.size} accepted, ${shown.size} shown`);
  for (const [address, reason] of reasons) assert.equal(shown.get(address), reason);
  assert.ok(reasons.size > 150);
  await kit.twinkeep.house.audit.integrate();
  const { json } = await ask('GET', '/v1/audit/entries?action=incident.responded&limit=1000');
  const noted = new Set(json.items.map((item: { facts: { reason: string } }) => item.facts.reason));
  for (const reason of reasons.values()) if (reason.length <= 200) assert.ok(noted.has(reason), JSON.stringify(reason));
});

vectorTest('no string breaks a step of a sign-in or of an account', NAUGHTY, async (text) => {
  await withEach(
    stringsIn(text),
    async (naughty, _index, worker) => {
      const mine = await own(worker);
      const bodies: readonly (readonly [path: string, body: object])[] = [
        ['/v1/register', { username: naughty, password: naughty, email: naughty, invitation: naughty }],
        ['/v1/email/verify', { token: naughty, password: naughty }],
        ['/v1/password/forgot', { username: naughty }],
        ['/v1/password/reset', { token: naughty, password: KIT_PASSWORD }],
        ['/v1/password/check', { password: naughty, username: naughty, email: naughty }],
        ['/v1/invitations/accept', { invitation: naughty }],
        ['/v1/login/challenge', { ticket: naughty, factor_id: naughty }],
        ['/v1/login/verify', { ticket: naughty, code: naughty }],
        ['/v1/login/enrol', { ticket: naughty, method: 'email', to: naughty }],
        ['/v1/login/passkey', { passkey: { id: naughty, rawId: naughty, response: { clientDataJSON: naughty } } }],
        ['/v1/step-up', { password: KIT_PASSWORD, code: naughty, factor_id: naughty }],
        ['/v1/mfa/codes', { method: 'email', to: naughty, label: naughty }],
        ['/v1/mfa/passkeys', { response: naughty, label: naughty }],
        ['/v1/token/refresh', { refresh_token: naughty }],
        ['/v1/tokens/revoke', { jti: naughty }],
      ];
      for (const [path, body] of bodies)
        await ask('POST', path, path === '/v1/tokens/revoke' ? { body } : { token: mine, body }, PACE_MS);
      const encoded = encodeURIComponent(naughty);
      for (const path of ['/v1/devices/', '/v1/invitations/', '/v1/mfa/factors/']) {
        await ask('DELETE', path + encoded, path === '/v1/invitations/' ? {} : { token: mine }, PACE_MS);
      }
      await ask('POST', `/v1/mfa/factors/${encoded}/confirm`, { token: mine, body: { code: naughty } }, PACE_MS);
    },
    8,
  );
});
