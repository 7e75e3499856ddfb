import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import type { Arguments, Run } from './command.ts';
import { commandLine } from './command-line.ts';
import { throughDoor } from './door.ts';
import { failure, usageFault } from './errors.ts';
import { group } from './import-progress.ts';
import { finishRewrap, sentenceOf } from './keys-rewrap.ts';
import { tableOf } from './terminal.ts';

const keyVersion = z.object({
  version: z.string(),
  state: z.string(),
  algorithm: z.string(),
  reason: z.string(),
  seals: z.number(),
  external: z.boolean(),
  created_at: z.string(),
  active_at: z.string(),
  retired_at: z.string().nullable(),
  emptied_at: z.string().nullable(),
  destroyed_at: z.string().nullable(),
});
const keyStatus = z.object({
  tenant: z.string(),
  current_version: z.string(),
  days_until_rotation: z.number(),
  algorithm: z.string(),
  versions: z.array(keyVersion),
});
const keyStatuses = z.object({ items: z.array(keyStatus) });
const rotation = z.object({
  tenant: z.string(),
  old_version: z.string().nullable(),
  new_version: z.string(),
  active_at: z.string(),
});
const rotations = z.object({ items: z.array(rotation) });
const imported = z.object({ version: z.string(), algorithm: z.string(), is_new: z.boolean() });
const masterRotation = z.object({ old_master: z.string(), new_master: z.string(), keys: z.number() });

const masterStatus = z.object({
  id: z.string(),
  provider: z.string(),
  reachable: z.boolean(),
  reached_at: z.string(),
  grace_s: z.number(),
  earlier: z.array(z.string()),
  shares: z.object({ threshold: z.number(), count: z.number(), made_at: z.string() }).nullable(),
});

const MAX_KEY_FILE_BYTES = 4_096;
const KEY_BYTES = 32;

/** `keys status`. */
export const showKeys: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    if (args.flag('all')) {
      const { items } = keyStatuses.parse(await door.call('GET', '/v1/vault/keys/all'));
      terminal.answer(items, items.map(statusText).join('\n\n'));
      return 0;
    }
    const status = keyStatus.parse(await door.call('GET', '/v1/vault/keys'));
    terminal.answer(status, statusText(status));
    return 0;
  });

function statusText({ tenant, current_version, days_until_rotation, algorithm, versions }: z.output<typeof keyStatus>) {
  const rows = versions.map((one) => [
    one.version,
    one.state,
    one.algorithm,
    one.reason,
    group(one.seals),
    one.external ? 'yes' : 'no',
    one.created_at,
  ]);
  const head = `Tenant ${tenant}: ${current_version} (${algorithm}), ${days_until_rotation} days until rotation.`;
  return `${head}\n${tableOf(['version', 'state', 'algorithm', 'reason', 'seals', 'outside', 'made'], rows)}`;
}

/** `keys rotate`. */
export const rotateKeys: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const [all, urgent] = [args.flag('all'), args.flag('emergency')];
    const wish = { reason: urgent ? 'emergency' : 'manual' };
    const done = all
      ? rotations.parse(await door.call('POST', '/v1/vault/keys/rotate-all', wish)).items
      : [rotation.parse(await door.call('POST', '/v1/vault/keys/rotate', wish))];
    const lines = done.map((one) => `Tenant ${one.tenant}: ${one.new_version} follows ${one.old_version ?? 'none'}.`);
    const value = all ? done : (done[0] ?? {});
    if (!args.flag('wait')) {
      const next = 'Values are sealed anew in the background; wait for it: twinkeep keys rewrap --wait';
      terminal.answer(value, [...lines, next].join('\n'));
      return 0;
    }
    if (terminal.watched) terminal.say('The new keys seal from now on; what the old ones sealed is sealed anew.');
    const rewrap = await finishRewrap(door, terminal, { all, urgent });
    terminal.answer({ rotated: value, rewrap: { ...rewrap } }, [...lines, sentenceOf(rewrap)].join('\n'));
    return rewrap.unreadable.length === 0 ? 0 : 1;
  });

