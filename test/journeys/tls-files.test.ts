import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configSchema } from '../../src/app/index.ts';
import { tlsConfig, unsafeTls } from '../../src/app/tls-config.ts';
import { readTlsMaterial } from '../../src/app/tls-material.ts';
import { watchTls } from '../../src/app/tls-watch.ts';
import { makeOwn, type Pair } from '../../src/cli/tls-make.ts';
import { days } from '../../src/kernel/clock.ts';
import { isFault } from '../../src/kernel/errors.ts';
import { createTestClock } from '../../src/testing/index.ts';

const clock = createTestClock();
const pairOf = (now: number, lifeMs: number): Promise<Pair> =>
  makeOwn({ type: 'p-256', hosts: ['localhost'], lifeMs, now });

function folderOf(t: TestContext): (name: string, text: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-tls-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
}

/** The places and reasons that a configuration is refused for. */
function flawsOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(isFault(error, 'CONFIG_INVALID'));
    return JSON.stringify(error.facts['errors']);
  }
  return 'none';
}

test('a certificate that cannot be served stops the start, with the file and the reason', async (t) => {
  const file = folderOf(t);
  const [good, other] = [await pairOf(clock.now(), days(90)), await pairOf(clock.now(), days(90))];
  const [old, early] = [await pairOf(clock.now() - days(9), days(1)), await pairOf(clock.now() + days(9), days(1))];
  const locked = createPrivateKey(good.key).export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'sesame',
  });
  const of = (cert: string, key: string, more: object = {}) =>
    flawsOf(() =>
      readTlsMaterial(
        tlsConfig.parse({ certFile: file('c.pem', cert), keyFile: file('k.pem', key), ...more }),
        clock.now(),
      ),
    );
  assert.equal(of(good.certificate, good.key), 'none');
  assert.match(of(old.certificate, old.key), /TWINKEEP_TLS_CERT_FILE.*ran out on 2026-11-13/);
  assert.match(of(early.certificate, early.key), /is not good before/);
  assert.match(of(good.certificate, other.key), /TWINKEEP_TLS_KEY_FILE.*not the key of the certificate/);
  assert.match(of('nothing', good.key), /holds no certificate/);
  assert.match(of('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', good.key), /cannot be read/);
  assert.match(of(good.certificate, 'nothing'), /holds no private key/);
  assert.match(of(good.certificate, String(locked)), /TWINKEEP_TLS_PASSPHRASE_FILE/);
  assert.match(of(good.certificate, String(locked), { passphraseFile: file('p', 'wrong\n') }), /another one/);
  assert.equal(of(good.certificate, String(locked), { passphraseFile: file('p', 'sesame\n') }), 'none');
  assert.match(of('x'.repeat(1_100_000), good.key), /larger than/);
  assert.match(
    of(good.certificate, good.key, { clients: 'required', clientCaFile: file('a', good.certificate) }),
    /no authority/,
  );
  const missing = tlsConfig.parse({ certFile: '/nowhere/c.pem', keyFile: '/nowhere/k.pem' });
  assert.match(
    flawsOf(() => readTlsMaterial(missing, clock.now())),
    /\/nowhere\/c.pem.*ENOENT.*\/nowhere\/k.pem/,
  );
});

test('settings that say something only together are refused apart', () => {
  const [certFile, keyFile] = ['c', 'k'];
  for (const wrong of [
    { certFile },
    { keyFile },
    { clients: 'required' },
    { certFile, keyFile, clients: 'optional' },
    { certFile, keyFile, clientCrlFile: 'l' },
    { redirectPort: 80 },
    { certFile, keyFile, redirectHost: 'a/b' },
    { certFile, keyFile, minVersion: '1.1' },
  ])
    assert.equal(tlsConfig.safeParse(wrong).success, false, JSON.stringify(wrong));
});

// Attack: the oldest TLS of all profiles becomes that of the strictest.
test('TLS 1.2 is refused where no profile that takes it is served', () => {
  const of = (profiles: readonly string[], tls: object, trustedProxies: readonly string[] = []) =>
    JSON.stringify(unsafeTls(configSchema.parse({ profiles, tls, trustedProxies })));
  assert.match(of(['twinkeep'], { minVersion: '1.2' }), /TWINKEEP_TLS_MIN_VERSION.*must be 1.3/);
  assert.match(of(['aivillage'], { minVersion: '1.2' }), /must be 1.3/);
  for (const profile of ['ems', 'coretwin', 'digital-twin-v1', 'digital-twin-v2'])
    assert.equal(of([profile], { minVersion: '1.2' }), '[]');
  assert.match(of(['twinkeep'], { enabled: true }), /TWINKEEP_TLS_CERT_FILE/);
  assert.equal(of(['twinkeep'], { enabled: true }, ['10.0.0.1']), '[]');
});

