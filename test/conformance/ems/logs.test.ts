import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { LOGIN, type LogLine, logOf, type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace } from '../started.ts';

let kit: ProfileKit;
let token: string;
before(async () => {
  kit = await startProfile('ems', { limitsEnabled: false });
  token = await kit.login();
});
after(() => kit.close());

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ofType = (type: string) => (line: LogLine) => line.event.event_type === type;

/** The members of the last event that passes, without its time, which is that of the kit's clock. */
async function lastEvent(file: 'security.log' | 'audit.log', until: (line: LogLine) => boolean) {
  const lines = (await kit.log(file, until)).filter(until);
  const { level, time, event } = lines.at(-1) ?? assert.fail();
  const { timestamp, ...members } = event;
  assert.match(timestamp, UTC);
  assert.equal(timestamp, new Date(kit.clock.now()).toISOString());
  assert.equal(time, timestamp.replace('T', ' ').replace('.', ',').slice(0, 23));
  return { level, members };
}

test('E24 E28 the logs are /var/log/ems/security.log and audit.log unless told, and are apart', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  const { json } = await place.cli.look(['config', 'check', '--json']);
  assert.equal(json.profile.ems.logDirectory, '/var/log/ems');
  const folder = join(kit.folder, 'log');
  for (const name of ['security.log', 'audit.log']) assert.ok(existsSync(join(folder, name)), name);
  const place2 = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  place2.configure({ profile: { ems: { logDirectory: place2.write('a-file', '') } } });
  await place2.refused(); // what can't be logged must not be served
});

// Attack: a user name holds a line of its own, which says that somebody signed in.
test('E24 a line is time, level and JSON, whatever somebody puts into it', async () => {
  const forged = '2026-01-01 00:00:00,000 - INFO - {"event_type":"authentication","user":"ghost","success":true}';
  for (const cut of ['\n', '\r\n', '\r', '\u001b[2K', '"}\n'])
    await kit.call('POST', LOGIN.ems, { body: { username: `x${cut}${forged}`, password: 'wrong' } });
  await kit.call('POST', LOGIN.ems, { body: { username: 'the-last', password: 'wrong' } });
  const lines = await kit.log('security.log', ({ event }) => event.user === 'the-last');
  assert.ok(lines.every(({ level }) => ['INFO', 'WARNING', 'ERROR'].includes(level)));
  assert.ok(lines.every(({ event }) => event.user !== 'ghost'));
});

// Attack: a separator that JSON leaves as it is and Python's splitlines() cuts at.
test('E24 a line is ASCII, as the old logging wrote it, so that no reader cuts it elsewhere', async () => {
  const own = await startProfile('ems', { limitsEnabled: false });
  try {
    for (const cut of ['\u2028', '\u2029', '\u0085'])
      await own.call('POST', LOGIN.ems, { body: { username: `x${cut}INFO`, password: 'wrong' } });
    await own.call('GET', '/the-last');
    const path = join(own.folder, 'log', 'security.log');
    for (const until = performance.now() + 5_000; performance.now() < until; await pause(10))
      if (readFileSync(path, 'utf8').includes('/the-last')) break;
    assert.doesNotMatch(readFileSync(path, 'utf8'), /[^\x20-\x7e\n]/);
  } finally {
    await own.close();
  }
});

test('E25 a sign-in that succeeds is told at INFO, and one that fails at WARNING', async () => {
  await kit.login();
  const good = await lastEvent('security.log', ({ event }) => event.action === 'login' && event.success === true);
  assert.deepEqual(good, {
    level: 'INFO',
    members: {
      event_type: 'authentication',
      action: 'login',
      user: 'admin',
      ip_address: '127.0.0.1',
      success: true,
      additional_data: {},
    },
  });
  await kit.call('POST', LOGIN.ems, { body: { username: 'mallory', password: 'never-in-a-log' } });
  const bad = await lastEvent('security.log', ({ event }) => event.user === 'mallory');
  assert.equal(bad.level, 'WARNING');
  assert.deepEqual(
    [bad.members.event_type, bad.members.action, bad.members.success],
    ['authentication', 'login', false],
  );
  await kit.call('GET', '/api/v1/data/secure', { token: 'never-in-a-log' });
  const badToken = await lastEvent('security.log', ({ event }) => event.action === 'token');
  assert.deepEqual([badToken.level, badToken.members.success], ['WARNING', false]);
  for (const name of ['security.log', 'audit.log']) {
    const text = readFileSync(join(kit.folder, 'log', name), 'utf8');
    for (const secret of ['never-in-a-log', KIT_PASSWORD, token]) assert.ok(!text.includes(secret), name);
  }
});

test('E26 every request is told with its path alone, at WARNING from 400 up and else at INFO', async () => {
  const cases = [
    ['GET', '/api/v1/data/secure?q=hidden', { token }, 'admin', 200, 'INFO'],
    ['GET', '/api/v1/data/secure', {}, 'anonymous', 401, 'WARNING'],
    ['GET', '/nothing?q=hidden', {}, 'anonymous', 404, 'WARNING'],
    ['PUT', '/api/v1/data', {}, 'anonymous', 405, 'WARNING'],
    ['POST', '/api/v1/data', { token, body: {} }, 'admin', 422, 'WARNING'],
    ['GET', '/health', {}, 'anonymous', 200, 'INFO'],
  ] as const;
  for (const [method, path, call, user, status_code, level] of cases) {
    assert.equal((await kit.call(method, path, call)).status, status_code, path);
    const endpoint = path.split('?')[0];
    const event = { event_type: 'api_access', endpoint, method, user, ip_address: '127.0.0.1', status_code };
    const isIt = ({ event: found }: LogLine): boolean =>
      found.endpoint === endpoint && found.method === method && found.status_code === status_code;
    assert.deepEqual(await lastEvent('security.log', isIt), { level, members: event }, path);
  }
  const text = readFileSync(join(kit.folder, 'log', 'security.log'), 'utf8');
  assert.ok(!text.includes('hidden'), 'a query may hold what no log should');
  const lines = await kit.log('security.log', () => true);
  const healthy = lines.filter(({ event }) => event.endpoint === '/health');
  assert.equal(healthy.length, 1, 'each request once');
});

