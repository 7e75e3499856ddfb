import { z } from 'zod';
import { defineRoute, httpFault, ok, type Reply, type Route } from '../http/index.ts';
import { createExternal, type External, type ExternalDeps, type Outcome } from './external.ts';
import {
  columnNames,
  fieldText,
  type Offered,
  sealedItem,
  sealedItems,
  textItem,
  textItems,
} from './external-items.ts';
import { foldedEmail, foldedText } from './normalise.ts';
import type { FieldPlace } from './place.ts';

/** What a role or key may be allowed here. */
const vaultPermissions = ['seal:fields', 'open:fields'] as const;

const [SEAL, OPEN] = vaultPermissions;
/** A text of 65,536 bytes whose every character is escaped in JSON, and its place. */
const MAX_BODY_BYTES = 524_288;
const MAX_BATCH_BYTES = 4_194_304;
const MAX_PREFIX = 64;

const version = z.string().describe('Of the key that it is sealed under.');
const form = z.enum(['envelope', 'fernet', 'aes-gcm']).describe('How it was sealed; all but the first are legacy.');
const sealed = z.strictObject({ sealed: z.string(), version });
const opened = z.strictObject({ text: z.string(), version, form });
const rewrapped = sealed.extend({
  changed: z.boolean().describe('False where it was under the current version already.'),
  form: form.describe('How it was sealed before.'),
});
const itemError = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    at: z.string().describe('`/items/17/row`.'),
    reason: z.string(),
    version: z.string().optional().describe('The key version that is not known.'),
  }),
});

/** The room's part of the HTTP surface for values that others keep. */
export function vaultRoutes(deps: ExternalDeps): readonly Route[] {
  const external = createExternal(deps);
  return [
    sealOne(external),
    openOne(external),
    sealMany(external),
    openMany(external),
    rewrapMany(external),
    indexText(external),
  ];
}

/** What is sealed is never run or rendered here, whatever it says. */
const inspect = 'head' as const;

const sealOne = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/seal',
    detection: { unseen: ['body*'] },
    summary: 'Seals a value so that it opens at this table, column and row alone.',
    access: { kind: 'permission', permission: SEAL },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BODY_BYTES,
    body: textItem,
    replies: { 200: sealed },
    faults: ['VAULT_PROVIDER_AWAY', 'VAULT_KEY_SPENT'],
    handle: async ({ body: { text, ...place }, tenantId }) =>
      ok(await external.seal(tenantId, place, text), { records: 1, object: columnOf(place) }),
  });

const openOne = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/open',
    detection: { unseen: ['body*'] },
    summary: 'Opens a value at the place that it was sealed for; legacy values, which are bound to none, anywhere.',
    access: { kind: 'permission', permission: OPEN },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BODY_BYTES,
    body: sealedItem,
    replies: { 200: opened },
    faults: ['VAULT_UNREADABLE', 'VAULT_KEY_UNKNOWN', 'VAULT_PROVIDER_AWAY'],
    handle: async ({ body: { sealed: value, ...place }, tenantId }) =>
      ok(await external.open(tenantId, place, value), { records: 1, object: columnOf(place) }),
  });

const sealMany = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/seal/batch',
    detection: { unseen: ['body*'] },
    summary:
      'Seals up to 1,000 values, 4 MiB in all. Each answers for itself, in order; the status is that of the whole.',
    access: { kind: 'permission', permission: SEAL },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BATCH_BYTES,
    body: textItems,
    replies: { 200: batchReply(z.strictObject({ sealed: z.string() }), ['sealed']) },
    faults: ['VAULT_PROVIDER_AWAY', 'VAULT_KEY_SPENT'],
    handle: async ({ body, tenantId }) => batch(body, await external.sealMany(tenantId, body)),
  });

const openMany = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/open/batch',
    detection: { unseen: ['body*'] },
    summary:
      'Opens up to 1,000 values, 4 MiB in all. Each answers for itself, in order; the status is that of the whole.',
    access: { kind: 'permission', permission: OPEN },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BATCH_BYTES,
    body: sealedItems,
    replies: { 200: batchReply(opened, ['text', 'version', 'form']) },
    faults: ['VAULT_PROVIDER_AWAY'],
    handle: async ({ body, tenantId }) => batch(body, await external.openMany(tenantId, body)),
  });

const rewrapMany = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/rewrap/batch',
    detection: { unseen: ['body*'] },
    summary: 'Seals up to 1,000 values that are kept elsewhere anew, under the current key; legacy ones too.',
    access: { kind: 'permission', permission: SEAL },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BATCH_BYTES,
    body: sealedItems,
    replies: { 200: batchReply(rewrapped, ['sealed', 'version', 'changed', 'form']) },
    faults: ['VAULT_PROVIDER_AWAY', 'VAULT_KEY_SPENT'],
    handle: async ({ body, tenantId }) => batch(body, await external.rewrapMany(tenantId, body)),
  });

