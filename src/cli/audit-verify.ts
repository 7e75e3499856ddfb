import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  auditHeadOf,
  type Config,
  databaseUrlOf,
  masterKeyOf,
  openMasterKeys,
  openStorage,
  sqliteFileOf,
} from '../app/index.ts';
import { type AuditReport, fileHead, openLogKey, readVerifier, verifyLog } from '../audit/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import type { Storage } from '../storage/index.ts';
import { openVault } from '../vault/index.ts';
import type { Arguments, Run } from './command.ts';
import { usageFault } from './errors.ts';
import { type KeptCheckpoint, readKept } from './kept-checkpoint.ts';
import { loadSettings } from './setting.ts';
import type { Terminal } from './terminal.ts';

type LogKey = ReturnType<typeof readVerifier>;

/**
 * `audit verify`: reads the whole log beside whoever writes it, without the owner's lock and without changing a row.
 *
 * @returns 0 when it is whole, 1 when it is not
 */
export const verifyAudit: Run = async (args, terminal) => {
  const config = await loadSettings();
  const kept = keptOf(args) ?? rememberedOf(config);
  const given = givenKey(args, kept);
  assertPlaces(config, given);
  const report = await readLog(config, given, kept, terminal);
  terminal.progress();
  terminal.answer(
    { ...report, head: report.head ?? null, flaws: report.flaws.map((flaw) => ({ ...flaw })) },
    textOf(report),
  );
  return report.whole ? 0 : 1;
};

function keptOf(args: Arguments): KeptCheckpoint | undefined {
  const file = args.text('since');
  if (file === undefined) return undefined;
  try {
    return readKept(readFileSync(file, 'utf8'));
  } catch {
    throw usageFault(`--since names a file that cannot be read: ${file}`);
  }
}

/** Without `--since` the head that the server itself remembers beside the database. */
function rememberedOf(config: Config): KeptCheckpoint | undefined {
  const note = fileHead(auditHeadOf(config)).read();
  return note === undefined ? undefined : { verifier: undefined, note };
}

/** From the command line, else from the kept file; neither lies where the log does. */
function givenKey(args: Arguments, kept: KeptCheckpoint | undefined): LogKey | undefined {
  const text = args.text('key') ?? kept?.verifier;
  if (text === undefined) return undefined;
  try {
    return readVerifier(text);
  } catch {
    throw usageFault(
      '--key takes a verifier key (<name>+<8 hex digits>+<base64>), as `twinkeep audit checkpoint` prints',
    );
  }
}

/** @throws CLI_USAGE where there is nothing to read, which is not the same as a log with flaws */
function assertPlaces(config: Config, given: LogKey | undefined): void {
  const file = sqliteFileOf(databaseUrlOf(config));
  if (file !== undefined && !existsSync(file)) throw usageFault(`there is no database at ${file}; set TWINKEEP_DATA`);
  const masterKey = join(config.data, 'master.key');
  if (given !== undefined || config.masterKey !== undefined || existsSync(masterKey)) return;
  throw usageFault(`${masterKey} is missing, and with it the log's key; give the verifier key with --key`);
}

async function readLog(
  config: Config,
  given: LogKey | undefined,
  kept: KeptCheckpoint | undefined,
  terminal: Terminal,
): Promise<AuditReport> {
  let storage: Storage | undefined;
  try {
    storage = readOnly(await openStorage(databaseUrlOf(config), systemClock, () => undefined));
    const key = given ?? (await ownKey(config, storage));
    const onProgress = (entries: number): void => terminal.progress(`${entries.toLocaleString('en')} entries read`);
    return await verifyLog(storage, { key, since: kept?.note, onProgress });
  } catch (error) {
    if (isFault(error, 'VAULT_MASTER_KEY') || isAway(config, error)) throw error;
    return unreadable(given, error);
  } finally {
    await storage?.close().catch(() => undefined); // a damaged database may fail here too, and was told of already
  }
}

/** Whatever asks to write gets a read, which refuses: nothing is mended or made on the way. */
function readOnly(storage: Storage): Storage {
  return { ...storage, write: (scope, work) => storage.read(scope, work) };
}

/** The key inside the database is sealed: only this log's own master key opens it. */
async function ownKey(config: Config, storage: Storage): Promise<LogKey> {
  const random = createSystemRandom();
  const deps = { storage, clock: systemClock, random, ownFolder: true, isAlone: false, onError: () => undefined };
  const { masters } = await openMasterKeys({ ...config, masterKey: masterKeyOf(config) }, deps);
  const vault = await openVault({ storage, masters, clock: systemClock, random });
  return openLogKey({ storage, vault, clock: systemClock, random });
}

/** A server that does not answer says nothing about the log that it keeps. */
function isAway(config: Config, error: unknown): boolean {
  return isFault(error, 'STORAGE_UNAVAILABLE') && sqliteFileOf(databaseUrlOf(config)) === undefined;
}

function unreadable(given: LogKey | undefined, error: unknown): AuditReport {
  const flaw = { where: 'database', reason: reasonOf(error) };
  const origin = given?.keyName ?? 'unknown';
  return { whole: false, origin, entries: 0, unnumbered: 0, checkpoints: 0, head: undefined, flaws: [flaw] };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = isFault(error) && typeof error.facts['reason'] === 'string' ? ` (${error.facts['reason']})` : '';
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${detail}${cause}`;
}

function textOf({ whole, origin, entries, unnumbered, checkpoints, flaws }: AuditReport): string {
  const counts = `${entries} entries under ${checkpoints} signed checkpoints of ${origin}`;
  const waiting = unnumbered === 0 ? '' : `, ${unnumbered} newer ones not yet signed`;
  if (whole) return `whole: ${counts}${waiting}`;
  return ['NOT WHOLE', ...flaws.map(({ where, reason }) => `  ${where}: ${reason}`), `read: ${counts}${waiting}`].join(
    '\n',
  );
}
