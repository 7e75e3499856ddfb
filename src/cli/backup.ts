import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { type Terminal, tableOf } from './terminal.ts';

const backup = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  file: z.string(),
  created_at: z.string(),
  size: z.number().nullable(),
  sha256: z.string().nullable(),
  rows: z.number(),
  audit_size: z.number().nullable(),
  reason: z.string().nullable(),
  verified_at: z.string().nullable(),
  drilled_at: z.string().nullable(),
  drill_result: z.string().nullable(),
  flaw: z.string().nullable(),
});
const made = backup.extend({ warnings: z.array(z.string()) });
const listed = z.object({
  items: z.array(backup.extend({ file_is_there: z.boolean() })),
  strangers: z.array(z.string()),
  copies: z.array(z.object({ file: z.string(), of: z.string() })),
  warnings: z.array(z.string()),
});
const verified = backup.extend({ copy: z.string().nullable() });
const drilled = z.object({
  backup,
  result: z.enum(['good', 'bad', 'untried']),
  reason: z.string().nullable(),
  checks: z.array(z.object({ what: z.string(), expected: z.string(), found: z.string(), good: z.boolean() })),
});
const identities = z.object({ identities: z.array(z.object({ master: z.string(), identity: z.string() })) });

type Shown = z.output<typeof backup>;

/** `backup create`. */
export const createBackup: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    terminal.progress('making a backup');
    const { warnings, ...one } = made.parse(await door.call('POST', '/v1/backups'));
    terminal.progress();
    warn(terminal, warnings);
    const next = 'Keep a copy of it and of keystore.age on another machine. Try it: twinkeep backup drill';
    terminal.answer({ ...one, warnings }, `Made ${one.file}: ${sizeOf(one.size)}, ${one.rows} rows.\n${next}`);
    return 0;
  });

/** `backup list`. */
export const listBackups: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { items, strangers, copies, warnings } = listed.parse(await door.call('GET', '/v1/backups'));
    warn(terminal, warnings);
    const rows = items.map((one) => [
      one.created_at,
      one.state === 'made' && !one.file_is_there ? 'missing' : one.state,
      sizeOf(one.size),
      one.verified_at ?? 'never',
      one.drill_result === null ? 'never' : `${one.drill_result} ${one.drilled_at ?? ''}`,
      one.file,
      one.flaw ?? one.reason ?? '',
    ]);
    const table = tableOf(['made', 'state', 'size', 'verified', 'restored for trial', 'file', 'why'], rows);
    const unknown = strangers.map((name) => `${name} lies there too; take it up: twinkeep backup verify ${name}`);
    const text = items.length === 0 ? 'There is no backup yet. Make one: twinkeep backup create' : table;
    const twice = copies.map(({ file, of }) => `${file} is a copy of ${of}; nothing depends on it`);
    terminal.answer({ items, strangers, copies, warnings }, [text, ...unknown, ...twice].join('\n'));
    return 0;
  });

/** `backup verify <ID|FILE|newest>`. */
export const verifyBackup: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    terminal.progress('reading the backup to its end');
    const name = encodeURIComponent(args.operand(0));
    const one = verified.parse(await door.call('POST', `/v1/backups/${name}/verify`));
    terminal.progress();
    const read = one.copy === null ? one.file : `${one.copy} is a copy of ${one.file}, and`;
    terminal.answer(one, `${read} is whole: made ${one.created_at}, ${sizeOf(one.size)}, ${one.rows} rows.`);
    return 0;
  });

/** `backup drill`. @returns 0 where the newest backup restores as it should, else 1 */
export const drillBackup: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    terminal.progress('restoring the newest backup for trial');
    const report = drilled.parse(await door.call('POST', '/v1/backups/drill'));
    terminal.progress();
    const rows = report.checks.map((one) => {
      const cells = [one.good ? 'good' : 'BAD', one.what, one.found, one.expected];
      return one.good ? cells.map(short) : cells; // what went wrong is told whole
    });
    const table = tableOf(['', 'what', 'found', 'expected'], rows);
    const verdict = VERDICTS[report.result](report.reason);
    terminal.answer(report, `${report.backup.file}, made ${report.backup.created_at}\n${table}\n\n${verdict}`);
    return report.result === 'good' ? 0 : 1;
  });

/** `backup identity`. */
export const showIdentity: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const found = identities.parse(await door.call('POST', '/v1/backups/identity'));
    box(terminal, [
      'Whoever has these lines opens every backup, and with it everything that is in the keystore.',
      'Keep them like the master key. Use: age --decrypt -i FILE backup-….age > backup',
    ]);
    const lines = found.identities.map(({ master, identity }) => `# master key ${master}\n${identity}`);
    terminal.answer(found, lines.join('\n'));
    return 0;
  });

const VERDICTS = {
  good: () => 'It restores.',
  bad: () => 'IT DOES NOT RESTORE AS IT SHOULD. Make another one.',
  untried: (reason: string | null) => `It could not be tried: ${reason}. That says nothing of the backup; try again.`,
} as const;

const short = (text: string): string => (text.length > 24 ? `${text.slice(0, 21)}...` : text);

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

function sizeOf(bytes: Shown['size']): string {
  if (bytes === null) return '';
  let [size, unit] = [bytes, 0];
  for (; size >= 1_000 && unit < UNITS.length - 1; unit++) size /= 1_000;
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

/** Loud, for these are what nobody thinks of until it is too late. */
export function warn(terminal: Terminal, warnings: readonly string[]): void {
  if (warnings.length > 0) box(terminal, warnings);
}

const WIDTH = 76;

function box(terminal: Terminal, sentences: readonly string[]): void {
  const lines = ['WARNING', ...sentences.flatMap((sentence) => wrapped(sentence))];
  const edge = '*'.repeat(WIDTH + 4);
  terminal.say([edge, ...lines.map((line) => `* ${line.padEnd(WIDTH)} *`), edge].join('\n'));
}

function wrapped(text: string): readonly string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length > 0 && line.length + word.length + 1 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