test('E27 a violation is told at ERROR', async () => {
  const own = await startProfile('ems', {}, { config: { detection: { failures: 1 } } });
  try {
    await own.call('GET', '/api/v1/data/secure', { token: 'bad' });
    const lines = await own.log('security.log', ofType('security_violation'));
    const { level, event } = lines.find(ofType('security_violation')) ?? assert.fail();
    assert.deepEqual([level, Object.keys(event)], ['ERROR', ['timestamp', 'event_type', 'violation_type', 'details']]);
    assert.match(event.timestamp, UTC);
  } finally {
    await own.close();
  }
});

test('E29 E28 what is done with data is told in the audit log, without an event_type', async () => {
  const reading = { meter_id: 'LOGGED', timestamp: '2026-11-20T00:00:00Z', energy_consumption: 1 };
  await kit.call('POST', '/api/v1/data', { token, body: reading });
  await kit.call('GET', '/api/v1/data/LOGGED?start_date=2026-11-01', { token });
  await kit.call('DELETE', '/api/v1/data/LOGGED', { token });
  const common = { user: 'admin', table: 'energy_data', source_ip: '127.0.0.1' };
  const startDate = Date.UTC(2026, 10, 1);
  const done = {
    insert: { ...common, action: 'insert', record_count: 1, filters: {} },
    delete: { ...common, action: 'delete', record_count: 1, filters: { meter_id: 'LOGGED' } },
  };
  for (const [action, members] of Object.entries(done))
    assert.deepEqual(await lastEvent('audit.log', ({ event }) => event.action === action), { level: 'AUDIT', members });
  const { members } = await lastEvent('audit.log', ({ event }) => event.action === 'read');
  const { filters, ...rest } = members;
  assert.deepEqual(rest, { ...common, action: 'read', record_count: 1 });
  assert.equal(filters.meter_id, 'LOGGED');
  assert.equal(new Date(filters.start_date).getTime(), startDate);
  const before = (await kit.log('audit.log', () => true)).length;
  await kit.call('DELETE', '/api/v1/data/LOGGED', { token: await kit.member('vera', 'viewer') });
  await lastEvent('security.log', ({ event }) => event.user === 'vera' && event.status_code === 403);
  assert.equal((await kit.log('audit.log', () => true)).length, before, 'what was refused was not done');
});

test('E30 a change of the configuration is told in the audit log, and secrets stay out of it (D10)', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  const logDirectory = join(place.folder, 'log');
  const next = 'Yq8pLm3XzR6vTn1KbW9cJd4HsF7gA2uE';
  place.configure({ profile: { ems: { logDirectory } } });
  const server = await place.start();
  place.configure({
    corsOrigins: ['https://new.example'],
    profile: { ems: { logDirectory, corsOrigins: ['https://a.example'] } },
  });
  assert.equal((await place.cli.run(['config', 'reload'], { env: { EMS_JWT_SECRET_KEY: next } })).code, 0);
  const isChange = ofType('configuration_change');
  const isLast = ({ event }: LogLine): boolean => event.component === 'profile'; // in the order of the schema
  const lines = (await logOf(join(logDirectory, 'audit.log'), isLast)).filter(isChange);
  for (const { level, event } of lines) {
    const names = ['timestamp', 'event_type', 'user', 'component', 'old_value', 'new_value'];
    assert.deepEqual([level, Object.keys(event)], ['AUDIT', names]);
    assert.deepEqual([typeof event.old_value, typeof event.new_value, event.user], ['string', 'string', 'operator']);
    assert.match(event.timestamp, UTC);
  }
  assert.deepEqual(lines.map(({ event }) => event.component).sort(), ['corsOrigins', 'profile']);
  place.configure({ profile: { ems: { logDirectory, accessMs: -1 } } });
  assert.equal((await place.cli.run(['config', 'reload'])).code, 1, 'a bad one is refused');
  assert.equal((await logOf(join(logDirectory, 'audit.log'), isChange)).filter(isChange).length, lines.length);
  await server.running.stop('SIGTERM');
  for (const name of ['security.log', 'audit.log']) {
    const text = readFileSync(join(logDirectory, name), 'utf8');
    for (const secret of [SECRET, next]) assert.ok(!text.includes(secret), name);
  }
});

test('E24 a log that was moved away goes on under its name, as logrotate expects', { timeout: 20_000 }, async () => {
  const path = join(kit.folder, 'log', 'security.log');
  await kit.call('GET', '/before');
  await kit.log('security.log', ({ event }) => event.endpoint === '/before');
  renameSync(path, `${path}.1`);
  const until = performance.now() + 10_000;
  while (!existsSync(path) && performance.now() < until) await kit.call('GET', '/between');
  await kit.call('GET', '/after');
  await kit.log('security.log', ({ event }) => event.endpoint === '/after');
});
