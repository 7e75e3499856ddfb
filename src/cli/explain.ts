import { type Flaw, isFault, type TwinkeepError } from '../kernel/errors.ts';
import type { Json } from '../kernel/tx.ts';
import type { Terminal } from './terminal.ts';

/**
 * Says on standard error what went wrong, in a sentence that says what to do.
 *
 * @returns the exit code: 2 when the command was not understood, else 1
 */
export async function explain(error: unknown, terminal: Terminal): Promise<number> {
  terminal.progress();
  const told = await tell(error);
  if (terminal.json) {
    const flaws = told.flaws.map(({ at, reason }): Json => ({ at, reason }));
    const body = { code: told.code, message: told.message, ...(flaws.length === 0 ? {} : { errors: flaws }) };
    process.stderr.write(`${JSON.stringify({ error: body })}\n`);
  } else {
    const lines = told.flaws.map(({ at, reason }) => `  ${at}: ${reason}`);
    process.stderr.write(`${[`twinkeep: ${told.message}`, ...lines].join('\n')}\n`);
  }
  return isFault(error, 'CLI_USAGE') ? 2 : 1;
}

interface Told {
  readonly code: string;
  readonly message: string;
  readonly flaws: readonly Flaw[];
}

async function tell(error: unknown): Promise<Told> {
  if (isFault(error)) {
    const flaws = isFault(error, 'CONFIG_INVALID') ? await mended(error) : flawsOf(error);
    return { code: error.code, message: sentenceOf(error), flaws };
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNFORESEEN';
  const message = error instanceof Error ? error.message : String(error);
  const known = SYSTEM.get(code);
  // What nobody foresaw is a fault of ours: its trace is what a report of it needs.
  const trace = error instanceof Error && known === undefined ? `\n${error.stack ?? ''}` : '';
  return { code, message: (known ?? `Something unforeseen failed: ${message}`) + trace, flaws: [] };
}

const SYSTEM = new Map([
  ['EACCES', 'The system does not allow it: check the owner of the data folder, and that TWINKEEP_PORT is above 1023.'],
  ['EADDRNOTAVAIL', 'This machine does not have the address that TWINKEEP_HOST names.'],
  ['ENOTFOUND', 'The host that TWINKEEP_HOST names is not known.'],
  ['ENOSPC', 'The disk is full.'],
  ['ERR_SQLITE_ERROR', 'The database file cannot be read as one; is it damaged? See: twinkeep audit verify'],
  ['EROFS', 'The data folder lies on a read-only disk; set TWINKEEP_DATA to another.'],
]);

/** The title of the fault, with what to do where the operator can do something. */
function sentenceOf(fault: TwinkeepError): string {
  const { code, message, facts } = fault;
  switch (code) {
    case 'CLI_USAGE':
      return message;
    case 'STORAGE_LOCKED':
      return `The data folder ${facts['folder']} belongs to another running Twinkeep; stop that one, or set TWINKEEP_DATA.`;
    case 'STORAGE_NEWER':
      return `The database was written by a newer version of Twinkeep (it has ${facts['unknown_migrations']}); start that version.`;
    case 'STORAGE_UNAVAILABLE':
      return `The database cannot be reached or read (${causeOf(fault)}); check TWINKEEP_DATABASE_URL and TWINKEEP_DATA.`;
    case 'VAULT_MASTER_KEY':
      return `The master key cannot be used: ${facts['reason']}.`;
    case 'SESSION_SECRET_WEAK':
      return `${message} ${Object.values(facts).join(' ')}`.trim();
    case 'VAULT_SHARES':
      return `The shares cannot be used: ${facts['share'] ?? ''} ${facts['reason']}.`;
    case 'VAULT_PROVIDER_AWAY':
    case 'VAULT_MASTER_FIXED':
    case 'VAULT_KEY_INVALID':
      return facts['reason'] === undefined ? message : `${message} ${facts['reason']}.`;
    case 'BACKUP_TARGET':
      return `${message} Found: ${[facts['places']].flat().join(', ')}. Move it away, or give --replace, which moves it aside.`;
    case 'STORAGE_UNFINISHED':
      return withReason(message, facts['reason']);
    case 'STORAGE_OCCUPIED':
      return `${message} Found: ${facts['reason'] ?? facts['file'] ?? `rows in ${facts['table']}`}.`;
    case 'TENANT_FOREIGN':
      return 'There is no such tenant; see: twinkeep tenants list';
    default:
      return code.startsWith('BACKUP_') ? withReason(message, facts['reason']) : message;
  }
}

/** The title says what kind of thing went wrong, the reason what it was. */
const withReason = (title: string, reason: unknown): string =>
  typeof reason === 'string' && reason !== '' ? `${title} The reason: ${reason.replace(/\.$/, '')}.` : title;

function causeOf({ cause }: Error): string {
  if (!(cause instanceof Error)) return 'no reason given';
  return 'code' in cause && typeof cause.code === 'string' && cause.message === '' ? cause.code : cause.message;
}

/** The `errors` of a fault, ours or one that came over HTTP. */
function flawsOf({ facts }: TwinkeepError): readonly Flaw[] {
  const { errors } = facts;
  if (!Array.isArray(errors)) return [];
  return errors.map((flaw: unknown) => {
    const { at, reason } = Object(flaw);
    return { at: String(at), reason: String(reason) };
  });
}

/** Each flaw of a configuration with what may stand there. */
async function mended(fault: TwinkeepError): Promise<readonly Flaw[]> {
  const { describeSetting } = await import('./setting.ts');
  return flawsOf(fault).map(({ at, reason }) => {
    const { name, meaning } = describeSetting(at);
    return { at: name, reason: meaning === undefined ? reason : `${reason}. ${meaning}` };
  });
}
