import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { factsOf } from './check-rooms/facts.mjs';
import { checkRooms } from './check-rooms.mjs';

/** A repository with these files in `src/`; each path maps to its text. */
function repository(t, files) {
  const root = mkdtempSync(join(tmpdir(), 'twinkeep-rooms-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'src', path)), { recursive: true });
    writeFileSync(join(root, 'src', path), text);
  }
  return root;
}

/** `path:line rule` of each fault. */
const faultsOf = (t, files) =>
  checkRooms(repository(t, files)).faults.map(({ path, line, rule }) => `${path.slice(4)}:${line} ${rule}`);

const lines = (count) => 'const a = 1;\n'.repeat(count);

test('a house in order has no fault, and what was looked at is counted', (t) => {
  const root = repository(t, {
    'kernel/clock.ts': 'export const now = () => Date.now();\n',
    'kernel/random.ts': "import { randomFillSync } from 'node:crypto';\nexport const draw = randomFillSync;\n",
    'storage/index.ts': "export { open } from './open.ts';\n",
    'storage/open.ts':
      "import pg from 'pg';\nimport { now } from '../kernel/clock.ts';\nexport const open = () => pg;\n",
    'audit/index.ts': "import { open } from '../storage/index.ts';\nimport './store.ts';\nexport { open };\n",
    'audit/store.ts': "export const all = statement({ reach: 'platform', sql: 'select 1' });\n",
    'audit/store-reads.ts': 'export const all = insertion<{}>({});\n',
    'audit/digest-store.ts': 'export const all = statement({});\n',
    'audit/migrations/202611210300_audit_log.ts': 'export const first = {};\n',
    'app/config.ts': 'export const port = process.env.PORT;\nexport const started = new Date();\n',
    'cli/main.ts': "import { port } from '../app/index.ts';\nconst x = await import(port);\n",
  });
  assert.deepEqual(checkRooms(root), { faults: [], counts: { rooms: 5, files: 11, imports: 7 } });
});

const EDGES = [
  ['a higher floor', 'storage/a.ts', "import { x } from '../audit/index.ts';", 'floor'],
  ['a type of a higher floor', 'storage/a.ts', "import type { X } from '../audit/index.ts';", 'floor'],
  ['a higher floor in passing', 'storage/a.ts', "export { x } from '../audit/index.ts';", 'floor'],
  ['a higher floor, late', 'storage/a.ts', "const x = await import('../audit/index.ts');", 'floor'],
  ['a higher floor in a type', 'storage/a.ts', "type X = import('../audit/index.ts').X;", 'floor'],
  ['a higher floor for its effect', 'storage/a.ts', "import '../audit/index.ts';", 'floor'],
  ['a neighbour', 'sessions/a.ts', "import { x } from '../identity/index.ts';", 'neighbour'],
  ['a neighbour of the top floor', 'cli/a.ts', "import { x } from '../server/index.ts';", 'neighbour'],
  ['a neighbour from deep inside', 'sessions/tokens/a.ts', "import { x } from '../../mfa/index.ts';", 'neighbour'],
  ['an inner file', 'audit/a.ts', "import { x } from '../vault/field.ts';", 'index'],
  ['the kit, from shipped code', 'audit/a.ts', "import { x } from '../testing/index.ts';", 'floor'],
  ['an inner file of the kit', 'audit/a.test.ts', "import { x } from '../testing/kit.ts';", 'index'],
  ['a neighbour, from a test', 'sessions/a.test.ts', "import { x } from '../identity/index.ts';", 'neighbour'],
  ['a higher floor, from a test', 'storage/a.test.ts', "import { x } from '../app/index.ts';", 'floor'],
  ['a test', 'audit/a.ts', "import { x } from './b.test.ts';", 'test import'],
  ['what is not a room', 'audit/a.ts', "import { x } from '../stuff/index.ts';", 'room'],
  ['what is not published', 'audit/a.ts', "import x from '../../package.json' with { type: 'json' };", 'outside'],
  ['the package by name', 'audit/a.ts', "import { x } from 'twinkeep/vault';", 'own name'],
  ["another room's package", 'audit/a.ts', "import pg from 'pg';", 'package'],
  ["a part of another room's package", 'audit/a.ts', "import x from 'pg/lib/x.js';", 'package'],
  ["a scope of another room's packages", 'audit/a.ts', "import x from '@fastify/cors';", 'package'],
  ["another room's part of Node", 'audit/a.ts', "import { DatabaseSync } from 'node:sqlite';", 'package'],
  ['what cannot be read here', 'audit/a.ts', 'const x = await import(name);', 'computed import'],
];

for (const [what, path, text, rule] of EDGES) {
  test(`no room imports ${what}`, (t) => {
    assert.deepEqual(faultsOf(t, { [path]: `// one\n${text}\n` }), [`${path}:2 ${rule}`]);
  });
}

test('tests may use the kit, and on the top floor each other', (t) => {
  const faults = faultsOf(t, {
    'storage/a.test.ts': "import { x } from '../testing/index.ts';\n",
    'storage/a.contract.ts': "import { x } from '../testing/index.ts';\nimport fc from 'fast-check';\n",
    'server/a.test.ts': "import { x } from '../cli/index.ts';\nimport vectors from '../../test/vectors/x.ts';\n",
    'testing/kit.ts': "import pg from 'pg';\nimport { x } from '../app/index.ts';\n",
  });
  assert.deepEqual(faults, []);
});

const DEEDS = [
  ['export *', "export * from './b.ts';"],
  ['export *', "export type * from './b.ts';"],
  ['export *', "export * as b from './b.ts';"],
  ['default export', 'export default 1;'],
  ['default export', "export { x as default } from './b.ts';"],
  ['clock', 'const now = Date.now();'],
  ['clock', 'const read = Date.now;'],
  ['clock', 'const now = new Date();'],
  ['clock', 'const now = Date();'],
  ['random', 'const x = Math.random();'],
  ['random', "import { randomUUID } from 'node:crypto';"],
  ['random', 'const x = crypto.randomUUID();'],
  ['env', 'const x = process.env.HOME;'],
  ['env', "const x = process['env'].HOME;"],
  ['env', "import { env } from 'node:process';"],
  ['sql', "const all = statement({ sql: 'select 1' });"],
  ['sql', 'const all = insertion<{}>({});'],
];

for (const [rule, text] of DEEDS) {
  test(`a room may not: ${text}`, (t) => {
    assert.deepEqual(faultsOf(t, { 'audit/a.ts': `\n\n${text}\n` }), [`audit/a.ts:3 ${rule}`]);
  });
}

test('what only looks like a deed is none', (t) => {
  const faults = faultsOf(t, {
    'audit/a.ts': [
      "// Date.now() and import '../app/index.ts'",
      '/* process.env\n new Date() */',
      "const a = 'Math.random()';",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of another file
      'const b = `Date.now() ${[1].map((x) => ({ x })).length} process.env`;',
      'const c = /new Date()/; const d = 1 / 2; const e = "/";',
      'const f = new Date(at); clock.Date.now(); this.process.env;',
      "const g = { export: (tx) => tx, import: 1, default: 2 }; g.import('../app/index.ts');",
      'function statement(x) { return x; } const h = (statement) => statement;',
      "import { statement, insertion } from '../storage/index.ts';",
      "import { default as x } from './b.ts';",
    ].join('\n'),
  });
  assert.deepEqual(faults, []);
});

test('tests may read the clock, the environment and the database', (t) => {
  const text = 'Date.now(); process.env.CI; Math.random(); statement({}); await import(name);\n';
  assert.deepEqual(faultsOf(t, { 'audit/a.test.ts': text, 'audit/b.contract.ts': text }), []);
});

test('each folder of src is a room, and each file stands in one', (t) => {
  const faults = faultsOf(t, { 'billing/index.ts': '', 'main.ts': '' });
  assert.deepEqual(faults, ['billing/index.ts:1 room', 'main.ts:1 room']);
});

test('names are in kebab-case and say what is inside', (t) => {
  const faults = faultsOf(t, {
    'audit/auditLog.ts': '',
    'audit/Log.test.ts': '',
    'audit/sign_in.ts': '',
    'audit/utils/a.ts': '',
    'audit/test-helpers.ts': '',
    'audit/common.ts': '',
    'identity/common-passwords.ts': '',
    'identity/help.ts': '',
  });
  assert.deepEqual(faults, [
    'audit/Log.test.ts:1 kebab-case',
    'audit/auditLog.ts:1 kebab-case',
    'audit/common.ts:1 drawer',
    'audit/sign_in.ts:1 kebab-case',
    'audit/test-helpers.ts:1 drawer',
    'audit/utils/a.ts:1 drawer',
  ]);
});

test('a source file has at most 350 lines, a test 400', (t) => {
  const faults = faultsOf(t, {
    'audit/fits.ts': lines(350),
    'audit/long.ts': lines(351),
    'audit/fits.test.ts': lines(400),
    'audit/long.test.ts': lines(401),
  });
  assert.deepEqual(faults, ['audit/long.test.ts:401 size', 'audit/long.ts:351 size']);
});

test('imports are found with their lines, however they are written', () => {
  const { imports } = factsOf(
    [
      "import a, { type b, c as d } from './1.ts'",
      "import * as e from './2.ts'",
      'import {\n  f,\n} from "./4.ts";',
      "export { g, type h } from './6.ts'",
      "type i = typeof import('./7.ts')",
      'const j = import(`./8.ts`)',
      "const k = require('./9.ts')",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of another file
      "const l = `${await import('./10.ts')}`",
      "import m from '.'\nimport n from './12.ts' with { type: 'json' }",
    ].join('\n'),
  );
  const numbered = [1, 2, 4, 6, 7, 8, 9, 10].map((n) => `./${n}.ts`);
  assert.deepEqual(
    imports.map(({ specifier }) => specifier),
    [...numbered, '.', './12.ts'],
  );
  assert.deepEqual(
    imports.map(({ line }) => line),
    [1, 2, 3, 6, 7, 8, 9, 10, 11, 12],
  );
});

test('the command prints a line per fault and ends with 1, or with the counts and 0', (t) => {
  const command = join(import.meta.dirname, 'check-rooms.mjs');
  const run = (files) => spawnSync(process.execPath, [command, repository(t, files)], { encoding: 'utf8' });
  const bad = run({ 'audit/a.ts': 'export const x = Math.random();\n' });
  assert.match(bad.stdout, /^src\/audit\/a\.ts:1 random: randomness comes in as .*\ncheck-rooms: 1 fault\n$/);
  assert.equal(bad.status, 1);
  const good = run({ 'audit/a.ts': 'export const x = 1;\n' });
  assert.equal(good.stdout, 'check-rooms: 1 rooms, 1 files, 0 imports, no fault\n');
  assert.equal(good.status, 0);
});
