import { createReadStream } from 'node:fs';
import { type CsvError, parse } from 'csv-parse';
import { failure } from './errors.ts';

/** One row of the file. `line` is where it begins, from 1 as an editor counts; `end` the byte behind it. */
export type CsvRow = { readonly line: number; readonly end: number } & (
  | { readonly kind: 'reading'; readonly json: string }
  | { readonly kind: 'bad'; readonly field: string | null; readonly reason: string }
  /** The last: what follows makes no sense as CSV any more. */
  | { readonly kind: 'broken'; readonly reason: string }
);

const REQUIRED = ['meter_id', 'timestamp', 'energy_consumption'] as const;
const OPTIONAL = ['power_factor', 'location'] as const;
const MAX_RECORD_CHARACTERS = 65_536;
const REPLACEMENT = '\uFFFD';

type Column = (typeof REQUIRED)[number] | (typeof OPTIONAL)[number];
type Header = { readonly width: number; readonly at: Readonly<Record<Column, number>> };

/** What `csv-parse` gives for a record with `info: true`. */
interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly bytes: number; readonly empty_lines: number };
}

/**
 * The rows of a CSV file, in order, read as they are asked for.
 *
 * @param onIgnored hears of columns that no reading has
 * @throws CLI_FAILED when the header lacks a column, or the file is no text
 */
export async function* readRows(file: string, onIgnored: (columns: readonly string[]) => void): AsyncGenerator<CsvRow> {
  const source = createReadStream(file);
  const parser = parse({
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true, // a row of another length is told of with its line, and does not end the import
    max_record_size: MAX_RECORD_CHARACTERS,
  });
  source.once('error', (error) => parser.destroy(error));
  const lines = createLineCounter();
  let header: Header | undefined;
  try {
    for await (const item of source.pipe(parser)) {
      const parsed: Parsed = item; // typed as any: its shape follows from the options above
      const line = lines.next(parsed);
      if (header === undefined) header = readHeader(parsed.record, onIgnored);
      else yield { line, end: parsed.info.bytes, ...readRow(header, parsed.record) };
    }
  } catch (error) {
    const reason = csvReason(error);
    if (reason === undefined) throw error;
    if (header === undefined) throw failure(`${file} is not CSV: ${reason}`, {}, error);
    yield { line: lines.following(), end: 0, kind: 'broken', reason: `is not CSV: ${reason}` };
  } finally {
    source.destroy();
  }
  if (header === undefined) throw failure(`${file} is empty`);
}

/** The parser counts a CR LF inside of quotes twice, so lines are counted here. */
function createLineCounter(): { next(parsed: Parsed): number; following(): number } {
  let following = 1;
  let blank = 0;
  return {
    next: ({ record, info }) => {
      const line = following + info.empty_lines - blank;
      blank = info.empty_lines;
      following = line + 1;
      for (const value of record) if (value.includes('\n')) following += value.split('\n').length - 1;
      return line;
    },
    following: () => following,
  };
}

function readHeader(names: readonly string[], onIgnored: (columns: readonly string[]) => void): Header {
  const missing = REQUIRED.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    const list = missing.length === 1 ? `column ${missing[0]}` : `columns ${missing.join(', ')}`;
    const separator = names.length === 1 && /[;\t]/.test(names[0] ?? '') ? '; columns are separated by commas' : '';
    throw failure(`The first line lacks the ${list}${separator}.`);
  }
  const known: readonly string[] = [...REQUIRED, ...OPTIONAL];
  const twice = known.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw failure(`The first line has the column ${twice} twice.`);
  const ignored = names.filter((name) => !known.includes(name));
  if (ignored.length > 0) onIgnored(ignored);
  const at = (name: Column): number => names.indexOf(name);
  return {
    width: names.length,
    at: {
      meter_id: at('meter_id'),
      timestamp: at('timestamp'),
      energy_consumption: at('energy_consumption'),
      power_factor: at('power_factor'),
      location: at('location'),
    },
  };
}

type Content =
  | { readonly kind: 'reading'; readonly json: string }
  | { readonly kind: 'bad'; readonly field: string | null; readonly reason: string };

/** A row as the line of JSON that is sent. What it says is judged by the server alone. */
function readRow({ width, at }: Header, record: readonly string[]): Content {
  if (record.length !== width) {
    return { kind: 'bad', field: null, reason: `has ${record.length} columns and the first line has ${width}` };
  }
  if (record.some((value) => value.includes(REPLACEMENT))) return { kind: 'bad', field: null, reason: 'is not UTF-8' };
  const cell = (name: Column): string => record[at[name]] ?? '';
  const factor = cell('power_factor');
  const location = cell('location');
  const json = JSON.stringify({
    meter_id: cell('meter_id'),
    timestamp: cell('timestamp'),
    energy_consumption: numberOf(cell('energy_consumption')),
    ...(factor === '' ? {} : { power_factor: numberOf(factor) }),
    ...(location === '' ? {} : { location }),
  });
  return { kind: 'reading', json };
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** What is no number goes as it stands, and comes back as a flaw of its field. */
const numberOf = (text: string): number | string => (NUMBER.test(text) ? Number(text) : text);

function csvReason(error: unknown): string | undefined {
  const code: CsvError['code'] | undefined = error instanceof Error && 'code' in error ? Object(error).code : undefined;
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quote is opened and never closed';
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'something stands behind a closing quote';
    case 'INVALID_OPENING_QUOTE':
      return 'a quote stands inside of a value that has none around it';
    case 'CSV_MAX_RECORD_SIZE':
      return `a row has more than ${MAX_RECORD_CHARACTERS} characters`;
    default:
      return undefined;
  }
}
