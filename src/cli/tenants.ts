import { z } from 'zod';
import type { Run } from './command.ts';
import { commandLine } from './command-line.ts';
import { throughDoor } from './door.ts';
import { tableOf } from './terminal.ts';
import { findPerson, namesOf } from './users.ts';

const tenant = z.object({ id: z.string(), name: z.string(), created_at: z.string() });
const tenants = z.object({ items: z.array(tenant) });
const removed = z.object({ id: z.string(), roles: z.array(z.string()), ended: z.int() });

/** `tenants create <id>`. */
export const createTenant: Run = (args, terminal) =>
  throughDoor(args, terminal, 'makes', async (door) => {
    const wish = { id: args.operand(0), name: args.text('name') };
    const made = tenant.parse(await door.call('POST', '/v1/tenants', wish));
    terminal.answer(made, `Made the tenant ${made.id} (${made.name}).`);
    return 0;
  });

/** `tenants remove-member <username>`: the account stays, here it ends. */
export const removeMember: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { id, username } = await findPerson(door, args);
    const left = removed.parse(await door.call('DELETE', membershipOf(id)));
    const roles = left.roles.flatMap((role) => ['--role', role]);
    const undo = `To undo: ${commandLine(args, 'tenants', 'add-member', id, ...roles)}`;
    terminal.answer({ ...left, username }, `Removed ${username}, and ended ${left.ended} sessions.\n${undo}`);
    return 0;
  });

/** `tenants add-member <id>`: by id, for nobody can look into another tenant for a name. */
export const addMember: Run = (args, terminal) => {
  const [id, roles] = [args.operand(0), namesOf(args, 'role')];
  return throughDoor(args, terminal, 'needs data', async (door) => {
    await door.call('PUT', membershipOf(id), { roles });
    terminal.answer({ id, roles }, `Added ${id} (${roles.length === 0 ? 'no role' : roles.join(', ')}).`);
    return 0;
  });
};

const membershipOf = (id: string): string => `/v1/users/${encodeURIComponent(id)}/membership`;

/** `tenants list`. */
export const listTenants: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { items } = tenants.parse(await door.call('GET', '/v1/tenants'));
    const rows = items.map(({ id, name, created_at }) => [id, name, created_at]);
    terminal.answer(items, tableOf(['id', 'name', 'created'], rows));
    return 0;
  });
