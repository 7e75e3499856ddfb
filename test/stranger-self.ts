import assert from 'node:assert/strict';
import { tenantId } from '../src/kernel/brand.ts';
import type { Actor } from '../src/kernel/principal.ts';
import { createSoftAuthenticator } from '../src/mfa/passkey-authenticator.contract.ts';
import { type Answer, KIT_PASSWORD, type Kit } from '../src/testing/index.ts';
import { AT, assertSame, type Case, codeOf, NOBODY, refused, type Stranger } from './stranger-case.ts';

const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
const NO_TOKEN = 'A'.repeat(43);
const NEW_PASSWORD = 'another horse of a battery';
const PATIENCE_MS = 5_000;
const RIVALS = 'RIVALS-NOW';
const POLLING = '/v1/socket.io/?EIO=4&transport=polling';

type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

/** Pages and answers that are the same for everybody. */
const page =
  (path: string): Case =>
  async ({ call, kit }) => {
    const [known, unknown] = [await call('GET', path), await kit.call('GET', path)];
    assert.deepEqual([known.status, known.text], [200, unknown.text]);
    return [known];
  };

/** What a token of the first tenant's opens is told like what nobody ever gave out. */
const linked =
  (path: string, name: string, more: object): Case =>
  async ({ call, home }) => {
    const use = (token: string) => call('POST', path, { body: { ...more, [name]: token } });
    const unknown = await use(NO_TOKEN);
    const foreign = [home.own.ticket, home.invitation, home.own.backupCodes[0] ?? ''];
    const answers = await Promise.all(foreign.map(use));
    return answers.flatMap((answer) => assertSame(answer, unknown, 400, 'IDENTITY_TOKEN_INVALID'));
  };

let count = 0;

/** Somebody new in the stranger's tenant, whose whole account may go. */
async function newcomer({ kit, intruder }: Stranger): Promise<{ readonly username: string; readonly ask: Ask }> {
  const username = `newcomer${++count}`;
  const made = await intruder.call('POST', '/v1/users', { body: { username, password: KIT_PASSWORD, roles: [] } });
  assert.equal(made.status, 201, made.text);
  const token = await kit.signIn(username);
  return {
    username,
    ask: (method, path, body) => kit.call(method, path, body === undefined ? { token } : { token, body }),
  };
}

const asPerson =
  (work: (ask: Ask, stranger: Stranger, username: string) => Promise<readonly Answer[]>): Case =>
  async (stranger) => {
    if (!stranger.isPerson) return refused(await stranger.call('GET', '/v1/csrf')); // a key is nobody
    const { username, ask } = await newcomer(stranger);
    return work(ask, stranger, username);
  };

/** Whom it is about is whoever asks: no body may say another. */
const notFor = (
  path: string,
  work: (ask: Ask, stranger: Stranger, username: string) => Promise<readonly Answer[]>,
): Case =>
  asPerson(async (ask, stranger, username) => {
    const { own, vera } = stranger.home;
    const others = [{ username: own.username }, { person_id: vera }, { user_id: vera }, { id: vera }];
    const smuggled = await Promise.all(others.map((other) => ask('POST', path, { ...SMUGGLED[path], ...other })));
    for (const answer of smuggled) assert.deepEqual(codeOf(answer), [422, 'HTTP_INPUT_REFUSED']);
    return [...smuggled, ...(await work(ask, stranger, username))];
  });

const SMUGGLED: Readonly<Record<string, object>> = {
  '/v1/password': { current: KIT_PASSWORD, password: NEW_PASSWORD },
  '/v1/email': { current: KIT_PASSWORD, email: 'own@rival.example' },
  '/v1/mfa/codes': { method: 'email', to: 'somebody@rival.example' },
};