/** `keys import --from FORM --key-file F`. */
export const importKey: Run = async (args, terminal) => {
  const algorithm = args.text('from') ?? '';
  if (algorithm !== 'fernet' && algorithm !== 'aes-gcm') throw usageFault('--from takes fernet or aes-gcm');
  const key = keyIn(args.text('key-file') ?? '');
  return throughDoor(args, terminal, 'makes', async (door) => {
    const done = imported.parse(await door.call('POST', '/v1/vault/keys/import', { algorithm, key }));
    const destroy = commandLine(args, 'keys', 'destroy', done.version, '--external-rewrapped');
    const undo = `Undo, once nothing is left that it opens: ${destroy}`;
    const sentence = done.is_new
      ? `Imported the key as ${done.version}: it opens what the other program has sealed, and seals nothing.\n${undo}`
      : `The key is here already, as ${done.version}.`;
    terminal.answer(done, sentence);
    return 0;
  });
};

/** The key as text: such a file holds base64, or the 32 bytes themselves. @throws CLI_FAILED, without its contents */
function keyIn(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw failure(`There is no file ${file}.`);
  if (!found.isFile()) throw failure(`${file} is not a file.`);
  if (found.size > MAX_KEY_FILE_BYTES) throw failure(`${file} is too large to be a key.`);
  const bytes = readFileSync(file);
  return bytes.length === KEY_BYTES ? bytes.toString('base64') : bytes.toString('latin1').trim();
}

/** `keys destroy <version>`. */
export const destroyKey: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const version = args.operand(0);
    const tenant = args.flag('platform') ? { tenant: 'platform' } : {};
    const wish = { external_rewrapped: args.flag('external-rewrapped'), ...tenant };
    try {
      await door.call('POST', `/v1/vault/keys/${encodeURIComponent(version)}/destroy`, wish);
    } catch (error) {
      throw isFault(error, 'VAULT_KEY_NEEDED') ? failure(needOf(args, version, error), {}, error) : error;
    }
    const sentence = `Destroyed the key ${version}: what is still sealed under it opens nowhere any more.`;
    terminal.answer({ version, destroyed: true }, sentence);
    return 0;
  });

/** What still needs a key, and what to do about it. */
function needOf(args: Arguments, version: string, { facts }: TwinkeepError): string {
  const { current, values, backups, external, until } = facts;
  const rotate = commandLine(args, 'keys', 'rotate', ...(args.flag('platform') ? ['--all'] : []));
  const needs = [
    current === true ? `it is the one that seals: ${rotate}` : '',
    Number(values) > 0 ? `${group(Number(values))} values are under it: twinkeep keys rewrap --wait` : '',
    Array.isArray(backups) && backups.length > 0 ? `backups need it: ${backups.join(', ')}` : '',
    external === true ? 'values outside may be under it; where they were sealed anew, say --external-rewrapped' : '',
    typeof until === 'string' ? `what was sealed under it may be in use until ${until}` : '',
  ].filter((need) => need !== '');
  return [`The key ${version} is still needed:`, ...needs.map((need) => `  ${need}`)].join('\n');
}

/** `keys master status`. */
export const showMaster: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const status = masterStatus.parse(await door.call('GET', '/v1/vault/master'));
    const { id, provider, reachable, reached_at, grace_s, earlier, shares } = status;
    const standing = reachable ? 'answers' : `away since ${reached_at}; open keys go on for ${grace_s} s`;
    const lines = [
      `Master key ${id}, kept by: ${provider} (${standing}).`,
      earlier.length === 0 ? 'It wraps every key.' : `Keys are still under: ${earlier.join(', ')}. Keep those at hand.`,
      shares === null
        ? 'It has no recovery shares: twinkeep shares make'
        : `Any ${shares.threshold} of the ${shares.count} shares of ${shares.made_at} give it back.`,
    ];
    terminal.answer(status, lines.join('\n'));
    return 0;
  });

/** `keys master rotate`. */
export const rotateMaster: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const done = masterRotation.parse(await door.call('POST', '/v1/vault/master/rotate'));
    const { old_master: before, new_master: now, keys } = done;
    const copies = 'Recovery shares and copies of the old one do not give the new: twinkeep shares make';
    terminal.answer(done, `The master key ${now} follows ${before}; ${group(keys)} keys were wrapped anew.\n${copies}`);
    return 0;
  });
