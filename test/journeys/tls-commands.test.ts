import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { type CommandLine, createCommandLine } from './command.ts';
import { askTls } from './tls-kit.ts';

function commandLine(t: TestContext, settings: Record<string, string> = {}): CommandLine {
  const cli = createCommandLine({ TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD, TWINKEEP_LIMITS: 'off', ...settings });
  t.after(() => cli.close());
  return cli;
}

const readIn = (cli: CommandLine, name: string): string => readFileSync(join(cli.folder, 'tls', name), 'utf8');
const sha256Of = (pem: string): string => new X509Certificate(pem).fingerprint256;
const generate = ['tls', 'generate', '--host', 'localhost,127.0.0.1', '--out', 'tls'];

test('a certificate is made, and never over another one unless told', async (t) => {
  const cli = commandLine(t);
  const made = await cli.run([...generate, '--json', '--days', '30']);
  assert.equal(made.code, 0, made.stderr);
  const certificate = new X509Certificate(readIn(cli, 'server.pem'));
  assert.equal(made.json.files[0].sha256, certificate.fingerprint256);
  assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1');
  assert.equal(certificate.keyUsage?.includes('1.3.6.1.5.5.7.3.1'), true);
  assert.equal(certificate.ca, false);
  assert.equal(statSync(join(cli.folder, 'tls/server.key')).mode & 0o777, 0o600);
  assert.equal(made.json.settings.TWINKEEP_TLS_CERT_FILE, 'tls/server.pem');

  const again = await cli.run(generate);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /--force/);
  assert.equal(sha256Of(readIn(cli, 'server.pem')), certificate.fingerprint256);
  assert.equal((await cli.run([...generate, '--force', '--type', 'ed25519'])).code, 0);
  assert.equal(new X509Certificate(readIn(cli, 'server.pem')).publicKey.asymmetricKeyType, 'ed25519');
  for (const wrong of [
    ['--type', 'rsa-1024'],
    ['--days', '0'],
    ['--days', '9999'],
    ['--host', 'a b'],
    ['--host', 'a,,b'],
  ])
    assert.equal((await cli.look(['tls', 'generate', '--host', 'x', '--out', 'y', ...wrong])).code, 2, String(wrong));
});

test('a server on several threads shows its certificate on each, and another one once the files change', async (t) => {
  const cli = commandLine(t, { TWINKEEP_TLS_CERT_FILE: 'tls/server.pem', TWINKEEP_TLS_KEY_FILE: 'tls/server.key' });
  const refused = await cli.run(['serve', '--workers', '2']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /tls\/server\.pem, which cannot be read \(ENOENT\)/);

  assert.equal((await cli.run(generate)).code, 0);
  const running = cli.start(['serve', '--json', '--workers', '2']);
  const port = Number(await running.printed(/"address":"https:\/\/127\.0\.0\.1:(\d+)"/));
  const first = readIn(cli, 'server.pem');
  const shown = async (ca: readonly string[]): Promise<readonly string[]> => {
    const answers = await Promise.all(Array.from({ length: 24 }, () => askTls(port, '/health', { ca: [...ca] })));
    assert.ok(answers.every(({ status }) => status === 200));
    return [...new Set(answers.map((answer) => answer.shown))];
  };
  assert.deepEqual(await shown([first]), [sha256Of(first)]);
  const told = await cli.run(['tls', 'show', '--json', '--url', `https://127.0.0.1:${port}`]);
  assert.equal(told.json.sha256, sha256Of(first));
  assert.equal(told.json.protocol, 'TLSv1.3');
  assert.match(told.json.problems[0], /vouches for itself/);

  assert.equal((await cli.run([...generate, '--force'])).code, 0);
  const second = readIn(cli, 'server.pem');
  let now: readonly string[] = [];
  for (let tries = 0; tries < 60 && (now.length !== 1 || now[0] !== sha256Of(second)); tries++) {
    now = await shown([first, second]);
    await wait(100);
  }
  assert.deepEqual(now, [sha256Of(second)]);
  writeFileSync(join(cli.folder, 'tls/server.pem'), 'broken');
  await running.printed(/the new certificate is refused; the old one is served on/);
  assert.deepEqual(await shown([second]), [sha256Of(second)]);
  const { stderr } = await running.stop('SIGTERM');
  assert.equal(stderr.match(/another certificate is served/g)?.length, 1, 'told by one thread');
});

test('the older names of TLS settings are taken where their systems are served', async (t) => {
  const cli = commandLine(t, {
    TWINKEEP_PROFILE: 'aivillage',
    API_SECRET_KEY: 'A7x9Qm2Lp8Rt5Vw3Zk6Nc1Bd4Fg0Hj2Y',
    DIGITAL_TWIN_MASTER_KEY: Buffer.alloc(32, 'k1').toString('base64'),
  });
  const refused = await cli.run(['serve'], { env: { TLS_ENABLED: 'true' } });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /TWINKEEP_TLS_CERT_FILE/);
  const checked = await cli.look(['config', 'check', '--json'], { TLS_ENABLED: 'false' });
  assert.equal(checked.code, 0, checked.stderr);
});

test('a key that a command has bound to a certificate says so in the list', async (t) => {
  const cli = commandLine(t);
  await cli.run([...generate, '--ca']);
  assert.equal(statSync(join(cli.folder, 'tls/client.key')).mode & 0o777, 0o600);
  const bind = ['api-keys', 'create', 'meter', '--scope', 'read:meter_data', '--certificate'];
  const made = await cli.run([...bind, 'tls/client.pem', '--json']);
  assert.equal(made.code, 0, made.stderr);
  const wanted = sha256Of(readIn(cli, 'client.pem')).replaceAll(':', '').toLowerCase();
  assert.equal(made.json.certificate_sha256, wanted);
  assert.match((await cli.run(['api-keys', 'list'])).stdout, /meter +bound/);
  assert.equal((await cli.run([...bind, 'tls/client.key'])).code, 1);
});
