import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assetOf, ROOT, ran, without, withoutNamespaces } from '../deploy-assets.ts';

interface Step {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of the Dockerfile, each in one line, without comments. */
const steps: readonly Step[] = assetOf('Dockerfile')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .join('\n')
  .replaceAll(/ *\\\n\s*/g, ' ')
  .split('\n')
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.replace(/^\S+ +/, '') }));
const last = (name: string): string => steps.findLast((step) => step.name === name)?.rest ?? assert.fail(name);
const stages = steps.flatMap(({ name }, index) => (name === 'FROM' ? [index] : []));
const fetching = steps.slice(stages[0], stages[1]);
const building = steps.slice(stages[1]);

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
const listOf = (text: string): string => `(${quoted(JSON.parse(text))})`;

/** What `.dockerignore` leaves of the repository, and the packages as `npm ci --omit=dev` would lay them. */
function contextIn(folder: string): void {
  const kept = (path: string): boolean => !/\.(test|contract)\.ts$|\.md$|\/\.env/.test(path);
  for (const name of ['package.json', 'package-lock.json', 'LICENSE', 'bin', 'src'])
    cpSync(join(ROOT, name), join(folder, 'context', name), { recursive: true, filter: kept });
  const lock: unknown = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(Object(Object(lock).packages)).filter(([name, about]) => {
    const { dev, link } = Object(about);
    return name.startsWith('node_modules/') && dev !== true && link !== true && existsSync(join(ROOT, name));
  });
  assert.ok(packages.length > 100);
  const top = packages.map(([name]) => name).filter((name) => name.split('node_modules/').length === 2);
  for (const name of top) cpSync(join(ROOT, name), join(folder, 'fetched', name), { recursive: true });
}

/** The steps as functions of `deploy-image.sh`: all that is not done as it stands there is the fetching itself. */
function scriptOf(folder: string): string {
  const install = fetching.find(({ rest }) => rest.startsWith('npm ci '))?.rest ?? assert.fail('no npm ci');
  const tidying = install.slice(install.indexOf('&&') + 2);
  const lines = [
    `mkdir -p "$root/app"`,
    `cp -R ${quoted([`${folder}/fetched/node_modules`])} "$root/app/"`,
    `inside /app ${quoted([tidying])}`,
  ];
  for (const { name, rest } of building) {
    if (name === 'RUN') lines.push(`inside /app ${quoted([rest])}`);
    if (name !== 'COPY' || rest.startsWith('--from')) continue;
    const words = rest.replace(/^--chown=\S+ /, '').split(' ');
    const to = join('/app', words.at(-1) ?? assert.fail(rest));
    lines.push(`copy ${quoted([to, ...words.slice(0, -1).map((from) => `${folder}/context/${from}`)])}`);
  }
  const environment = last('ENV').split(/ +/);
  const probe = / CMD (\[.*\])$/.exec(last('HEALTHCHECK'))?.[1] ?? assert.fail('no probe');
  return [
    ...lines,
    `user=${quoted([last('USER')])}`,
    `environment=(${quoted(environment)})`,
    `entrypoint=${listOf(last('ENTRYPOINT'))}`,
    `command=${listOf(last('CMD'))}`,
    `probe=${listOf(probe)}`,
    `signal=${quoted([last('STOPSIGNAL')])}`,
  ].join('\n');
}

const PROGRAMS = ['unshare', 'setpriv', 'chroot', 'ip', 'useradd'];
const skip = without(PROGRAMS, false) || withoutNamespaces();

test('E22 D13: what the steps of the image make runs as nobody in particular on a root that it cannot write', {
  skip,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-image-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  contextIn(folder);
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'steps.sh'), scriptOf(folder));
  const words = ['--net', '--mount', 'bash', `${ROOT}test/journeys/deploy-image.sh`];
  const { code, output } = ran('unshare', [...words, join(folder, 'root'), process.execPath, join(folder, 'steps.sh')]);
  assert.equal(code, 0, output);
  const parts = new Map(
    output
      .split(/^== /m)
      .slice(1)
      .map((part) => [
        part.split('\n', 1)[0],
        part
          .split('\n')
          .slice(1)
          .filter((line) => line !== ''),
      ]),
  );

  const [folders, ...executable] = parts.get('files') ?? [];
  assert.match(folders ?? '', /^ *\d+ 755$/, 'every folder of /app');
  assert.deepEqual(executable, ['app/bin/twinkeep'], 'no source can be executed');
  assert.deepEqual(parts.get('owners'), ['1000:1000'], 'a user who is not root, nor the one that runs');
  assert.deepEqual(parts.get('left'), ['bin', 'bin/node', 'lib'], 'no tests, docs or npm');
  assert.ok(Number(parts.get('size')?.[0]) < 150, `MB of /app: ${parts.get('size')}`);

  const [, after = ''] = parts.get('probed') ?? [];
  assert.ok(Number(/\d+/.exec(after)?.[0]) < 3_000, after);
  assert.deepEqual(parts.get('rights'), [
    'Uid: 10001 10001 10001 10001',
    'Gid: 10001 10001 10001 10001',
    'CapEff: 0000000000000000',
    parts.get('rights')?.[3],
    'NoNewPrivs: 1',
  ]);
  assert.deepEqual(parts.get('written'), ['/data/x', '/tmp/x']);
  assert.deepEqual(parts.get('stopped'), ['with 0']);
});

test('E22: the parts of the image are pinned, nothing is added to the system, and manifests come before code', () => {
  assert.match(steps[0]?.rest ?? '', /^NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/);
  assert.ok(steps.every(({ rest }) => !/\b(apt|apt-get|apk|pip|npx|npm) (add|i|install|exec|--)\b/.test(rest)));
  const order = fetching.map(({ name, rest }) => `${name} ${rest}`);
  assert.ok(
    order.indexOf('COPY package.json package-lock.json ./') < order.findIndex((step) => step.startsWith('RUN npm ci ')),
  );
  assert.ok(
    building.findIndex(({ rest }) => rest.includes('node_modules')) <
      building.findIndex(({ rest }) => rest.includes(' src ')),
  );
  const install = fetching.find(({ rest }) => rest.startsWith('npm ci '))?.rest ?? '';
  assert.match(install, /--cache \/tmp\/npm && rm -rf \/tmp\/npm /, 'no cache is left');
  assert.ok(Number(last('EXPOSE')) > 1_023);
  assert.equal(last('HEALTHCHECK').split(' CMD')[0], '--interval=30s --timeout=3s --start-period=5s --retries=3');
});
