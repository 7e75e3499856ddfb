import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assetOf, at, listAt, ROOT, ran, without, withoutNamespaces, yamlOf } from '../deploy-assets.ts';

const SCRIPT = `${ROOT}deploy/ci/scan-image.sh`;

/** A folder that is gone after the test. */
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-deploy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the scan with a `docker` that writes down what it is asked, and ends as told where a scanner would run. */
function scanned(
  t: TestContext,
  ends: { readonly trivy: number; readonly trufflehog: number; readonly image?: number },
) {
  const folder = folderOf(t);
  const lines = [
    '#!/bin/sh',
    `echo "$*" >>${folder}/asked`,
    'case "$*" in',
    `  *trivy*) exit ${ends.trivy} ;;`,
    `  *trufflehog*) exit ${ends.trufflehog} ;;`,
    '  save*) : >"$3" ;;',
    `  *inspect*) exit ${ends.image ?? 0} ;;`,
    'esac',
  ];
  writeFileSync(join(folder, 'docker'), `${lines.join('\n')}\n`);
  chmodSync(join(folder, 'docker'), 0o755);
  const result = ran(SCRIPT, [], { PATH: `${folder}:${process.env['PATH']}` });
  return { ...result, asked: readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n') };
}

test('E23: ems-agent:latest is scanned by Trivy for flaws and secrets, and by TruffleHog for secrets', (t) => {
  const { code, asked, output } = scanned(t, { trivy: 0, trufflehog: 0 });
  assert.equal(code, 0, output);
  assert.ok(asked.some((line) => line === 'image inspect --format {{.Id}} from {{json .RepoTags}} ems-agent:latest'));
  const scans = asked.filter((line) => line.startsWith('run '));
  assert.equal(scans.length, 3);
  assert.match(scans[0] ?? '', /aquasec\/trivy:\d+\.\d+\.\d+ image --config \/ci\/trivy\.yaml .*--input \/image\.tar/);
  assert.match(scans[1] ?? '', /aquasec\/trivy:\d+\.\d+\.\d+ config /);
  assert.match(
    scans[2] ?? '',
    /trufflesecurity\/trufflehog:\d+\.\d+\.\d+ docker --image file:\/\/\/image\.tar .*--fail/,
  );
  // Attack: a scanner with Docker's socket is root on the host.
  for (const scan of scans) assert.ok(!scan.includes('docker.sock') && scan.includes('--cap-drop ALL'), scan);
  assert.deepEqual(listAt(yamlOf('ci/trivy.yaml'), 'scan.scanners'), ['vuln', 'secret', 'misconfig']);
});

test('E23: a finding fails the build, and so does a scanner that could not look', (t) => {
  assert.equal(at(yamlOf('ci/trivy.yaml'), 'exit-code'), 10);
  assert.equal(scanned(t, { trivy: 10, trufflehog: 0 }).code, 1);
  assert.equal(scanned(t, { trivy: 0, trufflehog: 183 }).code, 1);
  assert.equal(scanned(t, { trivy: 1, trufflehog: 0 }).code, 2);
  assert.equal(scanned(t, { trivy: 0, trufflehog: 1 }).code, 2);
  assert.equal(scanned(t, { trivy: 0, trufflehog: 0, image: 1 }).code, 2);
  assert.equal(ran(SCRIPT, ['x; reboot']).code, 64);
});

test('of E23: the workflow builds the image that it scans, with rights to read alone, and every day', () => {
  const workflow = yamlOf('ci/image-scan.yml');
  assert.deepEqual(at(workflow, 'permissions'), { contents: 'read' });
  assert.equal(listAt(workflow, 'on.schedule').length, 1);
  const runs = listAt(workflow, 'jobs.scan.steps').map((step) => at(step, 'run'));
  assert.deepEqual(runs.slice(1), [
    'docker build --pull --file deploy/Dockerfile --tag ems-agent:latest .',
    'deploy/ci/scan-image.sh ems-agent:latest',
  ]);
});

test('of E20: the script makes every secret that a compose file names, once, and for its owner alone', {
  skip: without(['openssl'], true),
}, (t) => {
  const out = folderOf(t);
  const make = (): string => {
    const { code, output } = ran(`${ROOT}deploy/secrets/make.sh`, ['--out', out, '--self-signed', 'twin.example']);
    assert.equal(code, 0, output);
    return output;
  };
  make();
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  const named = ['compose.ems.yaml', 'compose.scaled.yaml'].flatMap((file) =>
    Object.values(Object(at(yamlOf(file), 'secrets'))).map((secret) =>
      String(at(secret, 'file')).replace('./secrets/', ''),
    ),
  );
  const before = named.map(read);
  assert.ok(before.every((text) => text.length >= 8));
  assert.equal(statSync(out).mode & 0o777, 0o700);
  assert.equal(Buffer.from(read('master_key.txt'), 'base64').length, 32);
  assert.ok(read('database_url.txt').includes(read('postgres_password.txt')));
  const [, password = ''] = /^requirepass (\S{64})$/m.exec(read('redis.conf')) ?? [];
  assert.equal(read('redis_url.txt'), `redis://:${password}@redis:6379/0`);
  assert.doesNotMatch(make(), /is made/);
  assert.deepEqual(named.map(read), before, 'a second run keeps them');
  assert.match(assetOf('secrets/.gitignore'), /^\*$/m);
});

const unit = assetOf('systemd/twinkeep.service');
// Attack: the unit hides what the server finds slow takers by, and nobody is told.
test('of E36: under a /proc of processes alone, as in the unit, the send queues of connections are read all the same', {
  skip: without(['unshare', 'mount'], false) || withoutNamespaces(),
}, () => {
  assert.match(unit, /^ProcSubset=pid$/m);
  const source = `${ROOT}src/app/kernel-queues.ts`;
  const script = `import(${JSON.stringify(source)}).then(async (q) => console.log('blind:', await q.blindness()))`;
  const mounted = `mount -t proc -o subset=pid,hidepid=invisible proc /proc && test ! -e /proc/net && exec "$0" "$@"`;
  const { code, output } = ran('unshare', ['--mount', 'sh', '-c', mounted, process.execPath, '-e', script]);
  assert.deepEqual([code, output.trim()], [0, 'blind: undefined'], output);
});

test('of E36: systemd takes the unit, and finds little that it is exposed by', {
  skip: without(['systemd-analyze'], false),
}, (t) => {
  const file = join(folderOf(t), 'twinkeep.service');
  writeFileSync(file, unit.replace('/opt/twinkeep/bin/twinkeep', '/bin/true'));
  const verified = ran('systemd-analyze', ['verify', file]);
  assert.deepEqual([verified.code, verified.output], [0, '']);
  const judged = ran('systemd-analyze', ['security', '--offline=true', '--threshold=20', file]);
  assert.equal(judged.code, 0, judged.output.split('\n').at(-2));
});
