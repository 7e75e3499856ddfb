import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { z } from 'zod';

/**
 * A life of a server in a process of its own, so that all that it prints can be read: people, keys and readings come
 * and go, everything fails once, and in the end the database is away. Prints what must stand nowhere.
 */
const LIFE = `
import { createServer } from 'node:http';
import { Secret, TOTP } from 'otpauth';
import { createKit, createTestClock } from ${JSON.stringify(new URL('../../src/testing/index.ts', import.meta.url).href)};
import { createSqliteStorage } from ${JSON.stringify(new URL('../../src/storage/index.ts', import.meta.url).href)};
import { startReceivers } from ${JSON.stringify(new URL('../conformance/aivillage/receivers.ts', import.meta.url).href)};
const receivers = await startReceivers();
const clock = createTestClock();
const storage = createSqliteStorage({ file: process.argv[1], clock });
const kit = await createKit({ clock, storage, config: {
  logLevel: 'debug', adminPassword: 'Root-Secret-Password', delivery: receivers.delivery, mfa: { sms: { countries: ['49'] } },
  accounts: { registration: 'open', publicUrl: 'https://twin.example' } } });
const secrets = ['Root-Secret-Password', 'Somebodys-Secret-Password', 'Typed-Into-The-Name-Field', 'Wrong-Secret-Password',
  'Second-Secret-Password', 'Secret-Location-7', 'Secret-User-Agent/9', 'Secret-Query-Value', 'Secret-Header-Value',
  'secret-address@example.org', 'Secret-Text-5', 'Secret-Row-Name-6', 'Secret-Not-Sealed-7', 'Secret-Searched-8'];
const login = (username, password) => kit.call('POST', '/v1/login', { body: { username, password }, headers: { 'user-agent': 'Secret-User-Agent/9' } });
const keep = ({ json, headers }) => {
  secrets.push(json.access_token, json.refresh_token, ...[/tk_device=([^;]+)/.exec(headers.get('set-cookie') ?? '')?.[1]].filter(Boolean));
  return json;
};
const admin = keep(await login('admin', 'Root-Secret-Password'));
const token = admin.access_token;
keep(await kit.call('POST', '/v1/token/refresh', { body: { refresh_token: admin.refresh_token } }));
const paul = await kit.call('POST', '/v1/users', { token, body: { username: 'paul', password: 'Somebodys-Secret-Password', roles: ['viewer'] } });
keep(await login('paul', 'Somebodys-Secret-Password'));
await login('paul', 'Wrong-Secret-Password');
await login('Typed-Into-The-Name-Field', 'Wrong-Secret-Password');
await kit.call('PATCH', '/v1/users/' + paul.json.id, { token, body: { password: 'Second-Secret-Password' } });
await kit.call('POST', '/v1/users', { token, body: { username: 'quinn', password: 'Fourth-Hidden-Words-44', roles: ['viewer'] } });
const quinn = keep(await login('quinn', 'Fourth-Hidden-Words-44')).access_token;
const app = (await kit.call('POST', '/v1/mfa/totp', { token: quinn, body: { label: 'Secret-Label-3' } })).json;
const code = (off) => new TOTP({ secret: Secret.fromBase32(app.secret) }).generate({ timestamp: kit.clock.now() + off });
const factor = '/v1/mfa/factors/' + app.factor_id;
await kit.call('POST', factor + '/confirm', { token: quinn, body: { code: 'Secret-Code-77' } });
const { backup_codes } = (await kit.call('POST', factor + '/confirm', { token: quinn, body: { code: code(-30_000) } })).json;
const { ticket } = (await login('quinn', 'Fourth-Hidden-Words-44')).json.second_factor;
await kit.call('POST', '/v1/login/verify', { body: { ticket, code: 'Secret-Code-77' } });
const proved = keep(await kit.call('POST', '/v1/login/verify', { body: { ticket, code: code(0), remember_device: true } })).access_token;
const shown = (await kit.call('GET', '/v1/mfa/backup-codes', { token: proved })).json.items.map((item) => item.code);
const reset = (await kit.call('POST', '/v1/users/' + paul.json.id + '/password-reset', { token })).json;
const recovery = (await kit.call('POST', '/v1/users/' + paul.json.id + '/recovery', { token })).json.code;
secrets.push('Fourth-Hidden-Words-44', 'Secret-Label-3', 'Secret-Code-77', app.secret, app.uri, ticket, reset.token, recovery, ...backup_codes, ...shown);
const NUMBER = '+493012345678', MAILBOX = 'secret-mailbox@example.org', NEWCOMER = 'secret-newcomer@example.org';
secrets.push(NUMBER, NUMBER.slice(1), MAILBOX, NEWCOMER, 'Fifth-Hidden-Words-55', 'Sixth-Hidden-Words-66');
await kit.call('POST', '/v1/users', { token, body: { username: 'rhea', password: 'Fifth-Hidden-Words-55', roles: [] } });
const rhea = keep(await login('rhea', 'Fifth-Hidden-Words-55')).access_token;
const sent = async (find) => {
  for (let tries = 0; tries < 200; tries++) {
    await kit.twinkeep.house.delivery.run();
    const found = find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('nothing came: ' + JSON.stringify(receivers.letters));
};
const codeIn = (text) => /\\b\\d{6}\\b/.exec(text.slice(text.indexOf('\\n\\r\\n') + 1))?.[0];
const begin = async (method, to) => (await kit.call('POST', '/v1/mfa/codes', { token: rhea, body: { method, to } })).json.factor_id;
const byText = await begin('sms', NUMBER), byMail = await begin('email', MAILBOX);
const textCode = await sent(() => receivers.texts.filter(({ to }) => to === NUMBER).map(({ body }) => codeIn(body))[0]);
const mailCode = await sent(() => receivers.letters.filter(({ to }) => to === MAILBOX).map(({ text }) => codeIn(text))[0]);
const confirm = async (id, code) => (await kit.call('POST', '/v1/mfa/factors/' + id + '/confirm', { token: rhea, body: { code } })).status;
const confirmed = [await confirm(byText, textCode), await confirm(byMail, mailCode)];
await kit.call('POST', '/v1/register', { body: { username: 'newcomer', password: 'Sixth-Hidden-Words-66', email: NEWCOMER } });
const link = await sent(() => receivers.letters.filter(({ to }) => to === NEWCOMER).map(({ text }) => /#([\\w.-]+)/.exec(text.replaceAll('=\\r\\n', ''))?.[1])[0]);
secrets.push(link);
confirmed.push((await kit.call('POST', '/v1/email/verify', { body: { token: link, password: 'Sixth-Hidden-Words-66' } })).status);
const key = (await kit.call('POST', '/v1/api-keys', { token, body: { name: 'k', scopes: ['write', 'read'] } })).json.key;
secrets.push(key, key.slice(16));
await kit.call('PATCH', '/v1/users/' + paul.json.id, { token, body: { email: 'secret-address@example.org' } });
await kit.call('GET', '/v1/users?email=secret-address@example.org', { token });
const legacy = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
secrets.push(legacy.toString('base64url'), legacy.toString('base64').slice(0, -1), legacy.toString('hex'));
await kit.call('POST', '/v1/vault/keys/import', { token, body: { algorithm: 'fernet', key: legacy.toString('base64url') } });
await kit.call('POST', '/v1/vault/keys/import', { token, body: { algorithm: 'fernet', key: 'Secret-Not-Sealed-7' } });
const fieldKey = (await kit.call('POST', '/v1/api-keys', { token, body: { name: 'f', scopes: ['seal', 'open'].map((verb) => verb + ':fields') } })).json.key;
secrets.push(fieldKey);
const place = { table: 'users', column: 'email', row: 'Secret-Row-Name-6' };
const vault = (path, body) => kit.call('POST', '/v1/vault/' + path, { key: fieldKey, body });
const { sealed } = (await vault('seal', { ...place, text: 'Secret-Text-5' })).json;
secrets.push(sealed);
await vault('open', { ...place, sealed });
await vault('open', { ...place, sealed: sealed + 'A' });
await vault('open/batch', { items: [{ ...place, sealed }, { ...place, sealed: 'Secret-Not-Sealed-7' }] });
await vault('rewrap/batch', { items: [{ ...place, sealed }] });
await vault('index', { table: 'users', column: 'email', text: 'Secret-Searched-8' });
await vault('seal', { ...place, text: 7, 'Secret-Text-5': 1 });
const door = createServer(kit.twinkeep.handleOperator);
await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
const operate = async (path, body) => {
  const headers = { connection: 'close', ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch('http://127.0.0.1:' + door.address().port + path, { method: 'POST', headers, body: body && JSON.stringify(body) });
  return answer.json();
};
const { shares } = await operate('/v1/vault/master/shares', { threshold: 2, count: 3 });
const printed = shares.flatMap((share) => share.split('\\n').filter((line) => /^\\d /.test(line)).map((line) => line.slice(1).trim()));
secrets.push(...printed, ...printed.map((line) => line.replaceAll(' ', '')));
secrets.push(...(await operate('/v1/backups/identity')).identities.map(({ identity }) => identity));
await operate('/v1/vault/keys/rotate-all', { reason: 'emergency' });
await operate('/v1/token-keys/rotate', {});
const reading = { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'Secret-Location-7' };
await kit.call('POST', '/v1/readings', { key, body: reading });
await kit.call('POST', '/v1/readings', { key, body: { ...reading, location: 'elsewhere' } });
await kit.call('POST', '/v1/readings', { key, body: '{"location":"Secret-Location-7",' , headers: { 'content-type': 'application/json' } });
await kit.call('GET', '/v1/readings', { key });
await kit.call('GET', '/v1/me', { token: token + 'x' });
await kit.call('GET', '/v1/me', { key: key.slice(0, -1) });
await kit.twinkeep.house.audit.integrate();
const metrics = (await kit.call('GET', '/metrics')).text;
await kit.twinkeep.house.audit.stop();
await storage.close();
const statuses = [];
for (const [method, path, call] of [
  ['POST', '/v1/login?x=Secret-Query-Value', { body: { username: 'paul', password: 'Second-Secret-Password' } }],
  ['POST', '/v1/readings', { key, body: reading, headers: { 'x-other': 'Secret-Header-Value' } }],
  ['GET', '/v1/readings?meter_id=Secret-Query-Value', { key }],
  ['POST', '/v1/vault/seal', { key: fieldKey, body: { ...place, text: 'Secret-Text-5' } }],
  ['POST', '/v1/vault/keys/import', { token, body: { algorithm: 'fernet', key: legacy.toString('base64url') } }],
  ['POST', '/v1/token/refresh', { body: { refresh_token: admin.refresh_token } }],
]) statuses.push((await kit.call(method, path, call)).status);
await receivers.close();
process.stdout.write(JSON.stringify({ secrets, statuses, metrics, codes: [textCode, mailCode], confirmed }), () => process.exit(0));
`;

