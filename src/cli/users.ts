import { z } from 'zod';
import { usernameKey } from '../identity/index.ts';
import type { Arguments, Run } from './command.ts';
import { commandLine } from './command-line.ts';
import { type Door, throughDoor } from './door.ts';
import { failure, usageFault } from './errors.ts';
import { generatePassword, readSecret } from './password.ts';
import { type Terminal, tableOf } from './terminal.ts';

const person = z.object({
  id: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  email_unreadable: z.boolean().default(false),
  roles: z.array(z.string()),
  disabled: z.boolean(),
  created_at: z.string(),
  email_verified: z.boolean().default(false),
  second_factor: z.boolean().default(false),
});
const invited = z.object({
  id: z.string(),
  email: z.string(),
  expires_at: z.string(),
  mailed: z.boolean(),
  link: z.string().nullable(),
});
const resetLink = z.object({ token: z.string(), link: z.string().nullable(), expires_at: z.string() });
const removedCount = z.object({ removed: z.int() });
const endedCounts = z.object({
  email: z.enum(['none', 'confirmed', 'unconfirmed', 'unreadable']),
  sessions: z.int(),
  api_keys: z.int(),
  factors: z.int(),
  kept: z.array(z.string()),
});
const recoveryCode = z.object({ code: z.string() });
const page = z.object({ items: z.array(person), next_after: z.string().nullable() });

type Person = z.output<typeof person>;

const STATES: Readonly<Record<z.output<typeof endedCounts>['email'], string>> = {
  none: 'there is none',
  confirmed: 'confirmed by a mail, whoever read it',
  unconfirmed: 'set, and never confirmed by a mail',
  unreadable: 'does not open',
};

const PAGE = 1_000;

/** `users add <username>`. */
export const addUser: Run = async (args, terminal) => {
  const username = args.operand(0);
  const roles = namesOf(args, 'role');
  const { password, generated } = await newPassword(args);
  const email = args.text('email');
  return throughDoor(args, terminal, 'makes', async (door) => {
    const made = person.parse(await door.call('POST', '/v1/users', { username, password, roles, email }));
    tell(terminal, made, `Made ${wordsOf(made)}.`, generated);
    return 0;
  });
};

/** `users list`. */
export const listUsers: Run = async (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const people: Person[] = [];
    for await (const one of peopleOf(door, args.flag('without-tenant'))) people.push(one);
    const rows = people.map((one) => [
      one.username,
      emailOf(one),
      one.roles.join(', '),
      one.disabled ? 'disabled' : 'enabled',
      one.second_factor ? 'yes' : 'no',
      one.created_at,
      one.id,
    ]);
    terminal.answer(people, tableOf(['username', 'e-mail', 'roles', 'state', 'second factor', 'created', 'id'], rows));
    return 0;
  });

function emailOf({ email, email_unreadable: isUnreadable, email_verified: isVerified }: Person): string {
  if (isUnreadable) return 'does not open';
  return email === null || isVerified ? (email ?? '') : `${email} (not confirmed)`;
}

/** `users email <username>`: sets or takes away. */
export const setEmail: Run = (args, terminal) => {
  const address = args.text('set');
  if ((address === undefined) === !args.flag('remove')) throw usageFault('Give either --set ADDRESS or --remove.');
  return change(args, terminal, { email: address ?? null }, 'Changed the e-mail address of');
};

/** `users disable <username>`: ends every session. */
export const disableUser: Run = (args, terminal) => change(args, terminal, { disabled: true }, 'Disabled');

/** `users enable <username>`. */
export const enableUser: Run = (args, terminal) => change(args, terminal, { disabled: false }, 'Enabled');

/** `users roles <username>`: replaces them. */
export const setRoles: Run = (args, terminal) => change(args, terminal, { roles: namesOf(args, 'role') }, 'Changed');

/** `users password <username>`: a new one, which ends every session. */
export const setPassword: Run = async (args, terminal) => {
  const { password, generated } = await newPassword(args);
  return change(args, terminal, { password }, 'Changed the password and ended the sessions of', generated);
};

/** `users delete <username>`: for good, so it has to be said twice. */
export const deleteUser: Run = (args, terminal) => {
  const name = args.operand(0);
  if (!args.flag('yes'))
    throw usageFault(
      `There is no undo: add --yes, or keep them out with: ${commandLine(args, 'users', 'disable', name)}`,
    );
  return withPerson(args, terminal, async (door, { id, username }) => {
    await door.call('DELETE', pathOf(id));
    terminal.answer({ id, username, deleted: true }, `Deleted ${username}; the name is free again.`);
  });
};

/** `users invite <email>`. */
export const inviteUser: Run = async (args, terminal) => {
  const email = args.operand(0);
  const roles = namesOf(args, 'role');
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const made = invited.parse(await door.call('POST', '/v1/invitations', { email, roles }));
    const how = made.mailed ? 'A mail with the link is on its way.' : 'No mail was sent.';
    const link = made.link === null ? '' : `\nLink (shown once): ${made.link}`;
    terminal.answer(made, `Invited ${email} until ${made.expires_at}. ${how}${link}`);
    return 0;
  });
};

