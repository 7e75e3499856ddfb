/**
 * Holds `src/` to the rooms of ARCHITECTURE.md: `node tools/check-rooms.mjs [folder of the repository]`.
 * Prints a line per fault (`src/x/y.ts:12 rule: reason`) and ends with 1, or one line of counts.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { factsOf } from './check-rooms/facts.mjs';

/** Rooms by floor. A room imports from lower floors only. */
const FLOORS = [
  ['kernel'],
  ['crypto', 'http', 'metrics', 'client'],
  ['storage'],
  ['vault', 'delivery'],
  ['audit'],
  [
    ...['tenants', 'identity', 'sessions', 'mfa', 'access', 'apikeys', 'limits', 'detection', 'gateway', 'readings'],
    ...['privacy', 'backups', 'migration', 'posture'],
  ],
  ['flows'],
  ['profiles'],
  ['app'],
  ['server', 'cli', 'testing'],
];

/** Packages with a room of their own; an entry ending in `/` stands for a scope. Tests and `testing` may import any. */
const PACKAGES = {
  pg: ['storage', 'migration'],
  'pg-copy-streams': ['storage'],
  ioredis: ['storage'],
  'node:sqlite': ['storage', 'migration', 'cli'],
  fastify: ['app', 'server'],
  '@fastify/': ['app', 'server'],
  pino: ['app', 'server', 'cli'],
  undici: ['gateway', 'delivery'],
  nodemailer: ['delivery'],
  '@node-rs/bcrypt': ['crypto'],
  'prom-client': ['metrics'],
  'age-encryption': ['backups'],
  'shamir-secret-sharing': ['vault'],
  '@simplewebauthn/': ['mfa'],
  otpauth: ['mfa'],
  qrcode: ['mfa'],
  'mmdb-lib': ['sessions'],
  '@zxcvbn-ts/': ['identity'],
  ws: ['gateway', 'readings'],
  'socket.io': ['readings'],
};

/** What only some places may do: why the others may not, and which may. Tests may do all of it. */
const CONFINED = {
  clock: {
    reason: 'the time comes in as a Clock (kernel/clock.ts), so that rules can be tested at any moment',
    allowed: /^(app|cli|server|testing)\/|^kernel\/clock\.ts$/,
  },
  random: {
    reason: 'randomness comes in as a Random (kernel/random.ts), so that rules can be tested with any',
    allowed: /^(app|cli|server|testing)\/|^kernel\/random\.ts$/,
  },
  env: {
    reason: 'app/config.ts alone reads the environment; a setting comes in as a value',
    allowed: /^(app|cli|server|testing)\//,
  },
  sql: {
    reason: 'SQL stands in store.ts, store-*.ts or *-store.ts, one place per room',
    allowed: /^storage\/|^migration\/(sqlite|postgres)|\/(store|store-[a-z0-9-]+|[a-z0-9-]+-store)\.ts$/,
  },
  'computed import': {
    reason: 'an import that is not a literal hides an edge from this check',
    allowed: /^(app|cli|server|testing)\//,
  },
};

const FORBIDDEN = {
  'export *': 'name what a room gives, so that nothing leaves it by accident',
  'default export': 'a named export has one name everywhere',
};

const MOST_LINES = { source: 350, test: 400 };
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const MIGRATION = /^\d{12}_[a-z0-9_]+$/;
const DRAWER = /^(common|misc)$|(^|-)(utils?|helpers?)(-|$)/;

const floorOf = new Map(FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor])));
const topFloor = FLOORS.length - 1;

/** @returns `{ faults: [{ path, line, rule, reason }], counts: { rooms, files, imports } }` of the repository at `root` */
export function checkRooms(root) {
  const source = join(root, 'src');
  const faults = [];
  const rooms = new Set();
  const counts = { rooms: 0, files: 0, imports: 0 };
  const paths = filesUnder(source).sort();
  for (const path of paths) {
    const fault = (line, rule, reason) => faults.push({ path: `src/${path}`, line, rule, reason });
    const file = { path, room: path.split('/')[0], isTest: /\.(test|contract)\.ts$/.test(path), fault };
    checkNames(file);
    if (!checkRoom(file)) continue;
    rooms.add(file.room);
    if (!path.endsWith('.ts')) continue;
    const text = readFileSync(join(source, path), 'utf8');
    const { imports, found } = factsOf(text);
    checkSize(file, text);
    for (const item of imports) checkImport(file, item);
    for (const item of found) checkFound(file, item);
    counts.files += 1;
    counts.imports += imports.length;
  }
  counts.rooms = rooms.size;
  return { faults, counts };
}

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'));
}

