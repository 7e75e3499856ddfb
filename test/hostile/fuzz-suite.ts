import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { z } from 'zod';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { call, signIn } from '../faults/call.ts';
import { chosenSeed, createDice, type Dice } from '../faults/dice.ts';
import { answerOf, type Recorder, startRecorder } from '../faults/gateway-recorder.ts';
import { type Place, sqlitePlace } from '../faults/places.ts';
import { endChild, logOf } from '../faults/start-victim.ts';
import { vectorTest } from '../vectors/vectors.ts';
import { type Fired, fireAll, type Shot } from './fuzz-client.ts';
import { configOf, type FuzzSize } from './fuzz-config.ts';
import { eachOf, placesOf, signInsOf } from './fuzz-places.ts';
import { throwShot } from './fuzz-shots.ts';
import { isLeased, isOperators, isSealing, type Operation, operationsOf } from './fuzz-surface.ts';

/** As many by a client that frames all well, and as many to the operator's door, but no more than an eighth of all. */
const FEW = 500;
/** Of those to the operator's door so many at most begin backups and trials, one by one, for they take long. */
const LEASED = 60;
const LANES = 12;
/** Until then so much is compiled, opened and kept once that growth says nothing. */
const WARM = 3_000;
const MAX_GROWTH = 40 * 1_048_576;
/**
 * The allocator keeps pages of what was held for a moment only: hashes, surfaces that were reloaded, and the threads of
 * backups and trials that the operator makes while it is shot at.
 */
const MAX_RESIDENT_GROWTH = 5 * MAX_GROWTH;
const STRINGS = 'robustness/naughty_strings.json';

const seed = chosenSeed();
let place: Place;
let recorder: Recorder;
let child: ChildProcess;
let log: () => string;
let address: string;
let operatorDoor: string;
let operations: readonly Operation[];

async function startServer(size: FuzzSize): Promise<void> {
  recorder = await startRecorder((request) =>
    request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n' : answerOf('seen'),
  );
  place = await sqlitePlace();
  const { data } = place.setting;
  const file = join(data, 'fuzz.config.json');
  await writeFile(file, JSON.stringify(configOf(data, recorder.url, size)));
  const env = {
    PATH: process.env['PATH'] ?? '',
    TWINKEEP_CONFIG: file,
    TWINKEEP_DATA: join(data),
    TWINKEEP_PORT: '0',
    TWINKEEP_LOG_LEVEL: 'error',
    TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD,
    MALLOC_ARENA_MAX: '1', // with an arena for each thread, what each once had for a moment stays resident
  };
  const server = new URL('./fuzz-server.ts', import.meta.url).pathname;
  child = spawn(process.execPath, ['--expose-gc', server], {
    cwd: data,
    env,
    stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
  });
  log = logOf(child);
  const said = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  const told = z.object({ address: z.string(), operatorPort: z.number() }).parse(said[0], { error: () => log() });
  address = told.address;
  operatorDoor = `http://127.0.0.1:${told.operatorPort}`;
  operations = operationsOf((await call(address, 'GET', '/openapi.json')).text);
}

async function endServer(): Promise<void> {
  await endChild(child, 'SIGKILL');
  await recorder.close();
  await place.remove();
}

/** What came of all shots, and which of them broke something. */
interface Tally {
  readonly statuses: Map<number, number>;
  /** How many of them by what was asked and answered. */
  readonly kinds: Map<string, number>;
  readonly reached: Set<string>;
  readonly flaws: string[];
  note(fired: Fired): void;
}

