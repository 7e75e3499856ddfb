import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assetOf, at, ROOT, ran, without, withoutNamespaces, yamlOf } from '../deploy-assets.ts';

const GROUND = `${ROOT}test/journeys/deploy-host.sh`;
const skip = without(['sshd', 'unshare', 'ssh-keygen', 'apt-config'], false) || withoutNamespaces();

test('E36: the host is patched, without services that nobody uses, and open by key alone; all of it can be taken back', {
  skip,
}, () => {
  const { code, output } = ran('unshare', ['--net', '--mount', 'bash', GROUND, `${ROOT}deploy/host/harden.sh`]);
  assert.equal(code, 0, output);
  const parts = new Map(
    output
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.split('\n', 1)[0], part]),
  );
  const said = (name: string): string => parts.get(name) ?? assert.fail(output);

  for (const flaw of ['SSH: passwordauthentication no', 'nginx is off', 'patches are installed every day'])
    assert.ok(said('before').includes(`NOT   ${flaw}`), said('before'));
  assert.match(said('before'), /ended with 1/);
  assert.match(said('dry run'), /PasswordAuthentication no/);
  assert.match(said('after the dry run'), /NOT {3}SSH: passwordauthentication no/, 'which changed nothing');

  // Attack on ourselves: nobody has a key, and the only way in is closed.
  assert.match(said('without keys'), /no user but root has .*authorized_keys.*\nended with 1/);
  assert.match(said('without keys'), /\npasswordauthentication yes\n/);

  const applied = said('applied');
  assert.doesNotMatch(applied, /^NOT/m);
  assert.match(applied, /ended with 0/);
  for (const line of [
    'permitrootlogin no',
    'passwordauthentication no',
    'kbdinteractiveauthentication no',
    'pubkeyauthentication yes',
  ])
    assert.match(said('sshd'), new RegExp(`^${line}$`, 'm'));
  assert.match(said('services'), /disable --now apache2\n.*disable --now nginx\n/s);
  assert.doesNotMatch(said('kept'), /nginx/);
  assert.match(said('again'), /ended with 0/);
  assert.match(said('undone'), /NOT {3}SSH: passwordauthentication no/);
  assert.match(said('undone'), /enable --now nginx/);
});

test('E36 X31: the database is on loopback, behind sign-in, key file and TLS, as the check of the host wants it', () => {
  const config = yamlOf('mongodb/mongod.conf');
  assert.equal(at(config, 'net.bindIp'), '127.0.0.1');
  assert.equal(at(config, 'security.authorization'), 'enabled');
  assert.equal(at(config, 'security.keyFile'), '/etc/mongodb/keyfile');
  assert.equal(at(config, 'net.tls.mode'), 'requireTLS');
  assert.equal(at(config, 'net.tls.certificateKeyFile'), '/etc/mongodb/tls/mongod.pem');
  assert.equal(at(config, 'net.tls.disabledProtocols'), 'TLS1_0,TLS1_1');
});

/** What mongod 7.0 knows, of the sections that are used: from its reference of the configuration file. */
const KNOWN = new Set([
  ...['dbPath', 'directoryPerDB', 'wiredTiger.engineConfig.directoryForIndexes'].map((name) => `storage.${name}`),
  ...['collectionConfig.blockCompressor', 'indexConfig.prefixCompression'].map((name) => `storage.wiredTiger.${name}`),
  ...['destination', 'path', 'logAppend'].map((name) => `systemLog.${name}`),
  ...['port', 'bindIp', 'ipv6'].map((name) => `net.${name}`),
  ...['mode', 'certificateKeyFile', 'CAFile', 'allowConnectionsWithoutCertificates', 'disabledProtocols'].map(
    (name) => `net.tls.${name}`,
  ),
  ...['authorization', 'keyFile', 'javascriptEnabled'].map((name) => `security.${name}`),
  'setParameter.authenticationMechanisms',
  'replication.replSetName',
]);
const ENTERPRISE = ['enableEncryption', 'encryptionKeyFile', 'encryptionCipherMode'].map((name) => `security.${name}`);

function namesIn(value: unknown, before = ''): readonly string[] {
  return Object.entries(Object(value)).flatMap(([key, inside]) =>
    typeof inside === 'object' ? namesIn(inside, `${before}${key}.`) : [before + key],
  );
}

test('D14 the configuration of MongoDB has no name that its server does not know, nor one that it has given up', () => {
  for (const name of namesIn(yamlOf('mongodb/mongod.conf'))) assert.ok(KNOWN.has(name), name);
  assert.deepEqual(namesIn(yamlOf('mongodb/mongod-enterprise.conf')), ENTERPRISE);
  for (const file of ['mongodb/mongod.conf', 'mongodb/mongod-enterprise.conf'])
    assert.doesNotMatch(assetOf(file).replaceAll(/^ *#.*$/gm, ''), /encryptionAtRest|\bssl\b|PEMKeyFile/);
});

test('of E17: MongoDB keeps snappy blocks and prefix-compressed indexes in folders of their own, its roles are narrow', () => {
  const config = yamlOf('mongodb/mongod.conf');
  assert.deepEqual(at(config, 'storage.wiredTiger'), {
    engineConfig: { directoryForIndexes: true },
    collectionConfig: { blockCompressor: 'snappy' },
    indexConfig: { prefixCompression: true },
  });
  const enterprise = yamlOf('mongodb/mongod-enterprise.conf');
  assert.equal(at(enterprise, 'security.enableEncryption'), true);
  assert.equal(at(enterprise, 'security.encryptionKeyFile'), '/etc/mongodb/encryption.key');
  const roles = [...assetOf('mongodb/users.js').matchAll(/user: '(\w+)', pwd: (\S+), roles: \[(.*?)\] /g)];
  assert.deepEqual(
    roles.map(([, user, password, granted]) => [user, password, granted]),
    [
      ['twin', 'passwordPrompt()', "{ role: 'readWrite', db: 'twin' }"],
      ['viewer', 'passwordPrompt()', "{ role: 'read', db: 'twin' }"],
      ['backup', 'passwordPrompt()', "'backup'"],
    ],
  );
});

test('of E36: the scripts are such that a linter of shells finds nothing', {
  skip: without(['shellcheck'], true),
}, () => {
  const scripts = [
    ...['ci/scan-image.sh', 'firewall/setup_firewall.sh', 'host/harden.sh', 'secrets/make.sh'].map(
      (name) => `${ROOT}deploy/${name}`,
    ),
    ...['firewall', 'host', 'image'].map((name) => `${ROOT}test/journeys/deploy-${name}.sh`),
  ];
  const { code, output } = ran('shellcheck', scripts);
  assert.equal(code, 0, output);
  for (const script of scripts) assert.match(readFileSync(script, 'utf8'), /^#!\/bin\/(ba)?sh\n/);
});
