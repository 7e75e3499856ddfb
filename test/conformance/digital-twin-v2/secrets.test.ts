import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { getOptionalEnv, getRequiredEnv, loadConfig, VARIABLES } from '../../../src/app/index.ts';
import { PROFILE_VARIABLES } from '../../../src/profiles/index.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startTransit } from '../../../src/vault/transit-stand-in.contract.ts';
import { newKey } from '../old-ciphers.ts';
import { FIELD_KEY, LOGIN, SECRET } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const V2 = { TWINKEEP_PROFILE: 'digital-twin-v2' };

/** A reference to a variable, as configuration files have them. */
const ref = (name: string): string => `$\{${name}}`;

test('B17 every secret that has a variable may come in a mounted file, as Docker and Kubernetes hand them over', async (t) => {
  const place = createPlace(t);
  const required = { JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY };
  const others = {
    TWINKEEP_DATABASE_URL: 'postgres://twin:s3cret-of-db@127.0.0.1/twin',
    TWINKEEP_REDIS_URL: 'redis://:s3cret-of-redis@127.0.0.1:6379',
    RATELIMIT_STORAGE_URI: 'redis://:s3cret-of-redis@127.0.0.1:6379',
    TWINKEEP_MASTER_KEY: newKey(),
    TWINKEEP_MASTER_KEY_PREVIOUS: newKey(),
    TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD,
    JWT_SECRET_KEY_PREVIOUS: 'Yq8pLm3XzR6vTn1KbW9cJd4HsF7gA2uE',
  };
  const all: Readonly<Record<string, string>> = { ...required, ...others };
  const named = VARIABLES.filter(({ secret }) => secret).map(({ name }) => name);
  assert.deepEqual(
    named.filter((name) => all[name] === undefined),
    [],
    'a secret that this test does not know',
  );
  for (const { name, secret } of PROFILE_VARIABLES)
    assert.equal(secret === true, /SECRET|_KEY(_PREVIOUS)?$/.test(name), name);
  const revealed = async (env: Readonly<Record<string, string>>) => {
    const config = await loadConfig({ ...V2, ...env });
    const { secret, previousSecret, encryptionKey } = config.profile['digital-twin-v2'];
    const { databaseUrl, redisUrl, masterKey, previousMasterKey, adminPassword } = config;
    const secrets = { secret, previousSecret, encryptionKey, databaseUrl, redisUrl, masterKey, previousMasterKey };
    return Object.entries({ ...secrets, adminPassword }).map(([name, value]) => [name, value?.reveal()]);
  };
  const mounted = Object.entries(all).map(([name, value]) => [`${name}_FILE`, place.write(name, `${value}\n`)]);
  const found = await revealed(Object.fromEntries(mounted));
  assert.deepEqual(found, await revealed(all));
  assert.ok(found.every(([, value]) => value !== undefined));
});

test('B17 no command and no log shows a secret, whether it came by variable, file or reference', async (t) => {
  const secrets = { JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY };
  const place = createPlace(t, V2);
  const files = Object.entries(secrets).map(([name, value]) => [`${name}_FILE`, place.write(name, value)]);
  const server = await place.start({ ...Object.fromEntries(files), TWINKEEP_LOG_LEVEL: 'debug' });
  const body = { username: 'admin', password: KIT_PASSWORD };
  assert.equal((await server.call('POST', LOGIN['digital-twin-v2'], { body })).status, 200);
  const { stdout, stderr } = await server.running.stop('SIGTERM');
  for (const secret of Object.values(secrets)) assert.ok(!`${stdout}${stderr}`.includes(secret));

  const smtp = { host: 'mail.example', from: 'twin@example.com', username: 'mailer', password: 'env_SMTP_PASSWORD' };
  place.configure({
    delivery: { smtp, sms: { accountSid: 'AC1', authToken: ref('SMS_TOKEN'), from: '+15005550006' } },
  });
  const env = { ...secrets, SMTP_PASSWORD: 'p4ss of the mail account', SMS_TOKEN: 't0ken of the sms account' };
  const shown = await place.cli.look(['config', 'check', '--json'], env);
  assert.equal(shown.code, 0, shown.stderr);
  const { delivery, profile, adminPassword } = shown.json;
  const { secret, encryptionKey } = profile['digital-twin-v2'];
  for (const hidden of [delivery.smtp.password, delivery.sms.authToken, secret, encryptionKey, adminPassword])
    assert.equal(hidden, '[secret]');
  for (const value of [...Object.values(env), KIT_PASSWORD]) assert.ok(!shown.stdout.includes(value));
});

