import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { type Answer, createKit, KIT_PASSWORD, type Kit } from '../testing/index.ts';

const WRONG = 'certainly not the password';

let kit: Kit;
before(async () => {
  kit = await createKit({ slowHashes: true });
  await kit.person('known', 'viewer');
  const { id } = await kit.person('disabled', 'viewer');
  await kit.call('PATCH', `/v1/users/${id}`, { token: await kit.signIn(), body: { disabled: true } });
});
after(() => kit.close());

const login = (username: string, password: string, more: object = {}): Promise<Answer> =>
  kit.call('POST', '/v1/login', { body: { username, password, ...more } });

/** All of an answer but what is never the same twice. */
function bare({ status, json, headers }: Answer) {
  const { date: _, 'x-request-id': __, ratelimit, ...rest } = Object.fromEntries(headers);
  assert.match(ratelimit ?? '', /^"address";r=\d+;t=\d+$/, 'it counts down by the address, whoever is named');
  return { status, headers: rest, json: { ...json, instance: '' } };
}

const bodies = statement({
  reach: 'platform',
  sql: 'select body from audit_entry order by id',
  returns: { body: 'text' },
});
const entry = z.looseObject({
  action: z.string(),
  pseudonym: z.string().optional(),
  object: z.object({ id: z.string() }).optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
});

/** What the log of a kit says, oldest first; entries of one millisecond have no order, so each test moves the clock. */
async function entriesOf({ twinkeep: { storage } }: Kit): Promise<readonly z.output<typeof entry>[]> {
  await storage.write(platform, async () => undefined); // behind what is noted and not awaited
  const rows = await storage.read(platform, (tx) => tx.all(bodies, {}));
  return rows.map(({ body }) => entry.parse(JSON.parse(body)));
}

// Attack: the answer to a login tells which names exist, and which are disabled.
test('unknown name, wrong password and disabled person get one and the same answer', async () => {
  const answers = [
    await login('known', WRONG),
    await login('nobody', WRONG),
    await login('disabled', WRONG),
    await login('disabled', KIT_PASSWORD),
    await login('<script>', WRONG),
    await login('known ', KIT_PASSWORD),
    await login('known', WRONG, { tenant: 'main' }),
    await login('known', WRONG, { tenant: 'nowhere' }),
  ];
  for (const answer of answers) assert.deepEqual(bare(answer), bare(answers[0] ?? answer));
  assert.deepEqual([answers[0]?.status, answers[0]?.json.code], [401, 'IDENTITY_CREDENTIALS']);
  assert.equal(answers[0]?.headers.get('www-authenticate'), 'Bearer');
  assert.equal(answers[0]?.headers.get('set-cookie'), null);
});

// Attack: the time until the answer tells which names exist.
test('an unknown name costs the same work as a known one', async (t) => {
  const times: Record<string, number[]> = { known: [], nobody: [], disabled: [] };
  for (let round = 0; round < 15; round++) {
    for (const name of ['known', 'nobody', 'disabled']) {
      const from = performance.now();
      await login(name, WRONG);
      times[name]?.push(performance.now() - from);
    }
  }
  const median = (name: string) => (times[name] ?? []).sort((a, b) => a - b)[7] ?? 0;
  const [one, other, third] = [median('known'), median('nobody'), median('disabled')];
  t.diagnostic(`medians: known ${one.toFixed(2)} ms, unknown ${other.toFixed(2)} ms, disabled ${third.toFixed(2)} ms`);
  assert.ok(other >= one / 2 && third >= one / 2);
});

test('a name is found however it is typed, and shown as it was given', async () => {
  const token = await kit.signIn();
  const body = { username: 'Zoë.Ångström', password: KIT_PASSWORD, roles: ['viewer'] };
  const made = await kit.call('POST', '/v1/users', { token, body });
  assert.equal(made.json.username, 'Zoë.Ångström');
  for (const typed of ['zoë.ångström', 'ZOË.ÅNGSTRÖM', 'Zoë.Ångström'.normalize('NFD'), 'ｚoë.ångström']) {
    assert.equal((await login(typed, KIT_PASSWORD)).status, 200, typed);
    const taken = await kit.call('POST', '/v1/users', { token, body: { ...body, username: typed } });
    assert.deepEqual([taken.status, taken.json.code], [409, 'IDENTITY_USERNAME_TAKEN']);
  }
});

