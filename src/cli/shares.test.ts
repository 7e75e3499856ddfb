import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Json } from '../kernel/tx.ts';
import { readMasterKeyFile } from '../vault/index.ts';
import { readArguments } from './arguments.ts';
import type { Command, Run } from './command.ts';
import { checkShares, makeShares, putSharesTogether } from './shares.ts';
import type { Terminal } from './terminal.ts';

/** Printed once, on 2026-11-21: what lies in a safe must be read by every later version. */
const KEY = createHash('sha256').update('a master key of tests').digest();
const MASTER = '2edb7d765ad36e2d';
const PRINTED = [
  [
    '1  04108 609EZ VDYQG CPPK3 DRPJH VWGNP',
    '2  R3F1A Z72EE CFZZY AYRGF 5MR42 GSJJJ',
    '3  9RPVS VSJWH KY40T 1EZP8 WG6TX 1B9A8',
    '4  W0FPJ 7F0QD KTFEP 1YGH5',
  ],
  [
    '1  04108 60HEG VDYQG CPPK3 DRPJH VWGNP',
    '2  R12ZM SYT9R MHWJW 65S99 A60MT 65MR5',
    '3  PVYYK 7D500 2X194 V3Y7N 87118 SSCRA',
    '4  CRD42 MBSM6 T6MHA 07FGZ',
  ],
  [
    '1  04108 60SEN VDYQG CPPK3 DRPJH VWGNP',
    '2  R16CH ARRR6 FJ5ZX 2BSKE RZ5Y6 6W8N8',
    '3  G7D6F 3HSH9 8Z7P2 3G4AB 0D6G5 6F15S',
    '4  JGCF5 WW892 8XKZC 6K1M3',
  ],
].map(
  (rows, at) =>
    `TWINKEEP RECOVERY SHARE ${at + 1} OF 3\nAny 2 of the 3 together are the master key ${MASTER}. Keep each in another place.\n\n${rows.join('\n')}\n`,
);

let folder: string;
let files: readonly string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-shares-'));
  files = PRINTED.map((text, at) => {
    const file = join(folder, `share-${at + 1}.txt`);
    writeFileSync(file, text);
    return file;
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

const share = { value: 'FILE', several: true, summary: '' } as const;
const value = { value: 'X', summary: '' };
const command: Command = {
  name: 'shares',
  operands: [],
  summary: '',
  options: { share, out: value, threshold: value, count: value },
  example: '',
  load: async () => checkShares,
};

/** @returns what it answers as JSON and as text */
async function run(work: Run, ...argv: readonly string[]): Promise<{ readonly value: Json; readonly text: string }> {
  let told: { readonly value: Json; readonly text: string } = { value: null, text: '' };
  const terminal: Terminal = {
    json: false,
    watched: false,
    answer: (answered, text) => {
      told = { value: answered, text };
    },
    say: () => undefined,
    progress: () => undefined,
  };
  await work(readArguments(command, argv), terminal);
  return told;
}

const given = (...numbers: readonly number[]): readonly string[] =>
  numbers.flatMap((number) => ['--share', files[number - 1] ?? '']);

test('shares are checked one by one, and where there are enough, together', async () => {
  const one = await run(checkShares, ...given(2));
  assert.match(one.text, /Share 2 of 3 .* unaltered; any 2 give it, so 1 more/);
  const two = await run(checkShares, ...given(3, 1));
  assert.match(two.text, /Shares 1, 3 of 3 give the master key [0-9a-f]{16}\./);
  assert.ok(!JSON.stringify([one, two]).includes(KEY.toString('base64').slice(0, 20)));
});

test('shares put together are the key file, for its owner alone, and no key is overwritten', async () => {
  const out = join(folder, 'master.key');
  await run(putSharesTogether, ...given(1, 2), '--out', out);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  assert.deepEqual(readMasterKeyFile(out).reveal(), KEY);
  const text = readFileSync(out, 'utf8');
  await assert.rejects(run(putSharesTogether, ...given(1, 2), '--out', out), /nothing is ever overwritten/);
  assert.equal(readFileSync(out, 'utf8'), text);
});

test('too few, altered and foreign shares write nothing', async () => {
  const out = join(folder, 'master.key');
  const fault = { code: 'VAULT_SHARES' };
  await assert.rejects(run(putSharesTogether, ...given(1), '--out', out), fault);
  const [first = ''] = files;
  writeFileSync(first, readFileSync(first, 'utf8').replace('1  0', '1  1'));
  await assert.rejects(run(putSharesTogether, ...given(1, 2), '--out', out), (error) => {
    assert.ok(error instanceof Error && 'facts' in error);
    assert.deepEqual(error.facts, { share: 'share-1.txt', reason: 'row 1, group 1 has a slip in it' });
    return true;
  });
  writeFileSync(first, 'x'.repeat(5_000));
  await assert.rejects(run(checkShares, ...given(1, 2)), /too large/);
  assert.equal(existsSync(out), false);
});

test('a share that is missing, a folder, or without an end is told in a sentence', async () => {
  const code = 'CLI_FAILED';
  const gone = join(folder, 'gone.txt');
  const out = join(folder, 'master.key');
  for (const [file, message] of [
    [gone, /gone\.txt is not there/],
    [folder, /is a folder, not a file/],
    [join(files[0] ?? '', 'below'), /lies below something that is a file/],
    ['/dev/zero', /too large for a share/],
  ] as const) {
    await assert.rejects(run(checkShares, '--share', file), { code, message });
    await assert.rejects(run(putSharesTogether, '--share', file, '--out', out), { code, message });
  }
  const nowhere = run(putSharesTogether, ...given(1, 2), '--out', join(folder, 'none', 'master.key'));
  await assert.rejects(nowhere, { code, message: /master\.key is not there; see that its folder exists/ });
});

test('numbers and files that are missing or make no sense are refused before anything is opened', async () => {
  const usage = { code: 'CLI_USAGE' };
  const wrong = [
    ['--threshold', '1', '--count', '5'],
    ['--threshold', '3', '--count', '2'],
    ['--threshold', '3'],
    ['--threshold', 'x', '--count', '5'],
    ['--threshold', '2', '--count', '999'],
  ];
  for (const argv of wrong) await assert.rejects(run(makeShares, ...argv), usage, argv.join(' '));
  await assert.rejects(run(checkShares), usage);
  await assert.rejects(run(putSharesTogether, ...given(1, 2)), usage);
});
