import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { platform } from '../../src/kernel/tx.ts';
import { statement } from '../../src/storage/index.ts';
import { type Answer, createKit, createTestClock, KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';

const WRONG = 'certainly not the password';
const ROUNDS = 25;

const setHash = statement({
  reach: 'platform',
  sql: 'update person set password_hash = :hash where username = :name',
  params: { hash: 'text', name: 'text' },
});

/** As Werkzeug made them: an HMAC that costs nothing. */
const werkzeug = (password: string): string =>
  `sha256$salt$${createHmac('sha256', 'salt').update(password).digest('hex')}`;

let kit: Kit;
before(async () => {
  // No answer sooner than the slowest hash in use here needs, as in production.
  kit = await createKit({ slowHashes: true, config: { limits: { refusalMs: 400 } } });
  const hashes: Record<string, string> = {
    'in-bcrypt': await bcrypt(KIT_PASSWORD, { cost: 12 }),
    'in-werkzeug': werkzeug(KIT_PASSWORD),
    passwordless: '!',
  };
  for (const name of ['in-argon2id', 'disabled', ...Object.keys(hashes)]) {
    const { id } = await kit.person(name, 'viewer');
    const body = { disabled: true };
    if (name === 'disabled') await kit.call('PATCH', `/v1/users/${id}`, { token: await kit.signIn(), body });
    const hash = hashes[name];
    if (hash !== undefined) await kit.twinkeep.storage.write(platform, (tx) => tx.run(setHash, { hash, name }));
  }
});
after(() => kit.close());

const login = (username: string, password = WRONG): Promise<Answer> =>
  kit.call('POST', '/v1/login', { body: { username, password } });

/** All of an answer but what is never the same twice. */
function bare({ status, json, headers }: Answer) {
  const { date: _, 'x-request-id': __, ratelimit: ___, ...rest } = Object.fromEntries(headers);
  return { status, headers: rest, json: { ...json, instance: '' } };
}

const NAMES = ['nobody', 'in-argon2id', 'in-bcrypt', 'in-werkzeug', 'disabled', 'passwordless', 'nobody@plant.example'];

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0;

/** Interleaved, so that whatever else the machine does falls on all alike. */
async function mediansOf(names: readonly string[], rounds: number): Promise<ReadonlyMap<string, number>> {
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const from = performance.now();
      assert.equal((await login(name)).status, 401);
      times.get(name)?.push(performance.now() - from);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

const spread = (medians: ReadonlyMap<string, number>): number =>
  Math.max(...medians.values()) - Math.min(...medians.values());

const told = (medians: ReadonlyMap<string, number>): string =>
  [...medians].map(([name, ms]) => `${name} ${ms.toFixed(2)}`).join(', ');

// Attack: the time until the answer tells the same.
test('no refused sign-in can be told from another by its time', { timeout: 240_000 }, async (t) => {
  const names = NAMES.slice(0, 6);
  const medians = await mediansOf(names, ROUNDS);
  const apart = spread(medians);
  t.diagnostic(`medians in ms of ${ROUNDS} each: ${told(medians)}; apart ${apart.toFixed(2)} ms`);
  // Exact figures are bench/rows/oracle.ts; here the bound is wide enough for a machine that does other things.
  assert.ok(apart < Math.max(20, median([...medians.values()]) * 0.05), `${apart} ms`);
});

// Attack: the answer tells which names exist, which are disabled, and how their passwords are hashed.
test('every refused sign-in is the same answer, by name and by e-mail address', async () => {
  const [first, ...others] = await Promise.all([...NAMES.map((name) => login(name)), login('disabled', KIT_PASSWORD)]);
  assert.deepEqual([first?.status, first?.json.code], [401, 'IDENTITY_CREDENTIALS']);
  for (const answer of others) assert.deepEqual(bare(answer), bare(first ?? answer));
});

test('nor while others are signing in', { timeout: 240_000 }, async (t) => {
  let busy = true;
  const others = Array.from({ length: 3 }, async (_, lane) => {
    while (busy) await login(`other-${lane}`);
  });
  const medians = await mediansOf(['nobody', 'in-argon2id', 'in-bcrypt', 'in-werkzeug'], 9);
  busy = false;
  await Promise.all(others);
  const apart = spread(medians);
  t.diagnostic(`under load, medians in ms: ${told(medians)}; apart ${apart.toFixed(2)} ms`);
  assert.ok(apart < Math.max(60, median([...medians.values()]) * 0.15), `${apart} ms`);
});

// Attack: attempts are used up, and the refusal of the next tells whether there is an account to protect.
test('an account whose attempts are used up is refused as a name that nobody has', async () => {
  const own = await createKit({ config: { limits: { signInFailuresPerAccount: 3 } }, clock: createTestClock() });
  try {
    await own.person('known', 'viewer');
    const refused: Answer[] = [];
    for (const username of ['known', 'unknown', 'known@plant.example']) {
      const answers: Answer[] = [];
      for (let each = 0; each < 4; each++)
        answers.push(await own.call('POST', '/v1/login', { body: { username, password: WRONG } }));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401, 401, 401, 429],
      );
      refused.push(...answers.slice(3));
    }
    const [first, ...rest] = refused;
    for (const answer of rest) assert.deepEqual(bare(answer), bare(first ?? answer));
  } finally {
    await own.close();
  }
});

// Attack: a made-up ticket is answered otherwise than one that ran out, or in another time.
test('every ticket that is no good is the same answer', async () => {
  const tickets = ['tkt_', `tkt_${'A'.repeat(43)}`, 'x', `tkr_${'A'.repeat(43)}`];
  const answers = await Promise.all(
    tickets.map((ticket) => kit.call('POST', '/v1/login/verify', { body: { ticket, code: '000000' } })),
  );
  const [first] = answers;
  assert.deepEqual([first?.status, first?.json.code], [401, 'MFA_TICKET_INVALID']);
  for (const answer of answers) assert.deepEqual(bare(answer), bare(first ?? answer));
});
