import { z } from 'zod';
import { MAIN_TENANT } from '../tenants/index.ts';
import type { Arguments, Run } from './command.ts';
import { commandLine } from './command-line.ts';
import { type Door, throughDoor } from './door.ts';
import { usageFault } from './errors.ts';
import { createImportProgress, group } from './import-progress.ts';
import type { Terminal } from './terminal.ts';
import { namesOf } from './users.ts';
import { type ImportReport, madeBefore, readReport, reportPathOf, writeReport } from './users-import-report.ts';
import { formatOf, type PeopleFormat, type PersonRow, type ReadWish, readPeople } from './users-import-rows.ts';

const answer = z.object({
  results: z.array(
    z.object({
      status: z.enum(['made', 'exists', 'refused']),
      id: z.string().nullable(),
      proof: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
const undone = z.object({ results: z.array(z.enum(['removed', 'disabled', 'gone'])) });

const BATCH = 200;
const MOST_TOLD = 100;

/** `users import <FILE>`: takes over people with their password hashes; `--undo` takes a report's people back. */
export const importUsers: Run = async (args, terminal) => {
  const file = args.operand(0);
  if (args.flag('undo')) return undoImport(args, terminal, readReport(file));
  const format = formatOf(file, args.text('from'));
  const rows = withRoles(await readPeople(file, format, wishOf(args)), namesOf(args, 'role'));
  return throughDoor(args, terminal, 'makes', async (door) => {
    const wish = { file, format, tenant: args.text('tenant') ?? null, dryRun: args.flag('dry-run') };
    const shut = rows.filter(({ disabled }) => disabled).length;
    if (shut > 0) terminal.say(`${group(shut)} of ${group(rows.length)} are disabled in the file, and stay so.`);
    return tell(terminal, await sendPeople(door, terminal, rows, wish), wish.dryRun);
  });
};

const wishOf = (args: Arguments): ReadWish => ({ table: args.text('table'), ignored: namesOf(args, 'ignore-column') });

/** What `sendPeople` is to do. */
export interface SendWish {
  readonly file: string;
  readonly format: PeopleFormat;
  readonly tenant: string | null;
  readonly dryRun: boolean;
}

/** Sends people in batches and keeps the report up to date after each, so that a run that is cut off can be repeated. */
export async function sendPeople(
  door: Door,
  terminal: Terminal,
  rows: readonly PersonRow[],
  { file, format, tenant, dryRun }: SendWish,
): Promise<ImportReport> {
  const path = reportPathOf(file);
  const made = dryRun ? [] : [...madeBefore(path, tenant)];
  const report = {
    kind: 'twinkeep-users-import' as const,
    file,
    tenant,
    finished: false,
    made,
    existing: [],
    refused: [],
  };
  const state: ImportReport = report;
  const beginning = { rows: 0, bytes: 0, stored: 0, repeated: 0, refused: 0 };
  const progress = createImportProgress(terminal, rows.length, beginning);
  for (let at = 0; at < rows.length; at += BATCH) {
    const some = rows.slice(at, at + BATCH);
    for (const row of some) {
      const reason = unsendable(row);
      if (reason !== undefined) state.refused.push({ place: row.place, username: row.username.slice(0, 64), reason });
    }
    const sent = some.filter((row) => unsendable(row) === undefined);
    const body = { people: sent.map(wireOf), from: format, dry_run: dryRun };
    if (sent.length > 0) note(state, sent, answer.parse(await door.call('POST', '/v1/users/import', body)).results);
    if (!dryRun) writeReport(path, state);
    progress({ ...beginning, rows: at + some.length, bytes: at + some.length });
  }
  terminal.progress();
  const whole = { ...state, finished: true };
  if (!dryRun) writeReport(path, whole);
  return whole;
}

function note(report: ImportReport, rows: readonly PersonRow[], results: z.output<typeof answer>['results']): void {
  for (const [at, { status, id, proof, reason }] of results.entries()) {
    const { place = '', username = '' } = rows[at] ?? {};
    if (status === 'made') report.made.push({ id: id ?? '', username, proof: proof ?? '' });
    else if (status === 'exists') report.existing.push({ place, username });
    else report.refused.push({ place, username, reason: reason ?? '' });
  }
}

const wireOf = ({ username, passwordHash, email, roles, disabled, createdAt }: PersonRow) => ({
  username: storable(username),
  password_hash: storable(passwordHash),
  ...(email === undefined ? {} : { email: storable(email) }),
  roles: roles.map(storable),
  disabled,
  ...(createdAt === undefined ? {} : { created_at: storable(createdAt).slice(0, 64) }),
});

/** What no name, hash or address may hold becomes a sign that none may hold either, so that the one row is refused. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');

/** Why a row is not even sent: what is cut to fit could be another's name or address. */
function unsendable({ username, passwordHash, email = '', roles }: PersonRow): string | undefined {
  if (username.length > 254 || email.length > 254) return 'the name or address is too long';
  if (passwordHash.length > 512) return 'the password hash is of no form that is known';
  if (roles.length > 20 || roles.some((role) => role.length > 64))
    return 'has more than 20 roles, or one with a long name';
  return undefined;
}

const withRoles = (rows: readonly PersonRow[], roles: readonly string[]): readonly PersonRow[] =>
  roles.length === 0 ? rows : rows.map((row) => ({ ...row, roles }));

function tell(terminal: Terminal, { file, tenant, made, existing, refused }: ImportReport, dryRun: boolean): number {
  for (const { place, username, reason } of refused.slice(0, MOST_TOLD))
    terminal.say(`${place} (${username}): ${reason}`);
  if (refused.length > MOST_TOLD) terminal.say(`(${group(refused.length - MOST_TOLD)} more were refused)`);
  for (const { place, username } of existing.slice(0, MOST_TOLD)) {
    terminal.say(`${place} (${username}): is here already, and was left as is`);
  }
  const counts = { made: made.length, existing: existing.length, refused: refused.length };
  const kept = dryRun ? null : reportPathOf(file);
  const verb = dryRun ? 'would be made' : 'made';
  const back = commandLine({ text: () => tenant ?? undefined }, 'users', 'import', reportPathOf(file), '--undo');
  const undo = dryRun ? '' : `\nReport: ${kept}; to take it back: ${back}`;
  const sentence = `${group(counts.made)} ${verb}, ${group(counts.existing)} already here, ${group(counts.refused)} refused.`;
  terminal.answer({ ...counts, dry_run: dryRun, report: kept, problems: refused }, sentence + undo);
  return refused.length > 0 ? 1 : 0;
}

function undoImport(args: Arguments, terminal: Terminal, report: ImportReport): Promise<number> {
  return throughDoor(inTenantOf(args, report), terminal, 'needs data', async (door) => {
    const counts = await takeBack(door, terminal, report);
    const { removed, disabled, gone } = counts;
    const text = `${group(removed)} removed, ${group(disabled)} disabled because they have signed in or a week is over, ${group(gone)} not here.`;
    terminal.answer(counts, text);
    return gone > 0 ? 1 : 0;
  });
}

/** A report is undone where its import went, whatever is typed. @throws CLI_USAGE where another tenant is */
function inTenantOf(args: Arguments, { tenant }: ImportReport): Arguments {
  const [given, own] = [args.text('tenant'), tenant ?? MAIN_TENANT];
  if (given !== undefined && given !== own)
    throw usageFault(`The report is of an import into the tenant ${own}, not ${given}.`);
  return { ...args, text: (name) => (name === 'tenant' ? own : args.text(name)) };
}

/** Takes the people of a report back. */
export async function takeBack(door: Door, terminal: Terminal, { made }: ImportReport) {
  const counts = { removed: 0, disabled: 0, gone: 0 };
  const beginning = { rows: 0, bytes: 0, stored: 0, repeated: 0, refused: 0 };
  const progress = createImportProgress(terminal, made.length, beginning);
  for (let at = 0; at < made.length; at += BATCH) {
    const people = made.slice(at, at + BATCH);
    const { results } = undone.parse(await door.call('POST', '/v1/users/import/undo', { people }));
    for (const result of results) counts[result] += 1;
    progress({ ...beginning, rows: at + people.length, bytes: at + people.length });
  }
  terminal.progress();
  return counts;
}