test('a mount that swaps a symbolic link is noticed, and a pair that is half there is waited for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-tls-mount-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [first, second] = [await pairOf(clock.now(), days(90)), await pairOf(clock.now(), days(90))];
  const put = (version: string, { certificate, key }: Pair): void => {
    mkdirSync(join(folder, version), { recursive: true });
    writeFileSync(join(folder, version, 'tls.crt'), certificate);
    writeFileSync(join(folder, version, 'tls.key'), key);
  };
  const swap = (version: string): void => {
    rmSync(join(folder, '..data'), { force: true });
    symlinkSync(version, join(folder, '..data'));
  };
  put('one', first);
  swap('one');
  const said: string[] = [];
  const tls = tlsConfig.parse({ certFile: join(folder, '..data/tls.crt'), keyFile: join(folder, '..data/tls.key') });
  const log = {
    info: (message: string) => void said.push(message),
    warn: (message: string) => void said.push(message),
  };
  const watch = watchTls({ tls, clock, log, onNew: () => void said.push('new') });
  t.after(() => watch.stop());
  said.splice(0);
  watch.look();
  assert.deepEqual(said, []);
  put('two', second);
  swap('two');
  watch.look();
  assert.deepEqual(said, ['new', 'another certificate is served']);

  unlinkSync(join(folder, 'two/tls.key'));
  said.splice(0);
  watch.look();
  assert.deepEqual(said, [], 'its key may be on the way');
  watch.look();
  watch.look();
  assert.deepEqual(said, ['the new certificate is refused; the old one is served on'], 'told once');
  assert.equal(watch.material.context.cert, second.certificate);
  writeFileSync(join(folder, 'two/tls.key'), second.key);
  watch.look();
  assert.deepEqual(said.slice(1), ['new', 'another certificate is served']);
});

test('what is not good yet is served as soon as it is, and each reason is told once', async (t) => {
  const file = folderOf(t);
  const time = createTestClock();
  const put = ({ certificate, key }: Pair) => ({ certFile: file('c.pem', certificate), keyFile: file('k.pem', key) });
  const tls = tlsConfig.parse(put(await pairOf(time.now(), days(90))));
  const said: string[] = [];
  const log = {
    info: (message: string) => void said.push(message),
    warn: (_message: string, facts: object = {}) => void said.push(JSON.stringify(facts)),
  };
  const watch = watchTls({ tls, clock: time, log, onNew: () => undefined });
  t.after(() => watch.stop());
  said.splice(0);

  const soon = await pairOf(time.now() + days(1), days(90)); // the clock of its authority goes ahead
  put(soon);
  for (let look = 0; look < 5; look++) watch.look();
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /is not good before/);
  unlinkSync(tls.keyFile ?? '');
  for (let look = 0; look < 5; look++) watch.look();
  assert.equal(said.length, 2);
  assert.match(said[1] ?? '', /cannot be read/);
  put(soon);
  for (let look = 0; look < 5; look++) watch.look();
  assert.equal(said.length, 3);
  assert.notEqual(watch.material.context.cert, soon.certificate);
  time.advance(days(1));
  watch.look();
  assert.equal(watch.material.context.cert, soon.certificate);
  assert.deepEqual(said.slice(3), ['another certificate is served']);
  watch.look();
  assert.equal(said.length, 4);
});

test('that a certificate runs out is told weeks before, once a day', async (t) => {
  const file = folderOf(t);
  const time = createTestClock();
  const pair = await pairOf(time.now(), days(30));
  const said: string[] = [];
  const log = { info: () => undefined, warn: (message: string) => void said.push(message) };
  const tls = tlsConfig.parse({ certFile: file('c.pem', pair.certificate), keyFile: file('k.pem', pair.key) });
  const watch = watchTls({ tls, clock: time, log, onNew: () => undefined });
  t.after(() => watch.stop());
  said.splice(0);
  for (let day = 0; day < 12; day++) {
    watch.look();
    time.advance(days(1));
  }
  assert.deepEqual(said, Array(3).fill('the certificate runs out soon'));
  time.advance(days(30));
  watch.look();
  assert.equal(said.at(-1), 'the certificate has run out');
});