const life = z.object({
  secrets: z.array(z.string().min(5)).min(40),
  statuses: z.array(z.number()),
  metrics: z.string(),
  /** By SMS and by e-mail: too short to be no part of anything else, so they are looked for as a word of their own. */
  codes: z.array(z.string().length(6)).length(2),
  confirmed: z.array(z.number()),
});

let folder: string;
let log: string;
let told: z.output<typeof life>;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-leaks-'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', LIFE, join(folder, 'db')]);
  const [printed, logged] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.notEqual(printed, '', logged);
  log = logged;
  told = life.parse(JSON.parse(printed));
});
after(() => rm(folder, { recursive: true }));

function assertClean(where: string, content: string): void {
  for (const secret of told.secrets) assert.ok(!content.includes(secret), `${where} holds ${secret.slice(0, 24)}`);
  for (const code of told.codes)
    assert.doesNotMatch(content, new RegExp(`(?<![\\w.+/=-])${code}(?![\\w.+/=-])`), where);
}

// Attack: whoever reads the operator's log signs in with what stands there.
test('no password, token, key, address of a query, location or field stands in what the server prints', () => {
  assert.ok(told.statuses.filter((status) => status >= 500).length >= 3, String(told.statuses));
  assert.ok(log.includes('a request failed'), 'the failures are told');
  assertClean('the log', log);
});

