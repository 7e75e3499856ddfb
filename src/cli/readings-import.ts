import { readFileSync, statSync } from 'node:fs';
import type { Arguments, Run } from './command.ts';
import { readRows } from './csv-rows.ts';
import { failure, usageFault } from './errors.ts';
import { createImport, type ImportOutcome } from './import.ts';
import { createImportProgress, group } from './import-progress.ts';
import { readSecret } from './password.ts';
import { openResumeFile, type ResumeFile } from './resume.ts';
import type { Terminal } from './terminal.ts';
import { createUpload } from './upload.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const KEY_VARIABLE = 'TWINKEEP_API_KEY';
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** `readings import <FILE.csv>`: over HTTP with an API key, as any machine would send them. */
export const importReadings: Run = async (args, terminal) => {
  const file = args.operand(0);
  const url = urlOf(args.text('url') ?? DEFAULT_URL);
  const { size } = fileOf(file);
  const key = await keyOf(args);
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    terminal.say(`Warning: the API key and the readings travel unencrypted to ${url.origin}; better use https.`);
  }
  const memory = openResumeFile(file, url.href, args.flag('restart'));
  tellBeginning(memory, terminal);
  const since = performance.now();
  const onIgnored = (columns: readonly string[]): void => terminal.say(`Ignored columns: ${columns.join(', ')}`);
  const outcome = await createImport({
    rows: readRows(file, onIgnored),
    from: memory.from,
    upload: createUpload({ url, key, onWait: terminal.say }),
    onProgress: createImportProgress(terminal, size, memory.from),
    save: saver(memory, terminal),
  })();
  memory.remove();
  return summary(terminal, outcome, memory, (performance.now() - since) / 1_000);
};

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw usageFault('--url must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') throw usageFault('--url must hold no name and no password');
  return url;
}

function fileOf(file: string): { readonly size: number } {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw failure(`There is no file ${file}.`);
  if (!found.isFile()) throw failure(`${file} is not a file.`);
  return found;
}

/** Never an argument: every user of the machine sees those in its list of processes. */
async function keyOf(args: Arguments): Promise<string> {
  const file = args.text('key-file');
  if (file !== undefined && args.flag('key-stdin')) throw usageFault('--key-file and --key-stdin exclude each other');
  const text = args.flag('key-stdin') ? await readSecret('API key') : (fromFile(file) ?? process.env[KEY_VARIABLE]);
  const key = text?.trim();
  if (key === undefined || key === '') {
    throw usageFault(`an API key is needed: ${KEY_VARIABLE}, --key-file FILE, or --key-stdin`);
  }
  if (!/^[\x21-\x7e]+$/.test(key)) throw usageFault('the API key has characters that no key has');
  return key;
}

function fromFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw usageFault(`--key-file names a file that cannot be read: ${file}`);
  }
}

function tellBeginning({ from, stale }: ResumeFile, terminal: Terminal): void {
  if (from.rows > 0)
    terminal.say(`Going on after ${group(from.rows)} rows of an import that was cut off (--restart does not).`);
  else if (stale)
    terminal.say(
      'An import was cut off before, of another state of this file or to another server: from the beginning.',
    );
}

/** A folder that can't be written costs the resuming, not the import. */
function saver(memory: ResumeFile, terminal: Terminal): ResumeFile['save'] {
  let able = true;
  return (position) => {
    if (!able) return;
    try {
      memory.save(position);
    } catch {
      able = false;
      terminal.say('The folder of the file cannot be written, so this import could not go on if it were cut off.');
    }
  };
}

function summary(terminal: Terminal, outcome: ImportOutcome, { from }: ResumeFile, took: number): number {
  const { position, badRows, stopped } = outcome;
  const { rows, stored, repeated, refused } = position;
  const speed = Math.round((rows - from.rows) / Math.max(took, 0.001));
  const seconds = Math.round(took * 1_000) / 1_000;
  for (const { line, field, reason } of badRows) {
    terminal.say(`line ${line}: ${field === null ? '' : `${field} `}${reason}`);
  }
  if (refused > badRows.length) terminal.say(`(${group(refused - badRows.length)} more were refused)`);
  if (stopped !== undefined) terminal.say(`Stopped: ${stopped}`);
  const counts = `${group(stored)} stored, ${group(repeated)} repeated, ${group(refused)} refused`;
  const value = { rows, stored, repeated, refused, seconds, rows_per_s: speed, resumed_after: from.rows };
  terminal.answer(
    { ...value, stopped: stopped ?? null, bad_rows: badRows.map((row) => ({ ...row })) },
    `${group(rows)} rows: ${counts}; ${seconds.toFixed(1)} s, ${group(speed)} rows/s`,
  );
  return refused > 0 || stopped !== undefined ? 1 : 0;
}