/** Under a tenant of its own, for what ends everything in a tenant. */
async function administratorOf(kit: Kit, name: string): Promise<string> {
  await kit.twinkeep.house.createTenant(OPERATOR, tenantId(name), name);
  const wish = { username: `head-of-${name}`, password: KIT_PASSWORD, roles: ['admin'] };
  await kit.twinkeep.house.people.create(OPERATOR, tenantId(name), wish);
  return kit.signIn(wish.username);
}

/** A reading at home, which the stranger must not hear of, and one that they must. */
async function happen({ kit, home, call }: Stranger): Promise<void> {
  const one = { timestamp: AT, energy_consumption: 1 };
  const post = (meter_id: string) => ({ body: { ...one, meter_id } });
  const atHome = await kit.call('POST', '/v1/readings', { token: home.admin, ...post('HOME-2-NOW') });
  const atRivals = await call('POST', '/v1/readings', post(RIVALS));
  assert.deepEqual([atHome.status, atRivals.status], [201, 201]);
}

/** So that it can be heard of again, and home is as before. */
async function undo({ kit, home, call }: Stranger): Promise<void> {
  await kit.call('DELETE', '/v1/readings/HOME-2-NOW', { token: home.admin });
  await call('DELETE', `/v1/readings/${RIVALS}`);
}

