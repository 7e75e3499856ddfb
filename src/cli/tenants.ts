import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { tableOf } from './terminal.ts';

const tenant = z.object({ id: z.string(), name: z.string(), created_at: z.string() });
const tenants = z.object({ items: z.array(tenant) });

/** `tenants create <id>`. */
export const createTenant: Run = (args, terminal) =>
  throughDoor(args, terminal, 'makes', async (door) => {
    const wish = { id: args.operand(0), name: args.text('name') };
    const made = tenant.parse(await door.call('POST', '/v1/tenants', wish));
    terminal.answer(made, `Made the tenant ${made.id} (${made.name}).`);
    return 0;
  });

/** `tenants list`. */
export const listTenants: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { items } = tenants.parse(await door.call('GET', '/v1/tenants'));
    const rows = items.map(({ id, name, created_at }) => [id, name, created_at]);
    terminal.answer(items, tableOf(['id', 'name', 'created'], rows));
    return 0;
  });