function createTally(): Tally {
  const statuses = new Map<number, number>();
  const kinds = new Map<string, number>();
  const reached = new Set<string>();
  const flaws: string[] = [];
  return {
    statuses,
    kinds,
    reached,
    flaws,
    note: ({ shot, status, text }) => {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 200 && status !== 404) reached.add(shot.name);
      const unanswered = status === 0 && !shot.alone;
      if (status < 500 && !unanswered) return;
      // Its lease of seconds is over at once by the clock of the fuzzer, so that a job makes another backup meanwhile.
      if (text.includes('"code":"BACKUP_FAILED"')) return;
      const kind = `${shot.name}: ${status} ${/"code":"(\w+)"/.exec(text)?.[1]}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      flaws.push(
        `${shot.name}: ${status} ${text.slice(-300)}\n  ${JSON.stringify(shot.bytes.toString('latin1').slice(0, 600))}`,
      );
    },
  };
}

function assertUnbroken(t: TestContext, { statuses, kinds, flaws }: Tally): void {
  const told = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  t.diagnostic(told.join(', '));
  for (const [kind, count] of kinds) t.diagnostic(`${count} times ${kind}`);
  assert.deepEqual(flaws.slice(0, 5), [], `${flaws.length} of them, seed ${seed}; ${log().slice(-2_000)}`);
  assert.equal(child.exitCode, null, `an error that nobody caught ended the server: ${log()}`);
}

const held = z.object({ rss: z.number(), held: z.number(), delayP99Ms: z.number() });

async function memory(): Promise<z.output<typeof held>> {
  const told = once(child, 'message');
  child.send('memory');
  return held.parse((await told)[0]);
}

interface Credentials {
  readonly lines: readonly string[];
  readonly best: string;
  readonly key: string;
  readonly ids: readonly string[];
}

async function credentials(): Promise<Credentials> {
  const token = await signIn(address);
  const made = await call(address, 'POST', '/v1/api-keys', {
    token,
    body: { name: 'fuzz', scopes: ['read:meter_data', 'write:meter_data', 'seal:fields', 'open:fields'] },
  });
  const ems = await call(address, 'POST', '/api/v1/auth/login', {
    body: { username: 'admin', password: KIT_PASSWORD },
  });
  const body = { username: `viewer${Date.now()}`, password: KIT_PASSWORD, roles: ['viewer'] };
  const viewer = await call(address, 'POST', '/v1/users', { token, body });
  assert.deepEqual([made.status, ems.status, viewer.status], [201, 200, 201], `${made.text}${ems.text}${viewer.text}`);
  const bearer = (text: string): string => `Authorization: Bearer ${text}`;
  const good = [bearer(token), `X-API-Key: ${made.json.key}`, bearer(ems.json.access_token)];
  const bad = [
    bearer(`${token.slice(0, -4)}AAAA`),
    'X-API-Key: tk_000000000000_x',
    bearer('a.b.c'),
    'Authorization: Basic YTpi',
    `${bearer(token)}\r\nX-API-Key: x`,
  ];
  return {
    lines: [...good, ...good, bearer(token), ...bad],
    best: `${bearer(token)}\r\n`,
    key: `X-API-Key: ${made.json.key}\r\n`,
    ids: [viewer.json.id, 'METER-1', 'x', '0', '__proto__', 'newest', 'v_20200101_000000_0000'],
  };
}

/** Signing out, or keys of tokens that are replaced in an emergency, would leave the rest with nobody who is known. */
const UNTRIED: ReadonlySet<string> = new Set([
  'POST /v1/logout',
  'POST /v1/logout-all',
  'POST /v1/tenant/logout-all',
  'POST /v1/platform/logout-all',
  'DELETE /v1/me',
  'POST /v1/token-keys/rotate',
]);
const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;
const tried = (): readonly Operation[] => operations.filter((one) => !UNTRIED.has(nameOf(one)));

function* shotsOf(
  dice: Dice,
  count: number,
  naughty: readonly string[],
  { lines, ids }: Credentials,
  usable = tried(),
): Generator<Shot> {
  for (let each = 0; each < count; each++)
    yield throwShot(dice, { operations: usable, naughty, credentials: lines, ids });
}

/** The same surface by a client that frames everything well. */
async function fetchSome(
  dice: Dice,
  naughty: readonly string[],
  { best, ids }: Credentials,
  tally: Tally,
  count: number,
): Promise<void> {
  for (let each = 0; each < count; each++) {
    const operation = dice.pick(operations.filter((one) => !UNTRIED.has(nameOf(one)) && !/login|users/.test(one.path)));
    const { method, path, body } = operation;
    const target = path.replaceAll(/\{\w+\}|\*/g, () =>
      dice.chance(0.5) ? dice.pick(ids) : encodeURIComponent(dice.pick(naughty).toWellFormed()),
    );
    const response = await fetch(address + target, {
      method,
      headers: {
        authorization: best.trim().slice(15),
        'content-type': 'application/json',
        'x-any': encodeURI(dice.pick(naughty).toWellFormed()),
      },
      ...(body === undefined
        ? {}
        : { body: JSON.stringify({ ...body, [dice.pick(Object.keys(body))]: dice.pick(naughty) }) }),
    });
    const shot = { name: `fetch ${method} ${path}`, bytes: Buffer.from(target), method, alone: false };
    tally.note({ shot, status: response.status, text: await response.text() });
  }
}

const strings = (text: string): readonly string[] => z.array(z.string()).min(200).parse(JSON.parse(text));

async function fireAtRandom(text: string, t: TestContext, shots: number): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const warmShots = Math.max(shots / 5, Math.min(WARM, shots / 2));
  const few = Math.min(FEW, Math.floor(shots / 8));
  const dice = createDice(seed);
  const naughty = strings(text);
  const known = await credentials();
  const tally = createTally();
  const others = tried().filter((one) => !isLeased(one));
  const asOperator = { ...known, lines: ['X-None: 0'] };
  const byOperator = async (count: number): Promise<void> => {
    const leased = Math.min(LEASED, Math.ceil(count / 16));
    const usable = tried().filter((one) => isOperators(one) && !isLeased(one));
    await fireAll(operatorDoor, shotsOf(dice, count - leased, naughty, asOperator, usable), LANES, tally.note);
    await fireAll(operatorDoor, shotsOf(dice, leased, naughty, asOperator, tried().filter(isLeased)), 1, tally.note);
  };
  await fireAll(address, shotsOf(dice, warmShots - few, naughty, known, others), LANES, tally.note);
  await byOperator(few);
  const warm = await memory();
  const started = performance.now();
  await fetchSome(dice, naughty, known, tally, few);
  await fireAll(address, shotsOf(dice, shots - warmShots - 2 * few, naughty, known, others), LANES, tally.note);
  await byOperator(few);
  const took = (performance.now() - started) / 1_000;
  const end = await memory();
  const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(1);
  t.diagnostic(
    `held ${mib(warm.held)} then ${mib(end.held)} MiB, resident ${mib(warm.rss)} then ${mib(end.rss)} MiB, ${took.toFixed(1)} s, event loop p99 ${end.delayP99Ms.toFixed(0)} ms`,
  );
  assertUnbroken(t, tally);
  const good = [...tally.statuses].reduce(
    (sum, [status, count]) => sum + (status >= 200 && status < 300 ? count : 0),
    0,
  );
  assert.ok(good > shots / 20, `only ${good} were good enough to be done`);
  const missed = tried()
    .map(nameOf)
    .filter((name) => !tally.reached.has(name));
  assert.deepEqual(missed, [], 'these were never reached');
  assert.ok(end.held - warm.held < MAX_GROWTH, `${mib(end.held - warm.held)} MiB more are held`);
  assert.ok(end.rss - warm.rss < MAX_RESIDENT_GROWTH, `${mib(end.rss - warm.rss)} MiB more are resident`);
}

async function fireEachString(text: string, t: TestContext, { oneOf, oneStringOf = 1 }: FuzzSize): Promise<void> {
  const tally = createTally();
  const { best, key } = await credentials();
  const naughty = strings(text).filter((_, at) => at % oneStringOf === seed % oneStringOf);
  const all = (usable: readonly Operation[], credential: string): Generator<Shot> =>
    eachOf(naughty, (one, turn) => placesOf({ naughty: one, operations: usable, credential, turn, oneOf }));
  const [operators = [], others = []] = [true, false].map((his) => tried().filter((one) => isOperators(one) === his));
  await Promise.all([
    fireAll(
      address,
      all(
        others.filter((one) => !isSealing(one)),
        best,
      ),
      LANES,
      tally.note,
    ),
    fireAll(address, all(others.filter(isSealing), key), LANES, tally.note),
    fireAll(
      operatorDoor,
      all(
        operators.filter((one) => !one.path.includes('config') && !isLeased(one)),
        '',
      ),
      2,
      tally.note,
    ),
    fireAll(operatorDoor, all(operators.filter(isLeased), ''), 1, tally.note),
    fireAll(address, eachOf(naughty, signInsOf), 2, tally.note), // few at a time, for each is a hash
  ]);
  assertUnbroken(t, tally);
}

/** So many attacks in the name of one person block them, which the operator lifts. */
async function liftAll(): Promise<void> {
  const { json } = await call(operatorDoor, 'GET', '/v1/blocks?kind=person');
  for (const { id } of json.items)
    assert.equal((await call(operatorDoor, 'DELETE', `/v1/blocks/${id}`)).status, 204, 'a block is lifted');
}

async function assertWhole(): Promise<void> {
  await liftAll();
  const token = await signIn(address);
  const answers = await Promise.all(
    ['/v1/me', '/v1/readings', '/v1/audit/entries', '/ready'].map((path) => call(address, 'GET', path, { token })),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const { json } = await call(address, 'GET', '/v1/audit/checkpoint', { token });
  await endChild(child, 'SIGTERM');
  assert.equal(child.exitCode, 0, log());
  const storage = await place.open();
  try {
    const report = await verifyLog(storage, { key: readVerifier(json.verifier), since: json.checkpoint });
    assert.deepEqual(report.flaws, []);
    assert.ok(report.entries > 1_000);
  } finally {
    await storage.close();
  }
}

export function fuzzSuite(size: FuzzSize): void {
  const { shots, own, proxied } = size;
  before(() => startServer(size));
  after(endServer);

  // Attack: whatever there is, at everything there is, for as long as it takes to find what nobody thought of.
  vectorTest(
    `${shots} generated requests break nothing, and fill no memory, while detection is in ${own} and ${proxied}`,
    STRINGS,
    (text, t) => fireAtRandom(text, t, shots),
  );

  vectorTest('no string breaks anything in any place', STRINGS, (text, t) => fireEachString(text, t, size));

  test('after all that the server answers, stops in order, and its log is whole', assertWhole);
}
