import { z } from 'zod';
import { storableText } from '../http/index.ts';
import type { FieldPlace } from './place.ts';

/** What may stand in one request, and how large each part of it is. */
const MAX_ITEMS = 1_000;
const MAX_TEXT_BYTES = 65_536;
const MAX_NAME = 200;
/** The longest text sealed in the longest of the forms that are read, a Fernet token with its padding. */
const MAX_SEALED = 88_000;
const MAX_SHOWN_NAME = 64;

const name = storableText(1, MAX_NAME);
const row = storableText(0, MAX_NAME).describe('The key of the row; empty where the value belongs to none.');
const NAMES = { table: name, column: name, row };

/** A text that can be sealed: kept as it is by every program, and no longer than a field may be. */
export const fieldText = storableText(0, MAX_TEXT_BYTES)
  .refine(isShort, `must not be longer than ${MAX_TEXT_BYTES} bytes as UTF-8`)
  .describe('At most 65,536 bytes as UTF-8.');

/** A value as it was sealed, whatever its form: the key says whether it is one. */
const sealedText = z.string().min(1).max(MAX_SEALED).describe('An envelope `tk1.…`, or a legacy value.');

export const columnNames = { table: name, column: name };
export const textItem = z.strictObject({ ...NAMES, text: fieldText });
export const sealedItem = z.strictObject({ ...NAMES, sealed: sealedText });

/** One item of a batch: a value and its place, or what is wrong with it. */
export type Offered =
  | { readonly kind: 'value'; readonly place: FieldPlace; readonly value: string }
  | { readonly kind: 'flaw'; readonly at: string; readonly reason: string };

type Member = 'text' | 'sealed';

/** The items of a batch that carry texts. Each is read by itself: a bad one keeps no other out. */
export const textItems = batchOf('text', textItem);
/** The items of a batch that carry sealed values. */
export const sealedItems = batchOf('sealed', sealedItem);

/**
 * A body of many items. It is read by hand, for a schema would cost as much as the sealing; OpenAPI is told the schema
 * of one item, and a test holds the two together.
 */
function batchOf(member: Member, one: z.ZodType) {
  const { $schema: _, ...items } = z.toJSONSchema(one, { io: 'input' });
  return z
    .unknown()
    .meta({
      type: 'object',
      additionalProperties: false,
      required: ['items'],
      properties: { items: { type: 'array', minItems: 1, maxItems: MAX_ITEMS, items } },
    })
    .transform((body, issues): readonly Offered[] => {
      const flaw = flawOfBody(body);
      if (flaw === undefined) return itemsOf(body).map((item, at) => readItem(item, at, member));
      issues.addIssue({ code: 'custom', path: [...flaw.path], message: flaw.reason });
      return z.NEVER;
    });
}

function flawOfBody(body: unknown): { readonly path: readonly string[]; readonly reason: string } | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { path: [], reason: 'must be an object with items' };
  }
  const unknown = Object.keys(body).find((key) => key !== 'items');
  if (unknown !== undefined) return { path: [unknown.slice(0, MAX_SHOWN_NAME)], reason: 'is not a known field' };
  const { items }: { readonly items?: unknown } = body;
  if (!Array.isArray(items)) return { path: ['items'], reason: 'must be an array' };
  if (items.length >= 1 && items.length <= MAX_ITEMS) return undefined;
  return { path: ['items'], reason: `must have 1 to ${MAX_ITEMS} items` };
}

const itemsOf = (body: unknown): readonly unknown[] => Object(body).items;

function readItem(item: unknown, at: number, member: Member): Offered {
  if (typeof item !== 'object' || item === null) return flawAt(at, '', 'must be an object');
  for (const key in item) {
    if (key === 'table' || key === 'column' || key === 'row' || key === member) continue;
    return flawAt(at, `/${key.slice(0, MAX_SHOWN_NAME).toWellFormed()}`, 'is not a known field');
  }
  const { table, column, row, [member]: value }: Readonly<Record<string, unknown>> = Object(item);
  if (!isName(table)) return flawAt(at, '/table', NOT_A_NAME);
  if (!isName(column)) return flawAt(at, '/column', NOT_A_NAME);
  if (!isRow(row)) return flawAt(at, '/row', NOT_A_ROW);
  const isValue = member === 'text' ? isFieldText : isSealedText;
  if (!isValue(value)) return flawAt(at, `/${member}`, member === 'text' ? NOT_A_TEXT : NOT_A_VALUE);
  return { kind: 'value', place: { table, column, row }, value };
}

const NOT_A_NAME = `must be text of 1 to ${MAX_NAME} characters without NUL or a lone surrogate`;
const NOT_A_ROW = `must be text of at most ${MAX_NAME} characters without NUL or a lone surrogate`;
const NOT_A_TEXT = `must be text of at most ${MAX_TEXT_BYTES} bytes as UTF-8 without NUL or a lone surrogate`;
const NOT_A_VALUE = `must be text of 1 to ${MAX_SEALED} characters`;

const flawAt = (item: number, rest: string, reason: string): Offered => ({
  kind: 'flaw',
  at: `/items/${item}${rest}`,
  reason,
});

const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME && isStorable(value);

const isRow = (value: unknown): value is string => value === '' || isName(value);

const isFieldText = (value: unknown): value is string =>
  typeof value === 'string' && isShort(value) && isStorable(value);

const isSealedText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_SEALED;

/** Three bytes are the most that a UTF-16 unit takes: short texts needn't be counted. */
function isShort(text: string): boolean {
  return (
    text.length * 3 <= MAX_TEXT_BYTES || (text.length <= MAX_TEXT_BYTES && Buffer.byteLength(text) <= MAX_TEXT_BYTES)
  );
}
