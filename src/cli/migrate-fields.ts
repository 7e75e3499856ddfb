import { readFileSync, statSync } from 'node:fs';
import { systemClock } from '../kernel/clock.ts';
import { isFault, TwinkeepError } from '../kernel/errors.ts';
import {
  createMigration,
  type FieldSet,
  type ForeignDatabase,
  type LegacyForm,
  type LegacyKeys,
  openForeign,
  readLegacyKeys,
} from '../migration/index.ts';
import type { Arguments, Run } from './command.ts';
import { type Door, throughDoor } from './door.ts';
import { usageFault } from './errors.ts';
import { answerReport, createMigrationProgress, type Mode, printable } from './migrate-fields-answer.ts';
import { createDoorEnvelopes, importLegacyKeys } from './migrate-fields-door.ts';
import type { Terminal } from './terminal.ts';

const DEFAULT_FOLDER = './security_backups';
const DEFAULT_BATCH = 500;
const MAX_BATCH = 1_000;
const MAX_KEY_FILE_BYTES = 65_536;

/** `migrate fields`: moves columns of somebody else's database to envelopes, in place. */
export const migrateFields: Run = async (args, terminal) => {
  const wish = wishOf(args);
  const mode = modeOf(args);
  const legacy = await told(() => readLegacyKeys(wish.form, readKeyFile(args.text('key-file') ?? ''), systemClock));
  warnOfPassword(wish.url, terminal);
  const database = await told(() => openForeign(wish.url, wish.fields));
  const interrupt = onInterrupt(terminal);
  try {
    return await throughDoor(
      args,
      terminal,
      mode === 'undo' || mode === 'verify-only' ? 'needs data' : 'makes',
      (door) => told(() => runOn(door, { wish, mode, legacy, database, interrupt }, args, terminal)),
    );
  } finally {
    interrupt.end();
    await database.close();
  }
};

interface Wish {
  readonly form: LegacyForm;
  readonly url: string;
  readonly fields: FieldSet;
  readonly batch: number;
}

interface Job {
  readonly wish: Wish;
  readonly mode: Mode;
  readonly legacy: LegacyKeys;
  readonly database: ForeignDatabase;
  readonly interrupt: Interrupt;
}

async function runOn(door: Door, job: Job, args: Arguments, terminal: Terminal): Promise<number> {
  const { wish, mode, legacy, database, interrupt } = job;
  const migration = createMigration({
    ...{ database, legacy, fields: wish.fields, batch: wish.batch, clock: systemClock },
    envelopes: createDoorEnvelopes(door),
    folder: args.text('backup-dir') ?? DEFAULT_FOLDER,
    tenant: args.text('tenant'),
    stopped: () => interrupt.asked,
    onProgress: createMigrationProgress(terminal),
    onWarning: (sentence) => terminal.say(printable(`Warning: ${sentence}`)),
    beforeChange: async () => {
      const taken = await importLegacyKeys(door, legacy);
      if (taken === legacy.spelled.length) return;
      terminal.say(
        'The vault does not take over a key this weak: only your own program reads the old values meanwhile.',
      );
    },
  });
  const run = {
    migrate: migration.migrate,
    undo: migration.undo,
    'dry-run': migration.look,
    'verify-only': migration.look,
  };
  return answerReport(terminal, await run[mode](), mode, wish.fields.table);
}

function wishOf(args: Arguments): Wish {
  const form = args.text('from');
  if (form !== 'fernet' && form !== 'aes-gcm') throw usageFault('--from takes fernet or aes-gcm');
  const batch = Number(args.text('batch') ?? DEFAULT_BATCH);
  if (!Number.isSafeInteger(batch) || batch < 1 || batch > MAX_BATCH) {
    throw usageFault(`--batch takes a number from 1 to ${MAX_BATCH}`);
  }
  const [url, table] = [args.text('db') ?? '', args.text('table') ?? ''];
  return { form, url, fields: { table, key: listOf(args, 'key'), columns: listOf(args, 'columns') }, batch };
}

/** Names with commas between them; in a name that has one it stands behind a backslash. */
const listOf = (args: Arguments, option: string): readonly string[] =>
  (args.text(option) ?? '').split(/(?<!\\),/).map((name) => name.replaceAll('\\,', ','));

function modeOf(args: Arguments): Mode {
  const modes = (['dry-run', 'verify-only', 'undo'] as const).filter((name) => args.flag(name));
  if (modes.length > 1) throw usageFault(`--${modes.join(' and --')} exclude each other`);
  return modes[0] ?? 'migrate';
}

function readKeyFile(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw usageFault(`--key-file names a file that is not there: ${path}`);
  if (!found.isFile() || found.size > MAX_KEY_FILE_BYTES) throw usageFault(`--key-file names no file of keys: ${path}`);
  return readFileSync(path, 'utf8');
}

function warnOfPassword(url: string, terminal: Terminal): void {
  if (!/^[^/]*:\/\/[^/@]*:[^/@]+@/.test(url)) return;
  terminal.say('Warning: every user of this machine can see the password in --db; PGPASSWORD or ~/.pgpass hide it.');
}

interface Interrupt {
  readonly asked: boolean;
  end(): void;
}

/** The first Ctrl-C lets the batch end, the second ends the process. */
function onInterrupt(terminal: Terminal): Interrupt {
  let asked = false;
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const hear = (): void => {
    if (asked) process.exit(130);
    asked = true;
    terminal.say('Stopping after this batch; once more stops at once.');
  };
  for (const signal of signals) process.on(signal, hear);
  return {
    get asked() {
      return asked;
    },
    end: () => {
      for (const signal of signals) process.off(signal, hear);
    },
  };
}

/** A fault of the migration with its reason as part of the sentence: it says what to do. */
async function told<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isFault(error) || !error.code.startsWith('MIGRATION_')) throw error;
    const { code, kind, message, facts } = error;
    throw new TwinkeepError(code, kind, printable(`${message} ${facts['reason']}`), facts, { cause: error });
  }
}