test('a password is the same in either normal form, and no longer or shorter one is', async () => {
  const password = 'Käse, Brot & Ö̈l — 干酪';
  const token = await kit.signIn();
  const body = { username: 'normal', password, roles: [] };
  assert.equal((await kit.call('POST', '/v1/users', { token, body })).status, 201);
  assert.equal((await login('normal', password.normalize('NFC'))).status, 200);
  assert.equal((await login('normal', password.normalize('NFD'))).status, 200);
  for (const other of [`${password} `, ` ${password}`, password.slice(0, -1), password.toLowerCase()]) {
    assert.equal((await login('normal', other)).status, 401);
  }
});

// Attack: a password is typed into the field for the name, and stands in the log from then on.
test('the log knows a refused person by id and a refused stranger by a pseudonym of the month', async () => {
  const own = await createKit();
  try {
    const { id } = await own.person('known', 'viewer');
    const secret = 'my secret password';
    for (const username of ['known', secret, secret, 'another stranger']) {
      own.clock.advance(1);
      await own.call('POST', '/v1/login', { body: { username, password: WRONG } });
    }
    own.clock.advance(31 * 86_400_000);
    await own.call('POST', '/v1/login', { body: { username: secret, password: WRONG } });
    const refused = (await entriesOf(own)).filter(({ action }) => action === 'signin.refused');
    const [person, stranger, same, other, later] = refused;
    assert.deepEqual([person?.object?.id, person?.pseudonym], [id, undefined]);
    assert.match(String(stranger?.pseudonym), /^[A-Za-z0-9_-]{22}$/);
    assert.deepEqual([stranger?.object, stranger?.pseudonym], [undefined, same?.pseudonym]);
    assert.notEqual(other?.pseudonym, stranger?.pseudonym);
    assert.notEqual(later?.pseudonym, stranger?.pseudonym, 'another month, another name');
  } finally {
    await own.close();
  }
});

test('a member who names a foreign tenant is refused only after the password was right, and that is noted', async () => {
  const own = await createKit();
  try {
    const body = { username: 'admin', password: KIT_PASSWORD, tenant: 'nowhere' };
    const answer = await own.call('POST', '/v1/login', { body });
    assert.deepEqual([answer.status, answer.json.code], [403, 'TENANT_FOREIGN']);
    const noted = (await entriesOf(own)).filter(({ facts }) => facts?.['code'] === 'TENANT_FOREIGN');
    assert.equal(noted.length, 1);
  } finally {
    await own.close();
  }
});

// Attack: passwords are tried on one account from many addresses, or on many accounts from one.
test('logins are limited by account and by address, whether the name exists or not, and the excess is noted', async () => {
  const own = await createKit({ config: { limits: { signInPerAccount: 3, signInPerAddress: 8 } } });
  try {
    const statuses: number[] = [];
    for (const name of ['admin', 'ADMIN', 'ａdmin', 'Admin', 'no1', 'no1', 'no1', 'no1', 'no2']) {
      const body = { username: name, password: WRONG };
      const answer = await own.call('POST', '/v1/login', { body });
      statuses.push(answer.status);
      if (answer.status !== 429) continue;
      assert.equal(answer.json.code, 'LIMIT_EXCEEDED');
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    }
    assert.deepEqual(statuses, [401, 401, 401, 429, 401, 401, 401, 429, 429]);
    const limited = (await entriesOf(own)).filter(({ facts }) => facts?.['code'] === 'LIMIT_EXCEEDED');
    assert.equal(limited.length, 3);
    const good = () => own.call('POST', '/v1/login', { body: { username: 'admin', password: KIT_PASSWORD } });
    own.clock.advance(59_000);
    const early = await good();
    assert.equal(early.status, 429, 'the whole window must pass, and no part of the limit comes back before');
    own.clock.advance(Number(early.headers.get('retry-after')) * 1_000);
    assert.equal((await good()).status, 200);
  } finally {
    await own.close();
  }
});
