import { z } from 'zod';
import { usernameKey } from '../identity/index.ts';
import type { Arguments, Run } from './command.ts';
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
});
const page = z.object({ items: z.array(person), next_after: z.string().nullable() });

type Person = z.output<typeof person>;

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
    for await (const one of peopleOf(door)) people.push(one);
    const rows = people.map((one) => [
      one.username,
      one.email_unreadable ? 'does not open' : (one.email ?? ''),
      one.roles.join(', '),
      one.disabled ? 'disabled' : 'enabled',
      one.created_at,
      one.id,
    ]);
    terminal.answer(people, tableOf(['username', 'e-mail', 'roles', 'state', 'created', 'id'], rows));
    return 0;
  });

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

async function change(
  args: Arguments,
  terminal: Terminal,
  wish: object,
  verb: string,
  generated?: string,
): Promise<number> {
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const { id } = await find(door, args.operand(0));
    const changed = person.parse(await door.call('PATCH', `/v1/users/${encodeURIComponent(id)}`, wish));
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

async function* peopleOf(door: Door): AsyncGenerator<Person> {
  let after = '';
  for (;;) {
    const query = new URLSearchParams({ after, limit: String(PAGE) });
    const { items, next_after } = page.parse(await door.call('GET', `/v1/users?${query}`));
    yield* items;
    if (next_after === null) return;
    after = next_after;
  }
}

/** By name as a person types it: width and case do not tell people apart. */
async function find(door: Door, username: string): Promise<Person> {
  const key = usernameKey(username);
  for await (const one of peopleOf(door)) if (usernameKey(one.username) === key) return one;
  throw failure(`There is nobody called ${username} in this tenant; see: twinkeep users list`);
}