/** What a stream says until the stranger's own reading stands in it. */
async function heard(stranger: Stranger, path: string): Promise<string> {
  const { kit, headers } = stranger;
  const response = await fetch(kit.address + path, { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  assert.equal(response.status, 200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let happened = false; !text.includes(RIVALS); ) {
    text += (await reader?.read())?.value ?? assert.fail(`the stream ended: ${text}`);
    if (happened || !text.includes('ready')) continue;
    happened = true;
    await happen(stranger);
  }
  await reader?.cancel();
  await undo(stranger);
  return text;
}

/** The same by Engine.IO, one poll after another. */
async function polled(stranger: Stranger): Promise<string> {
  const opened = await stranger.call('GET', POLLING);
  const path = `${POLLING}&sid=${sidIn(opened)}`;
  await stranger.call('POST', path, { body: '40' });
  let text = '';
  for (let happened = false; !text.includes(RIVALS); ) {
    const next = await stranger.call('GET', path);
    assert.equal(next.status, 200, next.text);
    text += next.text;
    if (happened || !text.includes('ready')) continue;
    happened = true;
    await happen(stranger);
  }
  await stranger.call('POST', path, { body: '1' });
  await undo(stranger);
  return text;
}

const sidIn = ({ text }: Answer): string => JSON.parse(text.slice(1)).sid;

const OWN: Readonly<Record<string, Case>> = {
  'POST /v1/password': notFor('/v1/password', async (ask, { kit }, username) => {
    const changed = await ask('POST', '/v1/password', { current: KIT_PASSWORD, password: NEW_PASSWORD });
    assert.equal(changed.status, 204, changed.text);
    await kit.signIn(username, NEW_PASSWORD);
    return [changed];
  }),
  'POST /v1/email': notFor('/v1/email', async (ask) => {
    const asked = await ask('POST', '/v1/email', { current: KIT_PASSWORD, email: 'own@rival.example' });
    assert.equal(asked.status, 202, asked.text);
    return [asked];
  }),
  'POST /v1/email/verification': asPerson(async (ask) => {
    const asked = await ask('POST', '/v1/email/verification');
    assert.equal(asked.status, 202, asked.text);
    return [asked];
  }),
  'DELETE /v1/me': asPerson(async (ask) => {
    const removed = await ask('DELETE', '/v1/me');
    assert.equal(removed.status, 204, removed.text);
    return [removed];
  }),
  'POST /v1/logout-all': asPerson(async (ask) => {
    const ended = await ask('POST', '/v1/logout-all');
    assert.equal(ended.status, 200, ended.text);
    return [ended];
  }),
  'POST /v1/mfa/totp': notFor('/v1/mfa/totp', async (ask) => {
    const begun = await ask('POST', '/v1/mfa/totp', {});
    assert.equal(begun.status, 201, begun.text);
    return [begun];
  }),
  'POST /v1/mfa/codes': notFor('/v1/mfa/codes', async (ask) => {
    const begun = await ask('POST', '/v1/mfa/codes', { method: 'email', to: 'somebody@rival.example' });
    assert.equal(begun.status, 201, begun.text);
    return [begun];
  }),
  // Attack: a passkey of one's own answers the challenge that was made for somebody else.
  'POST /v1/mfa/passkeys': notFor('/v1/mfa/passkeys', async (ask, { kit, home }) => {
    const theirs = await kit.call('POST', '/v1/mfa/passkeys/options', { token: home.own.token, body: {} });
    assert.equal(theirs.status, 200, theirs.text);
    const key = createSoftAuthenticator();
    const register = (challenge: string) =>
      ask('POST', '/v1/mfa/passkeys', { response: key.create({ ...theirs.json, challenge }) });
    return assertSame(await register(theirs.json.challenge), await register(NO_TOKEN), 422, 'MFA_PASSKEY_REFUSED');
  }),
  'POST /v1/mfa/passkeys/options': notFor('/v1/mfa/passkeys/options', async (ask) => {
    const options = await ask('POST', '/v1/mfa/passkeys/options', {});
    assert.deepEqual([options.status, options.json.excludeCredentials], [200, []], options.text);
    return [options];
  }),
  // Attack: a passkey of one's own says that it is somebody else's.
  'POST /v1/login/passkey': asPerson(async (ask, { kit, home }) => {
    const key = createSoftAuthenticator();
    const made = await ask('POST', '/v1/mfa/passkeys/options', { passwordless: true });
    const added = await ask('POST', '/v1/mfa/passkeys', { response: key.create(made.json) });
    assert.equal(added.status, 201, added.text);
    const signIn = async (userHandle?: string) => {
      const { json } = await kit.call('POST', '/v1/login/passkey/options');
      const passkey = key.get(json.passkey, userHandle === undefined ? {} : { userHandle });
      return kit.call('POST', '/v1/login/passkey', { body: { passkey } });
    };
    const refusals = assertSame(await signIn(home.vera), await signIn(NOBODY), 401, 'MFA_CODE_WRONG');
    const own = await signIn();
    assert.equal((await kit.call('GET', '/v1/me', { token: own.json.access_token })).json.tenant, 'rival', own.text);
    return [...refusals, own];
  }),
};

/** Without a credential of ours, or with one that does not count. */
const PUBLIC: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    ['register', 'verify', 'reset', 'invitation'].map((name) => [`GET /account/${name}`, page(`/account/${name}`)]),
  ),
  'POST /v1/register': async (stranger) => {
    const { call, home } = stranger;
    const register = (username: string, more: object = {}) =>
      call('POST', '/v1/register', { body: { username, password: NEW_PASSWORD, ...more } });
    const [taken, free] = [await register(home.own.username), await register('nobody-yet')];
    const invited = await linked('/v1/register', 'invitation', { username: 'nobody-yet', password: NEW_PASSWORD })(
      stranger,
    );
    return [...assertSame(taken, free, 403, 'IDENTITY_REGISTRATION_CLOSED'), ...invited];
  },
  'POST /v1/email/verify': linked('/v1/email/verify', 'token', { password: NEW_PASSWORD }),
  'POST /v1/password/reset': linked('/v1/password/reset', 'token', { password: NEW_PASSWORD }),
  'POST /v1/password/forgot': async ({ call, home }) => {
    const forget = (body: object) => call('POST', '/v1/password/forgot', { body });
    const answers = [
      await forget({ username: home.own.username }),
      await forget({ username: 'nobody-yet' }),
      await forget({ email: 'vera@home.example' }),
      await forget({ email: 'nobody@home.example' }),
    ];
    for (const { status, text } of answers) assert.deepEqual([status, text], [202, answers[0]?.text]);
    return answers;
  },
  'POST /v1/password/check': async ({ call }) => {
    const judge = (username: string) =>
      call('POST', '/v1/password/check', { body: { password: NEW_PASSWORD, username } });
    const [known, unknown] = [await judge('vera-of-home'), await judge('nobody-yet')];
    assert.deepEqual([known.status, known.json], [200, unknown.json]);
    return [known];
  },
  'POST /v1/login/enrol': async ({ call, home }) => {
    const enrol = (ticket: string) => call('POST', '/v1/login/enrol', { body: { ticket, method: 'totp' } });
    return assertSame(await enrol(home.own.ticket), await enrol(NO_TOKEN), 401, 'MFA_TICKET_INVALID');
  },
  'POST /v1/login/passkey/options': async ({ call }) => {
    const options = await call('POST', '/v1/login/passkey/options');
    assert.equal(options.status, 200, options.text);
    assert.deepEqual(options.json.passkey.allowCredentials ?? [], [], 'nobody is named');
    return [options];
  },
};