test('the codes and links of this life came to their people, and were good', () => {
  assert.deepEqual(told.confirmed, [200, 200, 201]);
});

// Attack: a collector that anybody may read learns who there is, and what they hold.
test('no secret, no name and no number of anybody stands in the metrics', () => {
  assert.match(told.metrics, /^# TYPE /m);
  assertClean('the metrics', told.metrics);
  for (const personal of ['paul', 'quinn', 'rhea', 'newcomer', 'main', '127.0.0.1', 'M1']) {
    assert.doesNotMatch(told.metrics, new RegExp(`"[^"\\n]*\\b${personal}\\b[^"\\n]*"`), personal);
  }
});

// Attack: whoever reads the database signs in with what stands there.
test('no password, token, key, device, location, field or e-mail address stands in the files of the database', async () => {
  const files = await readdir(folder);
  assert.ok(files.includes('db'));
  for (const file of files) assertClean(file, (await readFile(join(folder, file))).toString('latin1'));
});

// Attack: a secret or a person's name is written into a log that never forgets.
test('no secret and no personal value stands in an audit entry', () => {
  const db = new DatabaseSync(join(folder, 'db'), { readOnly: true });
  const bodies = db.prepare('select body from audit_entry').all();
  db.close();
  assert.ok(bodies.length > 15);
  for (const { body } of bodies) {
    assertClean('an entry', String(body));
    const said = String(body).replaceAll('http://127.0.0.1:0', ''); // an issuer: the server's own address, not a person's
    for (const personal of ['paul', '127.0.0.1', 'elsewhere']) assert.ok(!said.includes(personal), said);
  }
});