test('B17 HashiCorp Vault can keep the master key: nothing on the disk opens what is sealed', async (t) => {
  const vault = await startTransit();
  t.after(vault.stop);
  const place = createPlace(t, { ...V2, JWT_SECRET_KEY: SECRET });
  const tokenFile = place.write('vault-token', vault.token);
  place.configure({ vault: { provider: { kind: 'transit', address: vault.address, tokenFile, key: 'twinkeep' } } });
  const first = await place.start();
  const scopes = ['--scope', 'seal:fields', '--scope', 'open:fields'];
  const { json } = await place.cli.run(['api-keys', 'create', 'twin', ...scopes, '--json']);
  const headers = { 'x-api-key': json.key };
  const at = { table: 'users', column: 'email', row: '1' };
  const sealed = await first.call('POST', '/v1/vault/seal', { headers, body: { ...at, text: 'ada@example.com' } });
  assert.equal(sealed.status, 200, sealed.text);
  assert.ok(vault.seen.length > 0 && vault.seen.every(({ token }) => token === vault.token));
  assert.equal(existsSync(join(place.folder, 'data/master.key')), false);
  await first.running.stop('SIGTERM');

  const second = await place.start();
  const body = { ...at, sealed: sealed.json.sealed };
  assert.equal((await second.call('POST', '/v1/vault/open', { headers, body })).json.text, 'ada@example.com');
  await second.running.stop('SIGTERM');
  vault.mood = 'refusing';
  assert.match((await place.refused()).stderr, /VAULT_PROVIDER_AWAY/);
});

const reasonOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return JSON.stringify(Object(error).facts);
  }
  return assert.fail('it did not throw');
};

test('B18 get_required_env gives what is there, and fails where it is absent or empty', (t) => {
  const place = createPlace(t);
  assert.equal(getRequiredEnv('SMTP_PASSWORD', { SMTP_PASSWORD: 'x' }), 'x');
  assert.equal(getRequiredEnv('SMTP_PASSWORD', { SMTP_PASSWORD_FILE: place.write('a', 'of a file\n') }), 'of a file');
  const bad = [
    {},
    { SMTP_PASSWORD: '' },
    { SMTP_PASSWORD_FILE: place.write('b', '\n') },
    { SMTP_PASSWORD_FILE: '/no' },
  ];
  for (const env of bad)
    assert.match(
      reasonOf(() => getRequiredEnv('SMTP_PASSWORD', env)),
      /Required secret SMTP_PASSWORD not found/,
    );
  process.env['TWIN_OF_A_TEST'] = 'of the process';
  t.after(() => delete process.env['TWIN_OF_A_TEST']);
  assert.equal(getRequiredEnv('TWIN_OF_A_TEST'), 'of the process');
});

test('B18 get_optional_env gives what is there, or what is to stand in its place', (t) => {
  const place = createPlace(t);
  assert.equal(getOptionalEnv('TWIN_REGION', 'kr', { TWIN_REGION: 'eu' }), 'eu');
  assert.equal(getOptionalEnv('TWIN_REGION', 'kr', { TWIN_REGION_FILE: place.write('a', 'eu\n') }), 'eu');
  for (const env of [{}, { TWIN_REGION: '' }]) assert.equal(getOptionalEnv('TWIN_REGION', 'kr', env), 'kr');
  assert.equal(getOptionalEnv('TWIN_REGION_THAT_IS_NOT_SET'), undefined);
});

test('B18 a configuration file may ask for variables by both, and stops the start where one is missing', async (t) => {
  const place = createPlace(t, { ...V2, JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY });
  const library = pathToFileURL(join(ROOT, 'src/app/index.ts')).href;
  place.write(
    'twinkeep.config.ts',
    `import { defineConfig, getOptionalEnv, getRequiredEnv } from '${library}';
     export default defineConfig({ issuer: getRequiredEnv('TWIN_ISSUER'), host: getOptionalEnv('TWIN_HOST', '127.0.0.1') });`,
  );
  const env = { TWIN_ISSUER_FILE: place.write('issuer', 'https://twin.example\n') };
  const { json, stderr } = await place.cli.look(['config', 'check', '--json'], env);
  assert.deepEqual([json?.issuer, json?.host], ['https://twin.example', '127.0.0.1'], stderr);
  assert.match((await place.refused()).stderr, /Required secret TWIN_ISSUER not found/);
});

test('B19 .env is ignored by git, and .env.example is there with placeholders alone', () => {
  const ignored = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n');
  assert.ok(ignored.includes('.env') && !ignored.includes('.env.example') && !ignored.includes('!.env'));
  const example = readFileSync(join(ROOT, '.env.example'), 'utf8').split('\n');
  const known = new Set(VARIABLES.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])));
  const settings = example.flatMap((line) => {
    const [, name = '', value = ''] = /^#?([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, value, live: !line.startsWith('#') }];
  });
  assert.ok(settings.length > 5);
  for (const { name, value, live } of settings) {
    assert.ok(known.has(name), name);
    if (!VARIABLES.some(({ secret, name: own }) => secret && own === name)) continue;
    assert.ok(!live && (/<\w+>/.test(value) || !/:[^/@]+@/.test(value)), `${name} holds no secret`);
  }
});

test('B19 a .env that lies about is not read: in production the environment alone counts', async (t) => {
  const place = createPlace(t, { ...V2, NODE_ENV: 'production' });
  place.write('.env', `JWT_SECRET_KEY=${SECRET}\nENCRYPTION_KEY=${FIELD_KEY}\n`);
  const reasons = flawsOf(await place.refused()).map(({ reason }) => reason.split(';')[0]);
  assert.deepEqual(reasons, ['Required secret JWT_SECRET_KEY not found', 'Required secret ENCRYPTION_KEY not found']);
});
