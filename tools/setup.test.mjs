import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const PIN = `node-${process.platform}-${process.arch}`;
const VERSION = '24.9.9';

/** Stands for npm: counts its runs, takes a while, and leaves what npm would. */
const FAKE_NPM = `
const { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } = require('node:fs');
appendFileSync('npm-runs', process.argv.slice(2).join(' ') + '\\n');
if (existsSync('npm-fails')) { console.error('npm error code ENOTFOUND'); process.exit(1); }
rmSync('node_modules', { recursive: true, force: true });
setTimeout(() => {
  mkdirSync('node_modules/.bin', { recursive: true });
  mkdirSync('node_modules/${PIN}', { recursive: true });
  if (existsSync('npm-skips-node')) return;
  writeFileSync('node_modules/${PIN}/package.json', '{"version":"${VERSION}"}');
  writeFileSync('node_modules/.bin/node', '#!/bin/sh\\necho v${VERSION}\\n', { mode: 0o755 });
}, 300);
`;

/** A clone that holds the set-up and nothing else. */
function clone(t, { pins = { [PIN]: VERSION } } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'twinkeep-setup-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'tools'));
  for (const part of ['setup.mjs', 'setup']) {
    cpSync(join(import.meta.dirname, part), join(root, 'tools', part), { recursive: true });
  }
  const write = (name, text) => writeFileSync(join(root, name), text);
  write('package.json', JSON.stringify({ optionalDependencies: pins }));
  write('package-lock.json', '{"packages":{}}');
  write('npm-cli.js', FAKE_NPM);
  return {
    root,
    write,
    runs: () => (existsSync(join(root, 'npm-runs')) ? readFileSync(join(root, 'npm-runs'), 'utf8') : ''),
  };
}

function setup(t, { root }, { args = [], env = {} } = {}) {
  const elsewhere = mkdtempSync(join(tmpdir(), 'twinkeep-npm-')); // an npm inside the clone is never used
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
  const npm = join(elsewhere, 'npm-cli.js');
  cpSync(join(root, 'npm-cli.js'), npm);
  const child = spawn(process.execPath, [join(root, 'tools', 'setup.mjs'), ...args], {
    env: { ...process.env, npm_execpath: npm, ...env },
  });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const done = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code: code ?? signal, said })));
  return { child, done };
}

const settled = async (t, clone, options) => setup(t, clone, options).done;

test('the first run installs and says why, the second does nothing', async (t) => {
  const fresh = clone(t);
  const first = await settled(t, fresh);
  assert.match(first.said, /^twinkeep: running npm ci, because node_modules is missing[^\n]*\n$/);
  assert.equal(first.code, 0);
  assert.match(fresh.runs(), /^ci .*--no-audit --no-fund --loglevel=error\n$/);

  assert.deepEqual(await settled(t, fresh), { code: 0, said: '' });
  assert.equal(fresh.runs().split('\n').length, 2);
});

test('each thing that makes an installation due is told', async (t) => {
  const done = clone(t);
  await settled(t, done);

  done.write('package-lock.json', '{"packages":{"":{}}}');
  assert.match((await settled(t, done)).said, /package-lock.json has changed/);

  rmSync(join(done.root, 'node_modules/.bin/node'));
  assert.match((await settled(t, done)).said, /the pinned Node is missing/);

  done.write(`node_modules/${PIN}/package.json`, '{"version":"24.0.0"}');
  assert.match((await settled(t, done)).said, /Node 24.0.0 is installed and 24.9.9 is pinned/);
  assert.equal(done.runs().split('\n').length, 5);
});

test('a clone that npm was run in by hand is taken as it is', async (t) => {
  const byHand = clone(t);
  await settled(t, byHand);
  rmSync(join(byHand.root, 'node_modules/.twinkeep-setup'));
  const zod = { version: '4.0.0', resolved: 'https://example.test/zod.tgz', integrity: 'sha512-a' };
  const foreign = { version: '1.0.0', optional: true };
  byHand.write(
    'package-lock.json',
    JSON.stringify({ packages: { 'node_modules/zod': zod, 'node_modules/mac': foreign } }),
  );
  byHand.write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/zod': zod } }));
  assert.deepEqual(await settled(t, byHand), { code: 0, said: '' });

  const older = { ...zod, version: '3.0.0' };
  byHand.write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/zod': older } }));
  rmSync(join(byHand.root, 'node_modules/.twinkeep-setup'));
  assert.match((await settled(t, byHand)).said, /running npm ci/);
});