/** Somebody at home is listening, and the stranger has learned the name of their session. */
async function asHome(stranger: Stranger, ask: (path: string) => Promise<Answer>): Promise<Answer> {
  const { kit, home } = stranger;
  const opened = await kit.call('GET', POLLING, { token: home.admin });
  const path = `${POLLING}&sid=${sidIn(opened)}`;
  const foreign = await ask(path);
  assert.deepEqual(codeOf(foreign), [403, 'READING_STREAM_FOREIGN']);
  const closed = await kit.call('POST', path, { token: home.admin, body: '1' });
  assert.equal(closed.status, 200, 'the session goes on until its own side ends it');
  return foreign;
}

const follows =
  (path: string): Case =>
  async ({ call }) =>
    refused(await call('GET', path));

/** What goes on, as it goes on. */
const STREAMS: Readonly<Record<string, Case>> = {
  'GET /v1/readings/stream': async (stranger) => {
    const { call } = stranger;
    const text = await heard(stranger, '/v1/readings/stream?meter_id=HOME-2-NOW&meter_id=RIVALS-NOW');
    return [{ ...(await call('GET', '/v1/me')), text }];
  },
  'GET /v1/socket.io/': async (stranger) => {
    const foreign = await asHome(stranger, (path) => stranger.call('GET', path));
    return [foreign, { ...foreign, text: await polled(stranger) }];
  },
  'POST /v1/socket.io/': async (stranger) => [
    await asHome(stranger, (path) => stranger.call('POST', path, { body: '40' })),
  ],
  'GET /v1/revocations': follows('/v1/revocations?wait=1'),
  'GET /v1/revocations/snapshot': follows('/v1/revocations/snapshot'),
  'GET /v1/revocations/stream': follows('/v1/revocations/stream'),
  // Under a tenant that nothing else needs: all that is signed in there is not any more, and nobody else is touched.
  'POST /v1/tenant/logout-all': async ({ kit, isPerson, call }) => {
    const token = await administratorOf(kit, isPerson ? 'third' : 'fourth');
    const made = await kit.call('POST', '/v1/api-keys', { token, body: { name: 'last', scopes: ['admin'] } });
    const credential = isPerson ? { token } : { key: made.json.key };
    const ended = await kit.call('POST', '/v1/tenant/logout-all', credential);
    assert.deepEqual([ended.status, ended.json], [200, { scope: 'tenant', ended: 1 }], ended.text);
    assert.deepEqual(codeOf(await kit.call('GET', '/v1/me', { token })), [401, 'SESSION_REVOKED']);
    assert.equal((await call('GET', '/v1/me')).status, 200);
    return [ended];
  },
};

/** A case for each route by which somebody comes in, acts on themselves alone, or listens. */
export const SELF_CASES: Readonly<Record<string, Case>> = { ...OWN, ...PUBLIC, ...STREAMS };
