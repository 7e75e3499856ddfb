import { createReadStream, readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CsvError, parse } from 'csv-parse';
import { emailAddress } from '../identity/index.ts';
import { failure, usageFault } from './errors.ts';
import { columnsOf, columnsOfAll, type Found, firstOf, isShut, KNOWN_NAMES, textOf } from './users-import-columns.ts';

export type PeopleFormat = 'json' | 'csv' | 'flask';

/** Somebody as a file has them: `place` is how a person finds the row again. */
export interface PersonRow {
  readonly place: string;
  readonly username: string;
  readonly passwordHash: string;
  readonly email: string | undefined;
  readonly roles: readonly string[];
  readonly disabled: boolean;
  readonly createdAt: string | undefined;
}

const MOST_BYTES = 268_435_456;
const MOST_ROWS = 500_000;
const MAX_RECORD_CHARACTERS = 65_536;

/** How a file is to be read. */
export interface ReadWish {
  /** Of a database; found by its columns unless told. */
  readonly table?: string | undefined;
  /** Columns that are left out. */
  readonly ignored?: readonly string[] | undefined;
}

/**
 * The people of a file, in order.
 *
 * @throws CLI_FAILED for a file that is not of the format, lacks a column, has one that may shut people out and is not
 *   understood, or is larger than 256 MiB or 500,000 people
 */
export async function readPeople(
  file: string,
  format: PeopleFormat,
  { table, ignored = [] }: ReadWish = {},
): Promise<readonly PersonRow[]> {
  const { size } = fileOf(file);
  if (size > MOST_BYTES) throw failure(`${file} has more than ${MOST_BYTES} bytes; split it.`);
  switch (format) {
    case 'json':
      return rowsOf(jsonOf(file), (at) => `entry ${at + 1}`, { head: 'file', ignored });
    case 'csv':
      return csvOf(file, ignored);
    case 'flask':
      return databaseOf(file, table, ignored);
  }
}

/** What a file is by its name: `.csv`, `.json`, or a database. */
export function formatOf(file: string, given: string | undefined): PeopleFormat {
  switch (given ?? extname(file).toLowerCase()) {
    case 'json':
    case '.json':
      return 'json';
    case 'csv':
    case '.csv':
      return 'csv';
    case 'flask':
    case '.db':
    case '.sqlite':
    case '.sqlite3':
      return 'flask';
    default:
      throw usageFault('--from must be json, csv or flask (a SQLite file)');
  }
}

function fileOf(file: string): { readonly size: number } {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw failure(`There is no file ${file}.`);
  if (!found.isFile()) throw failure(`${file} is not a file.`);
  return found;
}

function jsonOf(file: string): readonly Found[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw failure(`${file} is not JSON.`, {}, error);
  }
  if (!Array.isArray(value)) throw failure(`${file} must be a JSON array of people.`);
  return value.map((entry, at) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      throw failure(`Entry ${at + 1} of ${file} is no object.`);
    }
    return Object.fromEntries(Object.entries(entry));
  });
}

async function csvOf(file: string, ignored: readonly string[]): Promise<readonly PersonRow[]> {
  const source = createReadStream(file);
  const parser = parse({
    bom: true,
    columns: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_CHARACTERS,
  });
  source.once('error', (error) => parser.destroy(error));
  const records: Found[] = [];
  const lines: number[] = [];
  try {
    for await (const item of source.pipe(parser)) {
      const { record, info }: { record: Found; info: { lines: number } } = item; // its shape follows from the options above
      records.push(record);
      lines.push(info.lines);
      if (records.length > MOST_ROWS) throw tooMany(file);
    }
  } catch (error) {
    const line = csvLine(error);
    if (line === undefined) throw error;
    throw failure(`Line ${line} of ${file} is not CSV, or has another number of columns than the first.`, {}, error);
  } finally {
    source.destroy();
  }
  return rowsOf(records, (at) => `line ${lines[at]}`, { head: 'first line', ignored });
}

