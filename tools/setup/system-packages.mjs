import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { puttingRight } from './interrupt.mjs';
import { onPath } from './path.mjs';
import { run } from './run.mjs';

const INSTALL = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
const PATIENCE_MS = 300_000;

/** Debian asks this file before it starts a service; ours says no, for a Redis on the standard port is nobody's wish. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY = '#!/bin/sh\n# From the set-up of Twinkeep. If it still stands here, remove it.\nexit 101\n';

/** Where Debian puts modules of Python. */
const PYTHON_MODULES = '/usr/lib/python3/dist-packages';

/** Where Debian puts servers, which is not on everybody's path. */
const SERVERS = ['/usr/sbin', '/usr/local/sbin'];
const isServer = (name) => onPath(name) !== undefined || SERVERS.some((folder) => existsSync(`${folder}/${name}`));

/** What the suites speak to beside Node: a Redis, an old back end that speaks Socket.IO, proxies that ask us, and what firewalls are made of. */
const PACKAGES = [
  { name: 'redis-server', isThere: () => onPath('redis-server') !== undefined },
  ...['nginx', 'haproxy', 'caddy'].map((name) => ({ name, isThere: () => isServer(name) })),
  ...['shellcheck', 'ufw', 'iptables', 'openssl'].map((name) => ({ name, isThere: () => isServer(name) })),
  { name: 'nftables', isThere: () => isServer('nft') },
  { name: 'iproute2', isThere: () => isServer('ip') || existsSync('/sbin/ip') },
  { name: 'python3-flask-socketio', isThere: () => existsSync(`${PYTHON_MODULES}/flask_socketio`) },
  { name: 'python3-eventlet', isThere: () => existsSync(`${PYTHON_MODULES}/eventlet`) },
];

const missing = () => PACKAGES.filter(({ isThere }) => !isThere()).map(({ name }) => name);

/** Fetches what is missing from the system's packages where possible; never fails, for the other suites do without. */
export function installSystemPackages({ say }) {
  const wanted = missing();
  if (wanted.length === 0) return undefined;
  const names = wanted.join(', ');
  const without =
    process.env.CI === 'true' ? 'the suites that need it will fail' : 'the suites that need it are skipped';
  if (process.getuid?.() !== 0 || onPath('apt-get') === undefined) {
    say(`not on this system: ${names}; only root on a system with apt-get can add it here; ${without}.`);
    return undefined;
  }
  say(`installing ${names} with apt-get, because the tests start their own servers.`);
  return puttingRight(async (afterwards) => {
    forbidServices(afterwards);
    let outcome = await apt([...INSTALL, ...wanted], afterwards);
    if (outcome.failure !== undefined) {
      await apt(['update'], afterwards);
      outcome = await apt([...INSTALL, ...wanted], afterwards);
    }
    const left = missing();
    if (outcome.failure === undefined && left.length === 0) return;
    const why = outcome.failure && (outcome.output.trim().split('\n').at(-1) || outcome.failure);
    say(`apt-get could not install ${left.join(', ')} (${why ?? 'it is not there afterwards'}); ${without}.`);
  });
}

function forbidServices(afterwards) {
  try {
    writeFileSync(POLICY_FILE, POLICY, { mode: 0o755, flag: 'wx' });
  } catch {
    // The system has a policy of its own, or a killed run left ours.
  }
  afterwards(() => {
    if (readOr(POLICY_FILE, '') === POLICY) rmSync(POLICY_FILE, { force: true });
  });
}

function apt(args, afterwards) {
  const path = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`; // dpkg needs them, and npm may not have them
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive' };
  return run('apt-get', args, { env, timeout: PATIENCE_MS, afterwards });
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