/** `users compromised <username>`: ends whatever lets anybody in. */
export const secureUser: Run = (args, terminal) =>
  withPerson(args, terminal, async (door, { id, username }) => {
    const wish = { reason: args.text('reason'), keep_factors: args.flag('keep-factors') };
    const ended = endedCounts.parse(await door.call('POST', `${pathOf(id)}/compromised`, wish));
    const { sessions, api_keys: keys, factors, kept, email } = ended;
    const told = `Ended ${sessions} sessions, ${keys} API keys and ${factors} second factors of ${username}; the password is good no longer.`;
    const stays = kept.length === 0 ? '' : `\nLeft as they were: ${kept.join(', ')}. Whoever was inside may know them.`;
    const address = ['users', 'email', username, '--set', 'ADDRESS'];
    const next = [
      `No mail resets the password any more, for whoever was inside may read them. The e-mail address: ${STATES[email]}.`,
      `To let them in again: ${commandLine(args, 'users', 'reset-password', username)}`,
      `To allow such mails, once you know whose address it is: ${commandLine(args, ...address)}`,
    ].join('\n');
    terminal.answer({ id, username, ...ended }, `${told}${stays}\n${next}`);
  });

/** `users reset-password <username>`: a link for them to choose a new one; the old one is good until it is used. */
export const resetPassword: Run = (args, terminal) =>
  withPerson(args, terminal, async (door, { id, username }) => {
    const made = resetLink.parse(await door.call('POST', `${pathOf(id)}/password-reset`));
    const secret = made.link ?? made.token;
    const what = made.link === null ? 'Token for POST /v1/password/reset' : 'Link';
    terminal.answer(
      { id, username, ...made },
      `${what} for ${username}, until ${made.expires_at} (shown once): ${secret}`,
    );
  });

/** `users reset-mfa <username>`: takes every second factor away. */
export const resetFactors: Run = (args, terminal) =>
  withPerson(args, terminal, async (door, { id, username }) => {
    const { removed } = removedCount.parse(await door.call('DELETE', `${pathOf(id)}/factors`));
    terminal.answer(
      { id, username, removed },
      `Removed ${removed} second factors of ${username}, and ended the sessions.`,
    );
  });

/** `users recovery-code <username>`: stands once for the second factor, which stays. */
export const issueRecoveryCode: Run = (args, terminal) =>
  withPerson(args, terminal, async (door, { id, username }) => {
    const { code } = recoveryCode.parse(await door.call('POST', `${pathOf(id)}/recovery`));
    terminal.answer({ id, username, code }, `Recovery code for ${username} (shown once): ${code}`);
  });

const pathOf = (id: string): string => `/v1/users/${encodeURIComponent(id)}`;

function withPerson(
  args: Arguments,
  terminal: Terminal,
  work: (door: Door, subject: Person) => Promise<void>,
): Promise<number> {
  return throughDoor(args, terminal, 'needs data', async (door) => {
    await work(door, await findPerson(door, args));
    return 0;
  });
}

async function change(
  args: Arguments,
  terminal: Terminal,
  wish: object,
  verb: string,
  generated?: string,
): Promise<number> {
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const { id } = await findPerson(door, args);
    const changed = person.parse(await door.call('PATCH', pathOf(id), wish));
    tell(terminal, changed, `${verb} ${wordsOf(changed)}.`, generated);
    return 0;
  });
}

function tell(terminal: Terminal, subject: Person, sentence: string, generated: string | undefined): void {
  const secret = generated === undefined ? {} : { password: generated };
  const text = generated === undefined ? sentence : `${sentence}\nPassword (shown once): ${generated}`;
  terminal.answer({ ...subject, ...secret }, text);
}

const wordsOf = ({ username, roles }: Person): string =>
  `${username} (${roles.length === 0 ? 'no role: may do nothing yet' : roles.join(', ')})`;

async function newPassword(args: Arguments): Promise<{ readonly password: string; readonly generated?: string }> {
  if (args.flag('password-stdin')) return { password: await readSecret('password') };
  const generated = generatePassword();
  return { password: generated, generated };
}

/** Repeated options and lists with commas: `--role analyst,viewer`. */
export function namesOf(args: Arguments, option: string): readonly string[] {
  const names = args.list(option).flatMap((text) => text.split(','));
  if (names.includes('')) throw usageFault(`--${option} has an empty name`);
  return names;
}

async function* peopleOf(door: Door, withoutTenant = false): AsyncGenerator<Person> {
  let after = '';
  for (;;) {
    const query = new URLSearchParams({ after, limit: String(PAGE), without_tenant: String(withoutTenant) });
    const { items, next_after } = page.parse(await door.call('GET', `/v1/users?${query}`));
    yield* items;
    if (next_after === null) return;
    after = next_after;
  }
}

/** Whom the first operand names, as a person types it: width and case do not tell people apart. Also one who belongs to no tenant any more. */
export async function findPerson(door: Door, args: Arguments): Promise<Person> {
  const username = args.operand(0);
  const key = usernameKey(username);
  for (const withoutTenant of [false, true])
    for await (const one of peopleOf(door, withoutTenant)) if (usernameKey(one.username) === key) return one;
  throw failure(`There is nobody called ${username} in this tenant; see: ${commandLine(args, 'users', 'list')}`);
}
