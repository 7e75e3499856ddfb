import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { createSystemRandom } from '../kernel/random.ts';
import { combineShares, type GivenShare, inspectShares, writeMasterKeyFile } from '../vault/index.ts';
import type { Arguments, Run } from './command.ts';
import { throughDoor } from './door.ts';
import { failure, usageFault } from './errors.ts';

const made = z.object({ shares: z.array(z.string()) });

const MOST_SHARE_BYTES = 4_096;

/** `shares make`: splits the master key of the data folder. */
export const makeShares: Run = async (args, terminal) => {
  const [threshold, count] = [wholeOf(args, 'threshold'), wholeOf(args, 'count')];
  if (threshold < 2 || count < threshold || count > 255) {
    throw usageFault('shares make takes a threshold of at least 2 and at least as many shares, at most 255');
  }
  const folder = args.text('out');
  if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const { shares } = made.parse(await door.call('POST', '/v1/vault/master/shares', { threshold, count }));
    if (folder === undefined) {
      terminal.say(
        `Any ${threshold} of these ${count} are the master key. They are shown this once: print each apart.`,
      );
      terminal.answer(shares.slice(), shares.join('\n\n'));
      return 0;
    }
    const files = shares.map((text, at) => writeShare(folder, `share-${at + 1}-of-${count}.txt`, text));
    const todo = 'Print each or carry it to another place, then delete it here. Try them: twinkeep shares check';
    terminal.answer({ files, threshold, count }, `${files.join('\n')}\n\n${todo}`);
    return 0;
  });
};

/** `shares check`: looks at shares, and where there are enough, whether they give the key that they name. */
export const checkShares: Run = async (args, terminal) => {
  const given = sharesOf(args);
  const { numbers, ...found } = inspectShares(given);
  const isEnough = numbers.length >= found.threshold;
  if (isEnough) await combineShares(given);
  const here = `Share${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')} of ${found.count}`;
  const sentence = isEnough
    ? `${here} give the master key ${found.master}.`
    : `${here} of the master key ${found.master}, unaltered; any ${found.threshold} give it, so ${found.threshold - numbers.length} more.`;
  terminal.answer({ ...found, numbers: [...numbers], enough: isEnough }, sentence);
  return 0;
};

/** `shares combine`: writes the master key that shares give. It needs neither a server nor a data folder. */
export const putSharesTogether: Run = async (args, terminal) => {
  const file = args.text('out');
  if (file === undefined) throw usageFault('shares combine needs --out FILE');
  const given = sharesOf(args);
  const { master } = inspectShares(given);
  const bytes = await combineShares(given);
  try {
    writeMasterKeyFile(file, bytes.reveal(), createSystemRandom());
  } catch (error) {
    throw failure(`${file} is there already; no key is ever overwritten`, {}, causeUnless('EEXIST', error));
  }
  terminal.answer(
    { file, master },
    `Wrote the master key ${master} to ${file}, for its owner alone.\nUndo: rm ${file}`,
  );
  return 0;
};

/** @throws the error itself where it is another */
function causeUnless(code: string, error: unknown): unknown {
  if (error instanceof Error && 'code' in error && error.code === code) return error;
  throw error;
}

function wholeOf(args: Arguments, option: string): number {
  const text = args.text(option) ?? '';
  if (!/^\d{1,3}$/.test(text)) throw usageFault(`--${option} takes a whole number`);
  return Number(text);
}

/** The files behind `--share`; `-` is standard input. */
function sharesOf(args: Arguments): readonly GivenShare[] {
  const files = args.list('share');
  if (files.length === 0) throw usageFault('name the shares: --share FILE --share FILE ...');
  return files.map((file) => ({ name: file === '-' ? 'standard input' : basename(file), text: readShare(file) }));
}

function readShare(file: string): string {
  if (file !== '-' && statSync(file).size > MOST_SHARE_BYTES) throw failure(`${file} is too large for a share`);
  return readFileSync(file === '-' ? 0 : file, 'utf8');
}

/** @throws EEXIST: a share of before is never overwritten */
function writeShare(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return file;
}
