import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { durationS } from './duration.ts';
import { failure, usageFault } from './errors.ts';
import { tableOf } from './terminal.ts';
import { namesOf } from './users.ts';

const key = z.object({
  id: z.string(),
  prefix: z.string(),
  legacy: z.boolean(),
  name: z.string(),
  scopes: z.array(z.string()),
  created_by: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  last_used_at: z.string().nullable(),
  certificate_sha256: z.string().nullable(),
});
const newKey = key.extend({ key: z.string() });
const keys = z.object({ items: z.array(key) });
const counts = z.object({ added: z.int(), kept: z.int(), ended: z.int(), revoked: z.int(), other_scopes: z.int() });

const MAX_FILE_BYTES = 1_048_576;

/** `api-keys create <name>`. */
export const createKey: Run = async (args, terminal) => {
  const life = lifeOf(args.text('expires-in'));
  const wish = { name: args.operand(0), scopes: namesOf(args, 'scope'), ...life, ...boundTo(args.text('certificate')) };
  return throughDoor(args, terminal, 'makes', async (door) => {
    const made = newKey.parse(await door.call('POST', '/v1/api-keys', wish));
    const until = made.expires_at === null ? 'does not expire' : `expires ${made.expires_at}`;
    const sentence = `Made the key ${made.name} (${made.scopes.join(', ')}; ${until}), id ${made.id}.`;
    terminal.answer(made, `${sentence}\nKey (shown once): ${made.key}`);
    return 0;
  });
};

/** `api-keys list`. */
export const listKeys: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const { items } = keys.parse(await door.call('GET', '/v1/api-keys'));
    const rows = items.map((one) => [
      one.name,
      one.legacy ? 'legacy' : one.certificate_sha256 === null ? 'own' : 'bound',
      one.scopes.join(', '),
      one.prefix,
      one.expires_at ?? 'never',
      one.last_used_at ?? 'never',
      one.id,
    ]);
    terminal.answer(items, tableOf(['name', 'kind', 'scopes', 'prefix', 'expires', 'last used', 'id'], rows));
    return 0;
  });

/** `api-keys import <FILE>`: the hashes of another system's keys, never the keys. */
export const importKeys: Run = (args, terminal) => {
  const file = args.operand(0);
  const body = { keys: readKeyFile(file), scopes: namesOf(args, 'scope'), replace: args.flag('replace') };
  return throughDoor(args, terminal, 'makes', async (door) => {
    const done = counts.parse(await door.call('POST', '/v1/api-keys/import', body));
    const { added, kept, ended, revoked, other_scopes: unlike } = done;
    const stays = revoked === 0 ? '' : `, ${revoked} were revoked here and stay so`;
    const others = unlike === 0 ? '' : `; ${unlike} of the kept have other scopes and keep them`;
    terminal.answer(done, `From ${file}: ${added} added, ${kept} kept, ${ended} ended${stays}${others}.`);
    return 0;
  });
};

/** @throws CLI_FAILED for what is no certificate */
function boundTo(file: string | undefined): { readonly certificate_sha256?: string } {
  if (file === undefined) return {};
  try {
    return { certificate_sha256: new X509Certificate(readFileSync(file)).fingerprint256 };
  } catch (error) {
    throw failure(`${file} is no certificate in PEM that can be read.`, {}, error);
  }
}

/** @throws CLI_FAILED for what is no file of JSON; what stands in it is for the server to judge */
function readKeyFile(file: string): unknown {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw failure(`There is no file ${file}.`);
  if (!found.isFile()) throw failure(`${file} is not a file.`);
  if (found.size > MAX_FILE_BYTES) throw failure(`${file} is larger than ${MAX_FILE_BYTES} bytes.`);
  try {
    return JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
  } catch {
    throw failure(`${file} cannot be read as JSON.`); // the parser's own words quote the file
  }
}

/** `api-keys revoke <id>`. */
export const revokeKey: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const id = args.operand(0);
    await door.call('DELETE', `/v1/api-keys/${encodeURIComponent(id)}`);
    terminal.answer({ id, revoked: true }, `Revoked the key ${id}.`);
    return 0;
  });

/** @throws CLI_USAGE for anything but a number and one of s, m, h, d */
function lifeOf(text: string | undefined): { readonly expires_in?: number } {
  if (text === undefined) return {};
  const length = durationS(text);
  if (length === 0) throw usageFault('--expires-in takes a number with s, m, h or d, like 90d');
  return { expires_in: length };
}