function csvLine(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error) || !/^CSV_|QUOTE/.test(String(error.code))) return undefined;
  const { lines }: Partial<CsvError> & { lines?: unknown } = Object(error);
  return Number(lines);
}

/** Read-only: what the other system still writes, journal included, is seen and left as it is. */
function databaseOf(file: string, table: string | undefined, ignored: readonly string[]): readonly PersonRow[] {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true });
    const name = table ?? tableOf(db, file);
    const rows = db.prepare(`select * from main.${quoted(name)} limit ${MOST_ROWS + 1}`).all();
    return rowsOf(rows, (at) => `row ${at + 1} of ${name}`, { head: `table ${name}`, ignored });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') throw error;
    throw failure(`${file} cannot be read as a SQLite database: ${error.message}.`, {}, error);
  } finally {
    db?.close();
  }
}

function tableOf(db: DatabaseSync, file: string): string {
  const tables = db.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'").all();
  const columns = db.prepare('select name from pragma_table_info(?)');
  const fitting = tables
    .map(({ name }) => String(name))
    .filter((name) => {
      const { username, passwordHash } = columnsOf(columns.all(name).map((column) => String(column['name'])));
      return username.length > 0 && passwordHash.length > 0;
    });
  const [only, second] = fitting;
  if (only === undefined) throw failure(`No table of ${file} has columns for a user name and a password hash.`);
  if (second !== undefined)
    throw usageFault(`several tables may be meant: give --table ${fitting.join(' or --table ')}`);
  return only;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const tooMany = (file: string): Error => failure(`${file} has more than ${MOST_ROWS} people; split it.`);

function rowsOf(
  records: readonly Found[],
  placeOf: (at: number) => string,
  { head, ignored }: { readonly head: string; readonly ignored: readonly string[] },
): readonly PersonRow[] {
  if (records.length > MOST_ROWS) throw tooMany('The file');
  const columns = columnsOfAll(records, ignored);
  const isWhole = columns.username.length > 0 && columns.passwordHash.length > 0;
  if (records.length > 0 && !isWhole)
    throw failure(`The ${head} names no column for a user name and a password hash; known are ${KNOWN_NAMES}.`);
  return records.map((record, at) => {
    const username = textOf(firstOf(record, columns.username)) ?? '';
    return {
      place: placeOf(at),
      username,
      passwordHash: textOf(firstOf(record, columns.passwordHash)) ?? '',
      email: textOf(firstOf(record, columns.email)) ?? addressOf(username),
      roles: listOf(firstOf(record, columns.roles)),
      disabled: isShut(record, columns),
      createdAt: timeOf(firstOf(record, columns.createdAt)),
    };
  });
}

/** Who is called by an address has it: sign-in takes addresses for names, so nobody is called by another's. */
const addressOf = (username: string): string | undefined => emailAddress.safeParse(username).data;

function listOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  const text = textOf(value) ?? '';
  if (text.startsWith('[')) {
    try {
      return listOf(JSON.parse(text));
    } catch {
      return [text]; // no list after all: it is refused by its name
    }
  }
  return text.split(/[,;|]/).flatMap((name) => name.trim() || []);
}

/** Python writes `2024-08-27 14:05:23.123456`, in UTC where it says nothing; other numbers are seconds since 1970, or milliseconds. */
function timeOf(value: unknown): string | undefined {
  const text = textOf(value) ?? '';
  if (text === '') return undefined;
  if (/^\d{12,13}$/.test(text)) return new Date(Number(text)).toISOString();
  if (/^\d{9,10}(\.\d+)?$/.test(text)) return new Date(Number(text) * 1_000).toISOString();
  const iso = text.replace(' ', 'T').replace(/\.(\d{3})\d+/, '.$1');
  if (/^\d{4}-\d\d-\d\d$/.test(iso)) return `${iso}T00:00:00Z`;
  return /(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`;
}