const indexed = z.strictObject({
  store: z.string().describe('To keep beside the sealed value.'),
  search: z.array(z.string()).describe('Every value to look for: after a rotation both sides are found.'),
});

const indexWish = z.strictObject({
  ...columnNames,
  text: fieldText,
  normalise: z
    .enum(['none', 'fold', 'email'])
    .default('none')
    .describe('`fold` joins compatibility forms, case and white space; `none` where the caller has done it.'),
  prefix: z.int().min(1).max(MAX_PREFIX).optional().describe('Characters that are looked for, from the beginning.'),
});

const NORMALISED = { none: (text: string) => text, fold: foldedText, email: foldedEmail };
const NOTHING_LEFT = { at: 'body/text', reason: 'must not be empty once it is normalised' };

/** In characters (code points); two UTF-16 units are the most that one takes. */
const beginningOf = (text: string, characters: number | undefined): string =>
  characters === undefined ? text : [...text.slice(0, characters * 2)].slice(0, characters).join('');

const indexText = (external: External): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/vault/index',
    detection: { unseen: ['body*'] },
    summary: 'Keyed digests by which a sealed value is found without being opened, in this column alone.',
    access: { kind: 'permission', permission: SEAL },
    inspect,
    records: 'read',
    maxBodyBytes: MAX_BODY_BYTES,
    body: indexWish,
    replies: { 200: indexed },
    faults: ['VAULT_PROVIDER_AWAY'],
    handle: async ({ body: { table, column, text, normalise, prefix }, tenantId }) => {
      const wanted = beginningOf(NORMALISED[normalise](text), prefix);
      if (wanted === '') throw httpFault('HTTP_INPUT_REFUSED', { errors: [NOTHING_LEFT] });
      const values = await external.index(tenantId, { table, column, prefix }, wanted);
      return ok(values, { records: 1, object: columnOf({ table, column }) });
    },
  });

/**
 * What a batch answers with. The items are looked at by hand, member by member: a schema would cost as much as the
 * sealing. OpenAPI is told the schema of one, and a test holds the two together.
 */
function batchReply(one: z.ZodType, members: readonly string[]) {
  const { $schema: _, ...item } = z.toJSONSchema(one);
  const { $schema: __, ...error } = z.toJSONSchema(itemError);
  const promised: ReadonlySet<string> = new Set(members);
  return z
    .custom<BatchReply>((body) => isBatchReply(body, promised))
    .meta({
      type: 'object',
      additionalProperties: false,
      required: ['failed', 'items'],
      properties: {
        failed: { type: 'integer', minimum: 0, description: 'How many of the items have an error.' },
        items: { type: 'array', items: { oneOf: [item, error] } },
      },
    });
}

interface BatchReply {
  readonly failed: number;
  readonly items: readonly Outcome<object>[];
}

const ERROR_MEMBERS: ReadonlySet<string> = new Set(['code', 'at', 'reason', 'version']);

/** Nothing leaves that is not promised: every item has each of its members and no other, and each is plain. */
function isBatchReply(body: unknown, members: ReadonlySet<string>): boolean {
  const { failed, items, ...rest } = Object(body);
  if (!Number.isSafeInteger(failed) || !Array.isArray(items) || Object.keys(rest).length > 0) return false;
  return items.every((item: unknown) => {
    const { error } = Object(item);
    return error === undefined ? hasOnly(item, members, members.size) : hasOnly(error, ERROR_MEMBERS, 3);
  });
}

function hasOnly(value: unknown, members: ReadonlySet<string>, least: number): boolean {
  let found = 0;
  for (const name in Object(value)) {
    const member: unknown = Object(value)[name];
    if (!members.has(name) || (typeof member !== 'string' && typeof member !== 'boolean')) return false;
    found += 1;
  }
  return found >= least;
}

function batch(offered: readonly Offered[], items: readonly Outcome<object>[]): Reply {
  const failed = items.filter((item) => 'error' in item).length;
  const object = columnOfAll(offered);
  return ok({ failed, items } satisfies BatchReply, { records: items.length - failed, ...(object ? { object } : {}) });
}

/** For the record: table and column, never the row, which may be a name. */
const columnOf = ({ table, column }: Pick<FieldPlace, 'table' | 'column'>): string => `external.${table}.${column}`;

/** The one column that a whole batch is about. */
function columnOfAll(offered: readonly Offered[]): string | undefined {
  let one: FieldPlace | undefined;
  for (const item of offered) {
    if (item.kind === 'flaw') continue;
    one ??= item.place;
    if (item.place.table !== one.table || item.place.column !== one.column) return undefined;
  }
  return one && columnOf(one);
}
