import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { SMTPServer } from 'smtp-server';
import { serverSuite, startRedis } from '../../../src/testing/index.ts';
import { FIELD_KEY, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf, type StartedServer, withRedisThere } from '../started.ts';

const v2 = {
  ENCRYPTION_KEY: FIELD_KEY,
  JWT_SECRET_KEY: SECRET,
  TWINKEEP_PROFILE: 'digital-twin-v2',
  TWINKEEP_TRUSTED_PROXIES: '127.0.0.1',
};
const MAIL_PASSWORD = 'p4ss of the mail account';

interface Mailbox {
  readonly port: number;
  readonly letters: readonly string[];
  close(): Promise<void>;
}

/** A mail server that wants user and password. */
async function openMailbox(): Promise<Mailbox> {
  const letters: string[] = [];
  const server = new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'mailer' && password === MAIL_PASSWORD ? done(null, { user: username }) : done(new Error('no')),
    onData: (stream, _session, done) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        letters.push(text);
        done();
      });
    },
  });
  const listener = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail();
  return { port, letters, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

const alertsAt = (port: number) => ({
  email: {
    smtp_server: '127.0.0.1',
    smtp_port: port,
    tls: 'none',
    username: 'mailer',
    password: 'env_SMTP_PASSWORD',
    from: 'twin@example.com',
    to: ['ops@example.com'],
  },
  events: ['address.blocked'],
});

test('B20 an alert_config.json signs in at the mail server with the variable that it refers to', async (t) => {
  const mailbox = await openMailbox();
  t.after(mailbox.close);
  const place = createPlace(t, v2);
  const file = place.write('alert_config.json', alertsAt(mailbox.port));
  const server = await place.start({ TWINKEEP_ALERT_CONFIG: file, SMTP_PASSWORD: MAIL_PASSWORD });
  const body = { username: 'admin', password: 'wrong' };
  const headers = { 'x-forwarded-for': '203.0.113.7' };
  for (let each = 0; each < 5; each++)
    assert.equal((await server.call('POST', '/api/auth/login', { body, headers })).status, 401);
  for (const until = performance.now() + 15_000; mailbox.letters.length === 0 && performance.now() < until; )
    await pause(50);
  assert.match(mailbox.letters[0] ?? '', /^To: ops@example\.com\r$/m);
  assert.match(mailbox.letters[0] ?? '', /too_many_failed_attempts/);
});

test('B20 a variable that is absent or empty stops the start, naming it and its place', async (t) => {
  const place = createPlace(t, v2);
  const TWINKEEP_ALERT_CONFIG = place.write('alert_config.json', alertsAt(2_525));
  for (const env of [{}, { SMTP_PASSWORD: '' }]) {
    const flaws = flawsOf(await place.refused({ ...env, TWINKEEP_ALERT_CONFIG }));
    assert.equal(flaws.length, 1);
    assert.equal(flaws[0]?.at, '/email/password');
    assert.match(flaws[0]?.reason ?? '', /SMTP_PASSWORD/);
  }
});

test('B20 a file that is absent, no JSON or of another form stops the start, and no value of it is told', async (t) => {
  const place = createPlace(t, { ...v2, SMTP_PASSWORD: MAIL_PASSWORD });
  assert.match((await place.refused({ TWINKEEP_ALERT_CONFIG: '/absent.json' })).stderr, /absent\.json/);
  const { email, events } = alertsAt(2_525);
  const bad = [
    `{"password": "${MAIL_PASSWORD}"`,
    [],
    { events, emial: email },
    { email: { ...email, to: [] }, events },
  ];
  for (const content of bad) {
    const { stderr } = await place.refused({ TWINKEEP_ALERT_CONFIG: place.write('bad.json', content) });
    assert.match(stderr, /DELIVERY_ALERTS_INVALID/);
    assert.ok(!stderr.includes(MAIL_PASSWORD));
  }
});

/** Somebody unknown at an address of his own; every answer but 429 was let in. */
const letIn = (servers: readonly StartedServer[], count: number): Promise<number> =>
  withRedisThere(servers, async (attempt) => {
    const headers = { 'x-forwarded-for': `192.0.2.${attempt}` };
    const ask = (at: number) => servers[at % servers.length]?.call('GET', `/nothing/${at}`, { headers });
    const answers = await Promise.all(Array.from({ length: count }, (_, at) => ask(at)));
    return answers.filter((answer) => answer?.status !== 429).length;
  });

await serverSuite('B23 limits by RATELIMIT_ variables', startRedis, (server) => {
  const limits = { RATELIMIT_DEFAULT: '5 per minute; 100 per hour', RATELIMIT_STORAGE_URI: server.url };

  test('RATELIMIT_DEFAULT holds over two processes that share the Redis of RATELIMIT_STORAGE_URI', async (t) => {
    const [one, two] = [createPlace(t, { ...v2, ...limits }), createPlace(t, { ...v2, ...limits })];
    const servers = await Promise.all([one.start(), two.start()]);
    assert.equal(await letIn(servers, 40), 5);
    for (let each = 0; each < 6; each++) await servers[each % 2]?.call('POST', '/api/auth/login', { body: {} });
    const refused = await servers[1]?.call('POST', '/api/auth/login', { body: {} });
    assert.equal(refused?.status, 429);
    assert.match(refused?.headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal((await servers[0]?.call('GET', '/health'))?.status, 200);
    const redis = new Redis(server.url);
    const names = await redis.keys('*');
    redis.disconnect();
    assert.ok(names.length > 0, 'the counters are there');
    assert.ok(names.every((name) => !/127\.0\.0\.1|192\.0\.2/.test(name)));
  });

  test('the tightest of several limits wins, in every notation of Flask-Limiter', async (t) => {
    for (const [text, most] of [
      ['100 per hour; 3 per minute', 3],
      ['7/minute', 7],
      ['2 per 30 seconds, 50/day', 2],
    ] as const) {
      const place = createPlace(t, { ...v2, RATELIMIT_DEFAULT: text, RATELIMIT_STORAGE_URI: 'memory://' });
      const started = await place.start();
      assert.equal(await letIn([started], 20), most, text);
      await started.running.stop('SIGTERM');
    }
  });

  test('RATELIMIT_ENABLED=False leaves the general limits alone', async (t) => {
    const place = createPlace(t, { ...v2, ...limits, RATELIMIT_ENABLED: 'False' });
    assert.equal(await letIn([await place.start()], 60), 60);
  });

  test('what is no limit, no switch and no Redis stops the start', async (t) => {
    const place = createPlace(t, v2);
    const bad: readonly Record<string, string>[] = [
      { RATELIMIT_DEFAULT: 'many' },
      { RATELIMIT_DEFAULT: '0 per minute' },
      { RATELIMIT_DEFAULT: '5 per fortnight' },
      { RATELIMIT_ENABLED: 'perhaps' },
      { RATELIMIT_STORAGE_URI: 'memcached://localhost:11211' },
    ];
    for (const env of bad) assert.ok(flawsOf(await place.refused(env)).length > 0, JSON.stringify(env));
  });
});
