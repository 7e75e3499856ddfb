import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { configSchema } from '../../../src/app/index.ts';
import { unsafeTls } from '../../../src/app/tls-config.ts';
import { profileNames } from '../../../src/profiles/index.ts';
import { askTls } from '../../journeys/tls-kit.ts';
import { FIELD_KEY, LOGIN, SECRET } from '../profile-kit.ts';
import { createPlace, type Place } from '../started.ts';

const HOST = 'localhost';
const STRICT: Readonly<Record<string, RegExp>> = {
  'strict-transport-security': /^max-age=31536000; includeSubDomains$/,
  'content-security-policy': /^default-src 'none'/,
  'x-frame-options': /^DENY$/,
  'x-content-type-options': /^nosniff$/,
  'referrer-policy': /^no-referrer$/,
  'permissions-policy': /camera=\(\)/,
};

/** The village as its guide has it, with a certificate that the command makes. */
async function startVillage(t: TestContext, type = 'rsa-4096') {
  const place = createPlace(t, {
    TWINKEEP_PROFILE: 'aivillage',
    DIGITAL_TWIN_MASTER_KEY: FIELD_KEY,
    API_SECRET_KEY: SECRET,
    TLS_ENABLED: 'true',
  });
  const made = await place.cli.run(['tls', 'generate', '--host', HOST, '--type', type, '--out', 'tls', '--json']);
  assert.equal(made.code, 0, made.stderr);
  const ca = readFileSync(join(place.folder, 'tls/server.pem'), 'utf8');
  return { place, ca, port: await serve(place) };
}

async function serve(place: Place): Promise<number> {
  const env = { TWINKEEP_TLS_CERT_FILE: 'tls/server.pem', TWINKEEP_TLS_KEY_FILE: 'tls/server.key' };
  const running = place.cli.start(['serve', '--json'], { env });
  return Number(await running.printed(/"address":"https:\/\/[^:]+:(\d+)"/));
}

const handshake = (port: number, ca: string, more: object = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: HOST, ...more }, () => resolve(socket));
    socket.on('error', reject);
  });

test('V18 X27: with a certificate of RSA-4096 all that it says goes over TLS 1.3, with strong suites and headers', async (t) => {
  const { ca, port } = await startVillage(t);
  const certificate = new X509Certificate(ca);
  assert.equal(certificate.publicKey.asymmetricKeyType, 'rsa');
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 4_096);

  await t.test('whatever suite a client offers, it is one of TLS 1.3, or there is no connection', async () => {
    for (const suite of ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']) {
      const socket = await handshake(port, ca, { ciphers: suite });
      assert.deepEqual([socket.getProtocol(), socket.getCipher().name], ['TLSv1.3', suite]);
      socket.destroy();
    }
    // Attack: whoever sits between makes both sides agree on something old.
    const weak = { ciphers: 'ALL:@SECLEVEL=0' };
    for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2'])
      await assert.rejects(handshake(port, ca, { ...weak, minVersion: version, maxVersion: version }), version);
    await assert.rejects(handshake(port, ca, { ciphers: 'TLS_AES_128_CCM_8_SHA256' }), 'a tag of eight bytes');
  });

  await t.test('the headers stand in good answers and in bad ones', async () => {
    const body = { username: 'admin', password: 'wrong wrong wrong' };
    const answers = [
      await askTls(port, '/health', { ca }),
      await askTls(port, '/security/status', { ca }),
      await askTls(port, '/auth/sessions', { ca }),
      await askTls(port, LOGIN.aivillage, { ca, method: 'POST', body }),
      await askTls(port, LOGIN.aivillage, { ca, method: 'POST', body: {} }),
      await askTls(port, '/nothing', { ca }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 401, 401, 422, 404],
    );
    for (const { headers, status } of answers) {
      for (const [name, value] of Object.entries(STRICT))
        assert.match(String(headers[name]), value, `${status} ${name}`);
      for (const name of ['server', 'x-powered-by', 'x-xss-protection']) assert.equal(headers[name], undefined, name);
    }
  });

  await t.test('the status says that TLS is on', async () => {
    const body = { username: 'admin', password: 'correct horse battery staple' };
    const login = await askTls(port, LOGIN.aivillage, { ca, method: 'POST', body });
    assert.equal(login.status, 200, login.text);
    const headers = { authorization: `Bearer ${JSON.parse(login.text).access_token}` };
    const { text } = await askTls(port, '/security/status', { ca, headers });
    assert.equal(JSON.parse(text).tls_enabled, true);
  });
});

test('V18: TLS_ENABLED without a certificate is no start in the clear', async (t) => {
  const place = createPlace(t, {
    TWINKEEP_PROFILE: 'aivillage',
    DIGITAL_TWIN_MASTER_KEY: FIELD_KEY,
    API_SECRET_KEY: SECRET,
  });
  const { stderr } = await place.refused({ TLS_ENABLED: 'true' });
  assert.match(stderr, /TWINKEEP_TLS_CERT_FILE/);
});

test('X27 certificates of P-256 and Ed25519 are served as those of RSA-4096 are', async (t) => {
  for (const [type, kind] of [
    ['p-256', 'ec'],
    ['ed25519', 'ed25519'],
  ] as const) {
    const { ca, port } = await startVillage(t, type);
    assert.equal(new X509Certificate(ca).publicKey.asymmetricKeyType, kind);
    assert.equal((await askTls(port, '/health', { ca })).status, 200, type);
  }
});

test('X27 TLS 1.2 is for the four systems that know no better, and the least is 1.3 unless told', () => {
  const configOf = (profile: string) => configSchema.parse({ profiles: [profile], tls: { minVersion: '1.2' } });
  assert.equal(configSchema.parse({}).tls.minVersion, '1.3');
  const takes = profileNames.filter((name) => unsafeTls(configOf(name)).length === 0);
  assert.deepEqual([...takes].sort(), ['coretwin', 'digital-twin-v1', 'digital-twin-v2', 'ems']);
});
