import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { makeSet, type Pair } from '../../src/cli/tls-make.ts';
import { days, systemClock } from '../../src/kernel/clock.ts';
import { newSet, startTls, type TlsKit } from './tls-kit.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A client under an authority, with times of its own. */
async function clientOf(ca: Pair, notBefore: number, notAfter: number): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  assert.ok('privateKey' in keys);
  const made = await x509.X509CertificateGenerator.create({
    subject: 'CN=Twinkeep client',
    issuer: new x509.X509Certificate(ca.certificate).subject,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(ca),
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: made.toString('pem'), key };
}

const signingKeyOf = ({ key }: Pair): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(key), ALGORITHM, true, ['sign']);

async function listOf(ca: Pair, revoked: readonly Pair[]): Promise<string> {
  const now = systemClock.now();
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(ca.certificate).subject,
    thisUpdate: new Date(now - days(1)),
    nextUpdate: new Date(now + days(1)),
    entries: revoked.map(({ certificate }) => ({
      serialNumber: new x509.X509Certificate(certificate).serialNumber,
      revocationDate: new Date(now - 1_000),
    })),
    signingAlgorithm: ALGORITHM,
    signingKey: await signingKeyOf(ca),
  });
  return list.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----'); // as OpenSSL writes it
}

const OPEN = { access: 'public' as const, because: 'of a test' };
const HEALTH = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A back end that answers when it is told to, and never where that is asked for. */
async function startHeld(t: TestContext) {
  let answer = (): void => assert.fail('nobody has asked');
  let noteAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    noteAsked = resolve;
  });
  const server = createServer(({ url }, response) => {
    if (url === '/held?stuck') return;
    answer = () => void response.end('held');
    noteAsked();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${Object(server.address()).port}`, asked, answer: () => answer() };
}

/** One connection, kept open. */
interface Line {
  send(text: string): void;
  /** @returns the head of the next answer, at least */
  ask(request: string): Promise<string>;
  readonly closed: Promise<void>;
  text(): string;
  session(): Buffer | undefined;
}

async function openLine(t: TestContext, options: ConnectionOptions): Promise<Line> {
  const socket = connect({ host: '127.0.0.1', ...options });
  t.after(() => socket.destroy());
  let [text, session]: [string, Buffer | undefined] = ['', undefined];
  socket.on('error', () => undefined);
  socket.on('session', (ticket: Buffer) => {
    session = ticket;
  });
  socket.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  await Promise.race([once(socket, 'secureConnect'), closed]);
  return {
    send: (request) => void socket.write(request),
    ask: async (request) => {
      text = '';
      socket.write(request);
      await Promise.race([until(async () => text.includes('"ok"')), closed]);
      return text;
    },
    closed,
    text: () => text,
    session: () => session,
  };
}

async function until(happened: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await happened()) return;
    await wait(50);
  }
  assert.fail('it never happened');
}

const REFUSED = { code: /^(ERR_SSL_|ECONNRESET|EPIPE)/ };

async function assertShut(kit: TlsKit, as?: Pair): Promise<void> {
  await assert.rejects(kit.ask('/health', { as }), (error) => REFUSED.code.test(Object(error).code));
}

// Attack: a service is reached by whoever stands in its network.
test('where certificates are required nobody without a good one gets a handshake', async (t) => {
  const settings = { clients: 'required' as const };
  const kit = await startTls(t, (file) => ({ tls: { ...settings, clientCaFile: file('ca.pem', '-') } }), true);
  const now = systemClock.now();
  assert.equal((await kit.ask('/health', { as: kit.client })).status, 200);
  await assertShut(kit);
  await assertShut(kit, (await newSet()).client); // of another authority, by the same names
  await assertShut(kit, await clientOf(kit.ca, now - days(9), now - days(1)));
  await assertShut(kit, await clientOf(kit.ca, now + days(1), now + days(9)));
  assert.equal((await kit.ask('/health', { as: await clientOf(kit.ca, now - days(1), now + days(1)) })).status, 200);
});

// Attack: a certificate whose key was stolen goes on being shown after it was revoked.
test('a revoked certificate gets no handshake, from the moment the list changes', async (t) => {
  const own = await newSet();
  const list = await listOf(own.ca, []);
  const settings = (file: (name: string, text: string) => string) => ({
    tls: {
      clients: 'optional' as const,
      clientCaFile: file('clients.pem', own.ca.certificate),
      clientCrlFile: file('clients.crl', list),
    },
  });
  const kit = await startTls(t, settings);
  assert.equal((await kit.ask('/health', { as: own.client })).status, 200);
  kit.file('clients.crl', await listOf(own.ca, [own.client]));
  for (let tries = 0; tries < 50; tries++) {
    await wait(100);
    const shut = await kit.ask('/health', { as: own.client }).then(
      () => false,
      () => true,
    );
    if (shut) break;
  }
  await assertShut(kit, own.client);
  assert.equal((await kit.ask('/health')).status, 200, 'one without is a stranger like any other');
});

// Attack: whoever stole the key has a connection open when the certificate is revoked, and keeps it open from then on.
test('a revoked certificate is worth nothing over what was open either, and answers on their way arrive', async (t) => {
  const { url, asked, answer } = await startHeld(t);
  const own = await newSet();
  const list = await listOf(own.ca, []);
  const gateway = { backEnds: { twin: { url } }, routes: [{ path: '/held', to: 'twin', ...OPEN }] };
  const settings = (file: (name: string, text: string) => string) => ({
    gateway,
    tls: {
      clients: 'required' as const,
      clientCaFile: file('clients.pem', own.ca.certificate),
      clientCrlFile: file('clients.crl', list),
    },
  });
  const kit = await startTls(t, settings);
  const shown = { cert: own.client.certificate, key: own.client.key, ca: kit.ca.certificate, servername: 'localhost' };
  const open = async (more: object = {}): Promise<Line> => openLine(t, { port: kit.port, ...shown, ...more });
  const [idle, busy, unused, stuck, greedy] = [await open(), await open(), await open(), await open(), await open()];
  assert.match(await idle.ask(HEALTH), /^HTTP\/1\.1 200 /);
  assert.match(await busy.ask(HEALTH), /^HTTP\/1\.1 200 /);
  for (const line of [stuck, greedy]) line.send('GET /held?stuck HTTP/1.1\r\nHost: localhost\r\n\r\n');
  busy.send('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked;

  // Another certificate of the server itself ends nothing.
  const next = await newSet();
  kit.file('server.key', next.server.key);
  kit.file('server.pem', next.server.certificate);
  await until(
    async () =>
      (await kit.ask('/health', { as: own.client, rejectUnauthorized: false })).shown ===
      new X509Certificate(next.server.certificate).fingerprint256,
  );
  assert.match(await idle.ask(HEALTH), /^HTTP\/1\.1 200 /);

  kit.file('clients.crl', await listOf(own.ca, [own.client]));
  await Promise.all([idle.closed, unused.closed]);
  const since = performance.now();
  greedy.send(HEALTH);
  await greedy.closed;
  assert.ok(performance.now() - since < 8_000, 'whoever sends more does not get the time that answers have');
  answer();
  await busy.closed;
  assert.match(busy.text(), /\r\nconnection: close\r\n[\s\S]*held$/i);
  const resumed = await open({ session: idle.session(), rejectUnauthorized: false });
  resumed.send(HEALTH);
  await resumed.closed;
  await stuck.closed;
  for (const line of [resumed, greedy, stuck]) assert.equal(line.text(), '');
});

// Attack: an API key is copied out of a configuration file or a log.
test('a key that is bound to a certificate is worth nothing over a connection without it', async (t) => {
  const clients = 'optional' as const;
  const kit = await startTls(t, (file) => ({ tls: { clients, clientCaFile: file('ca.pem', '-') } }), true);
  const other = await clientOf(kit.ca, systemClock.now() - 1_000, systemClock.now() + days(1));
  const authorization = `Bearer ${await kit.token()}`;
  const der = new X509Certificate(kit.client.certificate).raw;
  const thumbprint = createHash('sha256').update(der);
  const forms = [
    thumbprint.copy().digest('base64url'),
    thumbprint.copy().digest('hex'),
    new X509Certificate(kit.client.certificate).fingerprint256,
  ];
  for (const certificate of forms) {
    const body = { name: 'bound', scopes: ['read:meter_data'], certificate_sha256: certificate };
    const made = await kit.ask('/v1/api-keys', { method: 'POST', headers: { authorization }, body });
    const { key, certificate_sha256: kept } = JSON.parse(made.text);
    assert.deepEqual([made.status, kept], [201, forms[1]]);
    const headers = { 'x-api-key': key };
    const path = '/v1/readings';
    assert.equal((await kit.ask(path, { headers, as: kit.client })).status, 200);
    for (const as of [undefined, other]) {
      const answer = await kit.ask(path, { headers, as });
      assert.deepEqual([answer.status, JSON.parse(answer.text).code], [401, 'APIKEY_INVALID']);
    }
    assert.equal((await kit.ask(path, { headers, as: kit.client })).status, 200);
  }
  const bad = { name: 'bound', scopes: ['read:meter_data'], certificate_sha256: 'zz' };
  assert.equal((await kit.ask('/v1/api-keys', { method: 'POST', headers: { authorization }, body: bad })).status, 422);
});

// Attack: the certificate is not shown but claimed, in a header that stands where the server keeps what it knows.
test('no header stands for a certificate', async (t) => {
  const clients = 'optional' as const;
  const kit = await startTls(t, (file) => ({ tls: { clients, clientCaFile: file('ca.pem', '-') } }), true);
  const authorization = `Bearer ${await kit.token()}`;
  const sha256 = new X509Certificate(kit.client.certificate).fingerprint256.replaceAll(':', '').toLowerCase();
  const body = { name: 'bound', scopes: ['read:meter_data'], certificate_sha256: sha256 };
  const made = await kit.ask('/v1/api-keys', { method: 'POST', headers: { authorization }, body });
  const { key } = JSON.parse(made.text);
  for (const name of ['certificate-sha256', 'client-cert', 'x-client-cert', '__proto__'])
    assert.equal((await kit.ask('/v1/readings', { headers: { 'x-api-key': key, [name]: sha256 } })).status, 401, name);
  const socket = connect({ host: '127.0.0.1', port: kit.port, ca: kit.ca.certificate, servername: 'localhost' });
  socket.write(
    `GET /v1/readings HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n:certificate-sha256: ${sha256}\r\n\r\n`,
  );
  let got = '';
  for await (const chunk of socket) got += chunk;
  assert.match(got, /^HTTP\/1\.1 400 /);
});

test('a set of certificates made here works for both ends, whatever their keys', async (t) => {
  for (const type of ['p-256', 'rsa-4096', 'ed25519'] as const) {
    const set = await makeSet({ type, hosts: ['localhost', '127.0.0.1'], lifeMs: days(3), now: systemClock.now() });
    const files = (file: (name: string, text: string) => string) => ({
      tls: {
        clients: 'required' as const,
        certFile: file('own.pem', set.server.certificate),
        keyFile: file('own.key', set.server.key),
        clientCaFile: file('own-ca.pem', set.ca.certificate),
      },
    });
    const kit = await startTls(t, files);
    assert.equal((await kit.ask('/health', { ca: set.ca.certificate, as: set.client })).status, 200, type);
  }
});