function checkNames({ path, fault }) {
  for (const part of path.split('/')) {
    const stem = part === basename(path) ? part.replace(/(\.(test|contract|d))?\.[a-z0-9]+$/, '') : part;
    const isMigration = path.includes('/migrations/') && MIGRATION.test(stem);
    if (!KEBAB.test(stem) && !isMigration) fault(1, 'kebab-case', `${part} should be in kebab-case`);
    if (DRAWER.test(stem)) fault(1, 'drawer', `${part} says nothing of what is inside; name what it does`);
  }
}

function checkRoom({ path, room, fault }) {
  if (!path.includes('/')) fault(1, 'room', 'a file in src/ must stand in a room');
  else if (!floorOf.has(room))
    fault(1, 'room', `${room} is not a room; rooms and floors stand in tools/check-rooms.mjs`);
  return floorOf.has(room);
}

function checkSize({ isTest, fault }, text) {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  const most = isTest ? MOST_LINES.test : MOST_LINES.source;
  if (lines > most) fault(most + 1, 'size', `${lines} lines, at most ${most}; split it by what it does`);
}

function checkFound({ path, isTest, fault }, { what, line }) {
  if (what in FORBIDDEN) fault(line, what, FORBIDDEN[what]);
  else if (!isTest && !CONFINED[what].allowed.test(path)) fault(line, what, CONFINED[what].reason);
}

function checkImport(file, { specifier, line }) {
  const fault = (rule, reason) => file.fault(line, rule, reason);
  if (/^twinkeep(\/|$)/.test(specifier)) return fault('own name', 'inside src/ a room is imported by its path');
  if (!specifier.startsWith('.')) return checkPackage(file, specifier, fault);
  const target = posix.join(posix.dirname(file.path), specifier);
  const room = target.split('/')[0];
  if (target.endsWith('.test.ts'))
    return fault('test import', `${specifier} is a test; what others use moves into a file of its own`);
  if (room === file.room) return undefined;
  if (room === '..')
    return file.isTest ? undefined : fault('outside', `${specifier} lies outside src/ and is not published`);
  if (!floorOf.has(room)) return fault('room', `${room} is not a room`);
  return checkEdge(file, { room, inner: target.slice(room.length + 1), fault });
}

/** From one room to another. */
function checkEdge({ room: from, isTest }, { room: to, inner, fault }) {
  if (to !== 'kernel' && inner !== 'index.ts') fault('index', `${to} is entered through its index.ts only`);
  if (isTest && (to === 'testing' || floorOf.get(from) === topFloor)) return;
  const rise = floorOf.get(to) - floorOf.get(from);
  if (rise === 0) fault('neighbour', `${from} and ${to} share floor ${floorOf.get(to)}; use a port, the bus or a flow`);
  if (rise > 0) fault('floor', `${from} (floor ${floorOf.get(from)}) must not know ${to} (floor ${floorOf.get(to)})`);
}

function checkPackage({ room, isTest }, specifier, fault) {
  if (isTest || room === 'testing') return;
  const entry = Object.entries(PACKAGES).find(([name]) => isWithin(specifier, name));
  if (entry === undefined || entry[1].includes(room)) return;
  fault('package', `${entry[0]} belongs to ${entry[1].join(' and ')}`);
}

const isWithin = (specifier, name) =>
  specifier === name || specifier.startsWith(name.endsWith('/') ? name : `${name}/`);

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { faults, counts } = checkRooms(process.argv[2] ?? dirname(import.meta.dirname));
  for (const { path, line, rule, reason } of faults) console.log(`${path}:${line} ${rule}: ${reason}`);
  console.log(
    faults.length === 0
      ? `check-rooms: ${counts.rooms} rooms, ${counts.files} files, ${counts.imports} imports, no fault`
      : `check-rooms: ${faults.length} fault${faults.length === 1 ? '' : 's'}`,
  );
  process.exitCode = faults.length === 0 ? 0 : 1;
}
