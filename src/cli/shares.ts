import { basename } from 'node:path';
import { z } from 'zod';
import { createSystemRandom } from '../kernel/random.ts';
import { combineShares, type GivenShare, inspectShares, writeMasterKeyFile } from '../vault/index.ts';
import type { Arguments, Run } from './command.ts';
import { type Door, throughDoor } from './door.ts';
import { failure, usageFault } from './errors.ts';
import { onDisk, openShareFiles, readShare, type ShareFiles } from './shares-files.ts';
import type { Terminal } from './terminal.ts';

const made = z.object({ set: z.string(), shares: z.array(z.string()) });

const SHARES = '/v1/vault/master/shares';

/** `shares make`: splits the master key of the data folder. */
export const makeShares: Run = async (args, terminal) => {
  const [threshold, count] = [wholeOf(args, 'threshold'), wholeOf(args, 'count')];
  if (threshold < 2 || count < threshold || count > 255) {
    throw usageFault('shares make takes a threshold of at least 2 and at least as many shares, at most 255');
  }
  const folder = args.text('out');
  return throughDoor(args, terminal, 'needs data', async (door) => {
    if (folder === undefined) await printShares(door, terminal, { threshold, count });
    else await storeShares(door, terminal, { threshold, count }, folder);
    return 0;
  });
};

interface Wish {
  readonly threshold: number;
  readonly count: number;
}

async function printShares(door: Door, terminal: Terminal, wish: Wish): Promise<void> {
  const { set, shares } = made.parse(await door.call('POST', SHARES, wish));
  terminal.say(
    `Any ${wish.threshold} of these ${wish.count} are the master key. They are shown this once: print each apart.`,
  );
  terminal.answer(shares.slice(), shares.join('\n\n'));
  await outputIsOut();
  await confirm(door, set);
}

/** The files are opened before the key is split, and removed where it fails: no share is made that nobody has. */
async function storeShares(door: Door, terminal: Terminal, wish: Wish, folder: string): Promise<void> {
  const files = openShareFiles(folder, wish.count);
  try {
    const { set, names } = await intoFiles(door, files, wish);
    await confirm(door, set); // they are on the disk: from here on they stay, whatever happens
    const todo = 'Print each or carry it to another place, then delete it here. Try them: twinkeep shares check';
    terminal.answer({ files: [...names], ...wish }, `${names.join('\n')}\n\n${todo}`);
  } finally {
    files.close();
  }
}

async function intoFiles(door: Door, files: ShareFiles, wish: Wish) {
  try {
    const { set, shares } = made.parse(await door.call('POST', SHARES, wish));
    return { set, names: files.write(shares) };
  } catch (error) {
    files.remove();
    throw error;
  }
}

async function confirm(door: Door, set: string): Promise<void> {
  try {
    await door.call('POST', `${SHARES}/confirm`, { set });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw failure(
      `The shares are good, but Twinkeep could not note that you have them, and goes on warning: ${why} Keep them, or destroy them and make others.`,
      {},
      cause,
    );
  }
}

/** Standard output may be a file on a disk that is full: then nobody has what was written to it. */
const outputIsOut = (): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write('', (error) => (error ? reject(error) : resolve()));
  });

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
  // No key is ever overwritten.
  onDisk(file, () => writeMasterKeyFile(file, bytes.reveal(), createSystemRandom()));
  terminal.answer(
    { file, master },
    `Wrote the master key ${master} to ${file}, for its owner alone.\nUndo: rm ${file}`,
  );
  return 0;
};

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
