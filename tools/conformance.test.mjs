import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { requirements } from './requirements.ts';

/** What the tool says of a repository with these conformance tests; each path maps to the body of its file. */
function conformance(t, files, ...args) {
  const root = mkdtempSync(join(tmpdir(), 'twinkeep-conformance-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, body] of Object.entries(files)) {
    const file = join(root, 'test/conformance', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { describe, test } from 'node:test';\n${body}\n`);
  }
  const command = [join(import.meta.dirname, 'conformance.ts'), '--root', root, ...args];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the inner run takes itself for a part of this one
  return spawnSync(process.execPath, command, { encoding: 'utf8', env });
}

const metOf = ({ stdout }) =>
  JSON.parse(stdout)
    .lines.filter(({ met }) => met)
    .map(({ id }) => id);

test('the table has the 129 lines of the five systems, without a gap', () => {
  const ids = requirements.map(({ lines }) => Object.keys(lines));
  assert.deepEqual(
    ids.map((own) => own.length),
    [13, 33, 38, 27, 18],
  );
  for (const own of ids) {
    const letter = own[0][0];
    assert.deepEqual(
      own,
      own.map((_, index) => `${letter}${String(index + 1).padStart(2, '0')}`),
    );
  }
});

test('without a test no line is met, and all are listed', (t) => {
  const { stdout, status } = conformance(t, {});
  assert.equal(stdout.match(/^ {2}[A-Z]\d\d {2}not yet {2}\S/gm).length, 129);
  assert.match(stdout, /^0 of 129 lines met$/m);
  assert.equal(status, 0);
});

test('a line is met when its tests ran and none failed, was skipped or is a todo', (t) => {
  const result = conformance(
    t,
    {
      'ems/roles.test.ts': `
        test('E05 the four roles', () => {});
        test('E05 X14: write implies write:meter_data', () => {});
        test('E06, E07 two at once', () => {});
        test('E08 passes', () => {}); test('E08 is skipped', { skip: true }, () => {});
        test('E09 is planned', { todo: true }, () => {});
        test('about E10', () => {});
        test('E11', () => {});
        describe('E12 input', () => { test('one bound', () => {}); test('another', () => {}); });
        describe('E13 queries', () => { test('one', () => {}); test('another', { skip: true }, () => {}); });
        test('E14 outer', async (t) => { await t.test('inner', { skip: true }, () => {}); });`,
      'coretwin/tokens.test.ts': "test('C01 lives', () => {});",
    },
    '--json',
  );
  assert.deepEqual(metOf(result), ['E05', 'E06', 'E07', 'E11', 'E12', 'C01']);
  assert.deepEqual(
    JSON.parse(result.stdout).beyond.map(({ id, met }) => [id, met]),
    [['X14', true]],
  );
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
});

test('a failure takes the line and the run with it', (t) => {
  const files = {
    'ems/a.test.ts': "test('E05 fails', () => { throw new Error('no'); }); test('E05 holds', () => {});",
  };
  const result = conformance(t, files);
  assert.match(result.stdout, /^ {2}E05 {2}not yet/m);
  assert.match(result.stderr, /failed: ems\/a\.test\.ts: E05 fails/);
  assert.equal(result.status, 1);
  assert.equal(conformance(t, { 'ems/a.test.ts': "throw new Error('at import');" }).status, 1);
});

test('a line counts only in the folder of its profile, and a wrong one is told', (t) => {
  const files = {
    'ems/a.test.ts': "test('A05 here', () => {}); test('E99 there', () => {}); test('D08 any', () => {});",
  };
  const result = conformance(t, files);
  assert.match(result.stdout, /^0 of 129 lines met$/m);
  assert.match(result.stdout, /^ {2}D08 {2}met {6}any$/m);
  assert.match(result.stderr, /"A05 here" in ems\/ names A05, a line of digital-twin-v1/);
  assert.match(result.stderr, /"E99 there" in ems\/ names E99, no line/);
  assert.equal(result.status, 0);
});

test('one profile can be asked for', (t) => {
  const files = { 'ems/a.test.ts': "test('E05 a', () => {});", 'coretwin/a.test.ts': "throw new Error('not run');" };
  const result = conformance(t, files, '--profile', 'ems');
  assert.match(result.stdout, /^ems \(EMS Agent\): 1 of 38 met\n[\s\S]*^1 of 38 lines met$/m);
  assert.equal(result.status, 0);
  assert.match(conformance(t, {}, '--profile', 'emss').stderr, /no profile emss; there are digital-twin-v1,/);
});
