import { X509Certificate } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { days, systemClock } from '../kernel/clock.ts';
import type { Arguments, Run } from './command.ts';
import { failure, usageFault } from './errors.ts';
import { type KeyType, makeOwn, makeSet, type Pair, type PairWish } from './tls-make.ts';

const TYPES = ['rsa-4096', 'p-256', 'ed25519'] as const satisfies readonly KeyType[];
const DEFAULT_DAYS = 397;
const MOST_DAYS = 3_650;
const HOST = /^(\*\.)?(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** `tls generate`: needs no server, and makes no data. */
export const generateTls: Run = async (args, terminal) => {
  const wish = wishOf(args);
  const folder = args.text('out') ?? '';
  const withCa = args.flag('ca');
  const names = withCa ? ['ca', 'server', 'client'] : ['server'];
  if (!args.flag('force')) assertFree(folder, names);
  const pairs: Readonly<Record<string, Pair>> = withCa ? { ...(await makeSet(wish)) } : { server: await makeOwn(wish) };
  const made = writePairs(folder, pairs);
  const [, server] = fileNames(folder, 'server');
  const settings = {
    TWINKEEP_TLS_CERT_FILE: fileNames(folder, 'server')[0],
    TWINKEEP_TLS_KEY_FILE: server,
    ...(withCa ? { TWINKEEP_TLS_CLIENT_CA_FILE: fileNames(folder, 'ca')[0], TWINKEEP_TLS_CLIENTS: 'required' } : {}),
  };
  const lines = [
    ...made.map(({ file, sha256, until }) => `${file}  until ${until}\n  SHA-256 ${sha256}`),
    '',
    'To serve with it:',
    ...Object.entries(settings).map(([name, value]) => `  ${name}=${value}`),
    ...(withCa ? ['', `Keep ${fileNames(folder, 'ca')[1]} away from the server: whoever has it makes clients.`] : []),
  ];
  terminal.answer(
    { files: made.map(({ file, sha256, until }) => ({ file, sha256, until })), settings },
    lines.join('\n'),
  );
  return 0;
};

/** @throws CLI_USAGE */
function wishOf(args: Arguments): PairWish {
  const wanted = args.text('type') ?? 'p-256';
  const type = TYPES.find((known) => known === wanted);
  if (type === undefined) throw usageFault(`--type takes one of ${TYPES.join(', ')}`);
  const [first, ...others] = (args.text('host') ?? '').split(',').map((host) => host.trim());
  const hosts = [first ?? '', ...others] as const;
  const wrong = hosts.find((host) => isIP(host) === 0 && !HOST.test(host));
  if (wrong !== undefined) throw usageFault(`--host takes names and addresses, and "${wrong}" is neither`);
  const typed = args.text('days') ?? String(DEFAULT_DAYS);
  const count = Number(typed);
  if (!/^\d{1,4}$/.test(typed) || count < 1 || count > MOST_DAYS) throw usageFault(`--days takes 1 to ${MOST_DAYS}`);
  return { type, hosts: [hosts[0], ...hosts.slice(1)], lifeMs: days(count), now: systemClock.now() };
}

const fileNames = (folder: string, name: string): readonly [certificate: string, key: string] => [
  join(folder, `${name}.pem`),
  join(folder, `${name}.key`),
];

/** @throws CLI_FAILED before anything is made */
function assertFree(folder: string, names: readonly string[]): void {
  const there = names.flatMap((name) => fileNames(folder, name)).find((file) => existsSync(file));
  if (there !== undefined) throw failure(`${there} is there already; choose another folder, or say --force.`);
}

function writePairs(folder: string, pairs: Readonly<Record<string, Pair>>) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return Object.entries(pairs).map(([name, { certificate, key }]) => {
      const [certFile, keyFile] = fileNames(folder, name);
      writeWhole(keyFile, key, 0o600);
      writeWhole(certFile, certificate, 0o644);
      const { fingerprint256: sha256, validToDate } = new X509Certificate(certificate);
      return { file: certFile, key: keyFile, sha256, until: validToDate.toISOString() };
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw failure(`${folder} cannot be written to${code}.`, {}, error);
  }
}

/** Anew and for its owner from the first byte on; what was there under another mode would keep it. */
function writeWhole(file: string, text: string, mode: number): void {
  rmSync(file, { force: true });
  const handle = openSync(file, 'wx', mode);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  chmodSync(file, mode);
}