test('four runs at once install once', async (t) => {
  const shared = clone(t);
  const results = await Promise.all([1, 2, 3, 4].map(() => settled(t, shared)));
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  assert.equal(shared.runs().split('\n').length, 2);
  assert.equal(existsSync(join(shared.root, '.setup.lock')), false);
});

test('a lock that a dead process left behind holds nobody up', async (t) => {
  const left = clone(t);
  left.write('.setup.lock', `4194305@${hostname()}`); // above the largest pid of Linux
  assert.equal((await settled(t, left)).code, 0);
});

test('an interrupted run leaves no lock and no stamp', async (t) => {
  const interrupted = clone(t);
  const { child, done } = setup(t, interrupted);
  while (interrupted.runs() === '') await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  assert.equal((await done).code, 130);
  assert.equal(existsSync(join(interrupted.root, '.setup.lock')), false);
  assert.equal((await settled(t, interrupted)).code, 0);
});

test('a failure shows what npm said and what to do', async (t) => {
  const failing = clone(t);
  failing.write('npm-fails', '');
  const { code, said } = await settled(t, failing);
  assert.equal(code, 1);
  assert.match(said, /npm error code ENOTFOUND\n.*npm ci failed \(exit 1\)\. Check the network/);
});

test('an optional Node that npm left out is a failure', async (t) => {
  const without = clone(t);
  without.write('npm-skips-node', '');
  const { code, said } = await settled(t, without);
  assert.equal(code, 1);
  assert.match(said, new RegExp(`npm installed everything but ${PIN}@${VERSION}`));
});

test('a lockfile that is missing or not JSON is named with its cure', async (t) => {
  const broken = clone(t);
  broken.write('package-lock.json', '{"packages":');
  assert.match((await settled(t, broken)).said, /package-lock.json cannot be read .*git checkout package-lock.json/);
  rmSync(join(broken.root, 'package-lock.json'));
  const { code, said } = await settled(t, broken);
  assert.match(said, /package-lock.json is missing/);
  assert.equal(code, 1);
  assert.equal(broken.runs(), '');
});

test('where no Node is pinned, a new enough one of the machine will do', async (t) => {
  const other = clone(t, { pins: {} });
  const { code, said } = await settled(t, other);
  const isNew = Number(process.versions.node.split('.')[0]) >= 24;
  assert.equal(code, isNew ? 0 : 1);
  assert.match(said, isNew ? /running on this machine's v/ : /Install Node 24 or newer/);
});

test('for the tests, a missing redis-server is installed or told of, and never stops the run', async (t) => {
  const here = clone(t);
  await settled(t, here);
  const bin = join(here.root, 'bin');
  mkdirSync(bin);
  const env = { PATH: bin, CI: '' };
  const lacking = await settled(t, here, { args: ['--test'], env });
  assert.equal(lacking.code, 0);
  assert.match(lacking.said, /^twinkeep: not on this system: redis-server.*skipped\.\n$/);

  if (process.getuid() !== 0) return;
  here.write('bin/apt-get', `#!/bin/sh\necho "$@" >> ${here.root}/apt-runs\n[ "$1" = update ] || exit 1\n`);
  chmodSync(join(bin, 'apt-get'), 0o755);
  const refused = await settled(t, here, { args: ['--test'], env: { ...env, CI: 'true' } });
  assert.equal(refused.code, 0);
  assert.match(refused.said, /could not install redis-server.* \(exit 1\); the suites that need it will fail/);
  assert.match(
    readFileSync(join(here.root, 'apt-runs'), 'utf8'),
    /^install .*redis-server.*\nupdate\ninstall .*redis-server.*\n$/,
  );

  here.write(
    'bin/apt-get',
    `#!/bin/sh\nfor name in redis-server nginx haproxy caddy shellcheck ufw iptables openssl nft ip; do\nprintf '#!/bin/sh\\n' > ${bin}/$name\n/bin/chmod 755 ${bin}/$name\ndone\n`,
  );
  const added = await settled(t, here, { args: ['--test'], env });
  assert.match(added.said, /^twinkeep: installing redis-server.* with apt-get[^\n]*\n$/);
  assert.deepEqual(await settled(t, here, { args: ['--test'], env }), { code: 0, said: '' });
});
