import { failure, usageFault } from './errors.ts';

/** One record of a file, as it was read. */
export type Found = Readonly<Record<string, unknown>>;

type Field = 'username' | 'passwordHash' | 'email' | 'roles' | 'disabled' | 'enabled' | 'createdAt';

/** The columns of a file, each field with all that may hold it: the likeliest first. */
export type Columns = Readonly<Record<Field, readonly string[]>>;

/** How systems call their columns, the likeliest first. */
const NAMES: Readonly<Record<Field, readonly string[]>> = {
  username: ['username', 'user_name', 'login', 'user', 'name', 'user_id', 'email'],
  passwordHash: ['password_hash', 'hashed_password', 'pw_hash', 'passwordhash', 'password', 'passwd', 'hash'],
  email: ['email', 'e_mail', 'email_address', 'mail'],
  roles: ['roles', 'role'],
  disabled: ['disabled', 'is_disabled'],
  enabled: ['enabled', 'is_enabled', 'active', 'is_active', 'isactive', 'activated', 'is_activated', 'account_active'],
  createdAt: ['created_at', 'created', 'date_joined', 'registered_at', 'registered_on'],
};

const STATES =
  'lock|locked|lockout|ban|banned|block|blocked|suspend|suspended|delete|deleted|deactivated|disabled|inactive|archived|removed|revoked|expired|expires|valid|closed|terminated|frozen|banished|pending|approved|enabled|active|status|state';
const MOST_SHOWN = 10;
/** What says of somebody, in words that are not ours, that they are not to come in. */
const STATE = new RegExp(
  `^(?:is_|was_|has_|not_|date_|user_|account_|login_)*(?:${STATES})(?:_(?:at|on|until|till|end|by|date|time|from|to|flag|reason))*$`,
);

/** Which columns of a file hold what, by their names. Of several of one field, every record has its own. */
export function columnsOf(names: Iterable<string>): Columns {
  const byName = grouped(names);
  const of = (field: Field): readonly string[] => NAMES[field].flatMap((name) => byName.get(name) ?? []);
  return {
    username: of('username').slice(0, 1), // people are called by one column: another may hold what is not their name
    passwordHash: of('passwordHash'),
    email: of('email'),
    roles: of('roles'),
    disabled: of('disabled'),
    enabled: of('enabled'),
    createdAt: of('createdAt'),
  };
}

/**
 * The columns of all records: one that the first lack, as JSON may have it, counts like any other.
 *
 * @param ignored columns that are left out, as the operator wishes
 * @throws CLI_FAILED where a column says of people that they may be shut out and is not one of those that are read here
 */
export function columnsOfAll(records: readonly Found[], ignored: readonly string[]): Columns {
  const names = new Set<string>();
  for (const record of records) for (const name of Object.keys(record)) names.add(name);
  const left = new Set(ignored.map(plain));
  const known = new Set([...names].map(plain));
  for (const name of left) if (records.length > 0 && !known.has(name)) throw usageFault(`there is no column ${name}`);
  const taken = [...names].filter((name) => !left.has(plain(name)));
  const columns = columnsOf(taken);
  const read = new Set(Object.values(columns).flat());
  const unread = taken.filter((name) => !read.has(name) && STATE.test(plain(name)));
  const telling = unread.filter((name) => records.some((record) => !isNothing(record[name])));
  if (telling.length === 0) return columns;
  const shown = telling.slice(0, MOST_SHOWN).map((name) => plain(name).slice(0, 64));
  const options = shown.map((name) => `--ignore-column ${name}`).join(' ');
  throw failure(
    `It is not known who may come in by ${shown.join(', ')}. Put that into a column "disabled", or let them all in by ${options}.`,
  );
}

/** Names as they are compared: `isActive`, `Is Active` and `is-active` are one. */
const plain = (name: string): string =>
  name
    .trim()
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');

function grouped(names: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, string[]>();
  for (const name of names) byName.set(plain(name), [...(byName.get(plain(name)) ?? []), name]);
  return byName;
}

/** The first of the columns that holds anything in a record. */
export const firstOf = (record: Found, columns: readonly string[]): unknown =>
  columns.map((column) => record[column]).find((value) => textOf(value) !== undefined && textOf(value) !== '');

/**
 * Whether a record says anywhere that its person is shut out. What is not understood says so too: whoever was kept out by
 * it must not get in by a word that we do not know.
 */
export function isShut(record: Found, { disabled, enabled }: Columns): boolean {
  const saysSo = disabled.some((column) => !isNothing(record[column]));
  return saysSo || enabled.some((column) => Object.hasOwn(record, column) && !isYes(record[column]));
}

/** As other systems' databases have it: bcrypt gives bytes. */
export const textOf = (value: unknown): string | undefined => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return value === undefined || value === null ? undefined : String(value).trim();
};

const isYes = (value: unknown): boolean => /^(1|1\.0|true|t|yes|y|on|active|enabled)$/i.test(textOf(value) ?? '');
const isNothing = (value: unknown): boolean => /^(|0|0\.0|false|f|no|n|off|none|null)$/i.test(textOf(value) ?? '');

/** For a refusal: what is looked for. */
export const KNOWN_NAMES = `${NAMES.username.join(', ')} and ${NAMES.passwordHash.join(', ')}`;
