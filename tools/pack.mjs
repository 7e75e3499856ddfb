/**
 * Makes the file that is published: `npm run pack` builds `dist/`, writes its own package.json there, and packs it.
 * The published package pins no Node (its users' scripts would run on it) and takes its database drivers as they come.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');
const COMMAND = 'cli/main.js';
const SHEBANG = '#!/usr/bin/env node\n';

/** Needed only where PostgreSQL or Redis is used, and brought along by whoever does. */
const OPTIONAL_PEERS = ['ioredis', 'pg'];
/** What the published package.json takes over as it stands. */
const KEPT = [
  'name',
  'version',
  'description',
  'keywords',
  'homepage',
  'bugs',
  'repository',
  'author',
  'license',
  'type',
];

const source = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

try {
  build();
  copyAssets();
  makeCommand();
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(published(source), null, 2)}\n`);
  for (const name of ['README.md', 'LICENSE']) cpSync(join(root, name), join(dist, name));
  refuseGaps();
  await lint();
  console.log(pack());
} catch (error) {
  console.error(`pack: ${error.message}`);
  process.exitCode = 1;
}

function build() {
  rmSync(dist, { recursive: true, force: true });
  try {
    const tsc = join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch {
    throw new Error('tsc found faults, so nothing is packed');
  }
}

/** What the code reads beside itself (pages, styles, rules) and tsc leaves behind. */
function copyAssets() {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  for (const entry of files) {
    if (!entry.isFile() || /\.(ts|md)$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    cpSync(file, join(dist, relative(join(root, 'src'), file)));
  }
}

function makeCommand() {
  const file = join(dist, COMMAND);
  if (!existsSync(file)) throw new Error(`the build made no ${COMMAND}`);
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(file, SHEBANG + text);
  chmodSync(file, 0o755);
}

function published(manifest) {
  const dependencies = { ...manifest.dependencies };
  const peers = OPTIONAL_PEERS.filter((name) => name in dependencies).map((name) => [name, dependencies[name]]);
  for (const [name] of peers) delete dependencies[name];
  return {
    ...Object.fromEntries(KEPT.filter((key) => key in manifest).map((key) => [key, manifest[key]])),
    engines: { node: '>=24' },
    bin: { twinkeep: `./${COMMAND}` },
    exports: {
      ...Object.fromEntries(Object.entries(manifest.exports).map(builtExport)),
      './package.json': './package.json',
    },
    dependencies,
    peerDependencies: Object.fromEntries(peers),
    peerDependenciesMeta: Object.fromEntries(peers.map(([name]) => [name, { optional: true }])),
  };
}

function builtExport([name, target]) {
  const built = target.replace('./src/', './').replace(/\.ts$/, '');
  return [name, { types: `${built}.d.ts`, default: `${built}.js` }];
}

/** An entry that leads nowhere, a test among the files: found here and not by whoever installs it. */
function refuseGaps() {
  const { exports } = JSON.parse(readFileSync(join(dist, 'package.json'), 'utf8'));
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? target : Object.values(target),
  );
  const missing = targets.filter((target) => !existsSync(join(dist, target)));
  if (missing.length > 0) throw new Error(`exports name files that the build did not make: ${missing.join(', ')}`);
  const tests = readdirSync(dist, { recursive: true }).filter((name) => /\.(test|contract)\.(js|d\.ts)$/.test(name));
  if (tests.length > 0) throw new Error(`the build holds tests: ${tests.join(', ')}`);
}

async function lint() {
  const { messages, pkg } = await publint({ pkgDir: dist, pack: false, strict: true });
  for (const message of messages) console.error(`publint: ${formatMessage(message, pkg)}`);
  if (messages.some(({ type }) => type === 'error')) throw new Error('publint found errors');
}

/** @returns where the packed file is */
function pack() {
  const args = ['pack', dist, '--pack-destination', dist, '--json', '--loglevel=error'];
  const [{ filename, size, entryCount }] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
  return `${relative(process.cwd(), join(dist, filename))} (${entryCount} files, ${Math.round(size / 1024)} kB)`;
}
