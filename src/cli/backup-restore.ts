import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backupFolderOf, type Config, masterKeyOf, ownerSocketOf, placeOf, restoreDepsOf } from '../app/index.ts';
import { KEYSTORE_FILE, type Restoration, type RestoreKey, restoreBackup } from '../backups/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { combineShares, parseMasterKey, readMasterKeyFile } from '../vault/index.ts';
import { warn } from './backup.ts';
import type { Arguments, Run } from './command.ts';
import { failure, usageFault } from './errors.ts';
import { isServed } from './folder.ts';
import { loadSettings } from './setting.ts';

const MOST_KEY_BYTES = 16_384;

/** `backup restore <FILE>`: needs no server, and refuses where one runs. */
export const restore: Run = async (args, terminal) => {
  const config = await loadSettings();
  if (await isServed(ownerSocketOf(config))) {
    throw failure(`A server runs on ${config.data}. Stop it first: nothing is restored under a running one.`);
  }
  const file = args.operand(0);
  const keystore = args.text('keystore') ?? join(dirname(file), KEYSTORE_FILE);
  for (const one of [file, keystore]) assertReadable(one);
  const key = await keyOf(args, config);
  assertStarts(config, key);
  const random = createSystemRandom();
  const done = await restoreBackup(
    { ...restoreDepsOf(config, systemClock, random), onProgress: (step) => terminal.progress(`${step} ...`) },
    {
      file,
      keystore,
      key,
      folder: config.data,
      database: placeOf(config),
      backups: backupFolderOf(config),
      keepsMaster: keepsMaster(config, key),
      replace: args.flag('replace'),
    },
  );
  terminal.progress();
  warn(terminal, warningsOf(done));
  const value = {
    ...done,
    createdAt: new Date(done.createdAt).toISOString(),
    moved: done.moved.map((one) => ({ ...one })),
  };
  terminal.answer({ ...value, destroyedKeys: [...done.destroyedKeys] }, textOf(done, config));
  return 0;
};

const UNPROVEN =
  'Nobody can tell who made this backup, for it was opened without a master key of yours. Whoever knows the age recipient can make such files, with people, rights and a master key of their own choice. Start what was restored only where you know that both files come from your own machine; or restore again with --share or --master-key-file, which proves it.';

/** @throws CLI_FAILED where what is restored could not start under the configured master key; nothing is written then */
function assertStarts({ masterKey, previousMasterKey }: Config, { master }: RestoreKey): void {
  if (masterKey === undefined || master === undefined) return;
  const configured = [masterKey, ...(previousMasterKey === undefined ? [] : [previousMasterKey])];
  if (configured.some((text) => isSame(parseMasterKey(text), master))) return;
  throw failure(
    'TWINKEEP_MASTER_KEY is another key than the one that was handed in for this backup: what is restored could not start. Set it to that key, or unset it; the key is then kept in the data folder.',
  );
}

/** A key that stands in for one in the folder, like that of a profile, must not take the place of another one. */
function keepsMaster(config: Config, { master }: RestoreKey): boolean {
  if (config.masterKey !== undefined || config.vault.provider !== undefined) return false;
  const standIn = masterKeyOf(config);
  return standIn === undefined || (master !== undefined && !isSame(parseMasterKey(standIn), master));
}

const isSame = (one: Secret<Uint8Array>, other: Secret<Uint8Array>): boolean =>
  Buffer.compare(one.reveal(), other.reveal()) === 0;

function warningsOf({ destroyedKeys, proven }: Restoration): readonly string[] {
  return [
    ...(destroyedKeys.length === 0
      ? []
      : [
          `Keys of this backup were destroyed since; what is sealed under them stays closed: ${destroyedKeys.join(', ')}`,
        ]),
    ...(proven ? [] : [UNPROVEN]),
  ];
}

function textOf(done: Restoration, config: Config): string {
  const at = new Date(done.createdAt).toISOString();
  const again = done.erased === 0 ? '' : ` ${done.erased} people who were erased since are erased again.`;
  const undo = done.moved.map(({ from, to }) => `Undo: move ${from} away where it is there, then: mv ${to} ${from}`);
  return [
    `Restored the backup of ${at} to ${config.data}: ${done.rows} rows in ${done.tables} tables.${again}`,
    `The audit log is whole, with ${done.auditEntries} entries; its newest says that it was restored.`,
    ...undo,
    'Start it: twinkeep serve',
  ].join('\n');
}

/** What opens the backup: what is named on the command line, else what the configuration holds. */
async function keyOf(args: Arguments, config: Config): Promise<RestoreKey> {
  const identityFile = args.text('identity');
  const identity = identityFile === undefined ? undefined : identityIn(identityFile);
  const master = await masterOf(args, config);
  if (master === undefined && identity === undefined) {
    throw usageFault(
      'backup restore needs what opens it: --share FILE (as many as are needed), --master-key-file FILE, or --identity FILE',
    );
  }
  return { master, identity };
}

async function masterOf(args: Arguments, config: Config): Promise<Secret<Uint8Array> | undefined> {
  const shares = args.list('share');
  const file = args.text('master-key-file');
  if (shares.length > 0 && file !== undefined) throw usageFault('backup restore takes shares or a master key file');
  if (shares.length > 0) return combineShares(shares.map((name) => ({ name, text: textIn(name) })));
  if (file !== undefined) {
    assertReadable(file);
    return readMasterKeyFile(file);
  }
  const configured = masterKeyOf(config);
  if (configured !== undefined) return parseMasterKey(configured);
  const own = join(config.data, 'master.key');
  return existsSync(own) && args.text('identity') === undefined ? readMasterKeyFile(own) : undefined;
}

/** A file as `age-keygen` writes it: comments, and one identity. */
function identityIn(file: string): Secret {
  const found = textIn(file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-1'));
  const [identity] = found;
  if (identity === undefined || found.length > 1) throw usageFault(`${file} must hold one AGE-SECRET-KEY-1… line`);
  return createSecret(identity);
}

function textIn(file: string): string {
  assertReadable(file);
  if (statSync(file).size > MOST_KEY_BYTES) throw usageFault(`${file} is too large to be a key`);
  return readFileSync(file, 'utf8');
}

function assertReadable(file: string): void {
  if (!existsSync(file) || !statSync(file).isFile()) throw usageFault(`there is no file ${file}`);
}
