import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/kernel/clock.ts';
import { platform } from '../../src/kernel/tx.ts';
import { sealedFields } from '../../src/readings/index.ts';
import { createRewrap, type Rewrap } from '../../src/vault/index.ts';
import { createDice } from './dice.ts';
import { fill, type Ground, locationOf, METER, openGround, PLANT, placeOf, WRITTEN } from './rewrap-ground.ts';
import { endChild, logOf } from './start-victim.ts';

const VICTIM = new URL('./rewrap-victim.ts', import.meta.url).pathname;
const CACHE = new URL('../../node_modules/.cache/node', import.meta.url).pathname;
const LONGEST_MS = 150;
/** Each life numbers what it writes anew: its last write may be kept without having been acknowledged. */
const PER_LIFE = 100_000;
const LOST_MS = 30_000;
const VERSION_CHARS = 'v_YYYYMMDD_HHMMSS_xxxx'.length;

/** Says of each value how often it was sealed anew under each version: only what was committed counts. */
const TRIGGER = `
  create table touched (meter_id text, at integer, version text, times integer, primary key (meter_id, at, version));
  create trigger touch after update of location on reading begin
    insert into touched values (new.meter_id, new.at, substr(new.location, 5, ${VERSION_CHARS}), 1)
      on conflict (meter_id, at, version) do update set times = times + 1;
  end`;

type RewrapProgress = Awaited<ReturnType<Rewrap['status']>>[number];

interface Victim {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  /** Resolves once it has printed the line. @throws Error when it ends before */
  said(line: string): Promise<void>;
}

function startVictim(file: string): Victim {
  const env = { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: CACHE, DATABASE: file };
  const child = spawn(process.execPath, [VICTIM], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const log = logOf(child);
  const lines: string[] = [];
  let rest = '';
  let wake = (): void => undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    const found = `${rest}${chunk.toString()}`.split('\n');
    rest = found.pop() ?? ''; // a line that was cut by the kill was not said
    lines.push(...found);
    wake();
  });
  child.once('exit', () => wake());
  const timer = setTimeout(() => child.kill('SIGKILL'), LOST_MS);
  child.once('exit', () => clearTimeout(timer));
  return {
    child,
    lines,
    said: async (line) => {
      while (!lines.includes(line)) {
        if ((child.exitCode ?? child.signalCode) !== null) throw new Error(`it ended before it said ${line}: ${log()}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function newGround(t: TestContext, values: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-rewrap-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'twinkeep.db');
  const ground = await openGround(file);
  await fill(ground, values);
  await ground.storage.close();
  const raw = new DatabaseSync(file);
  raw.exec(TRIGGER);
  raw.close();
  return file;
}

async function rotate(file: string): Promise<string> {
  const { storage, vault } = await openGround(file);
  const { rotation, announce } = vault.dataKeys;
  await storage.write(platform, async (tx) => announce(tx, await rotation.follow(tx, PLANT, 'manual', 0)));
  const { version } = await vault.fields(PLANT);
  await storage.close();
  return version;
}

/** How hard it is tried. */
export interface RewrapBlows {
  readonly kills: number;
  /** Values to seal anew at each rotation. */
  readonly values: number;
}

/** Kills process after process that seals values anew, at random moments. @throws AssertionError naming what was not kept */
export async function killRewraps(t: TestContext, seed: number, { kills, values }: RewrapBlows): Promise<void> {
  t.diagnostic(`FAULT_SEED=${seed}`);
  const dice = createDice(seed);
  const file = await newGround(t, values);
  let target = await rotate(file);
  const written: number[] = [];
  const collect = ({ lines }: Victim) => written.push(...lines.map(Number).filter((at) => at > 0));
  let rotations = 1;
  let inside = 0;
  let next = startVictim(file);
  t.after(() => endChild(next.child, 'SIGKILL'));
  for (let kill = 1; kill <= kills; kill++) {
    const victim = next;
    await victim.said('loaded');
    next = startVictim(file); // it loads while the other one works, and touches nothing until it is told
    victim.child.stdin?.write(`${kill * PER_LIFE}\n`);
    if (dice.chance(0.8)) await victim.said('begun');
    await pause(dice.between(0, LONGEST_MS));
    await endChild(victim.child, 'SIGKILL');
    collect(victim);
    if (placeAfter(file, target) > 0) inside++;
    if (!victim.lines.includes('done')) continue;
    await assertWhole(file, target, { values, written });
    target = await rotate(file);
    rotations++;
  }
  await next.said('loaded');
  next.child.stdin?.write(`${(kills + 1) * PER_LIFE}\n`);
  await next.said('done');
  collect(next);
  await endChild(next.child, 'SIGKILL');
  const progress = await assertWhole(file, target, { values, written });
  assert.ok(inside >= kills / 5, `${inside} kills came in the middle of the walk`);
  t.diagnostic(
    `${kills} kills, ${inside} in the middle of the walk, over ${rotations} rotations of ${values} values, ${written.length} written meanwhile`,
  );
  assert.ok(progress.seen >= values);
}

/** How many values are sealed anew so far: those that the progress tells of, and no other. */
function placeAfter(file: string, target: string): number {
  const raw = new DatabaseSync(file, { readOnly: true });
  try {
    const told = raw.prepare('select done from vault_rewrap where target = ? and finished_at is null').get(target);
    const found = raw.prepare('select coalesce(sum(times), 0) as n from touched where version = ?').get(target);
    if (told !== undefined) assert.equal(found?.['n'], told['done'], 'values and progress are one write');
    return told === undefined ? 0 : Number(told['done']);
  } finally {
    raw.close();
  }
}

/** How many values there were before the first kill, and the numbers of those that were acknowledged since. */
interface Kept {
  readonly values: number;
  readonly written: readonly number[];
}

/** Every value opens to its text under the target, and was sealed under it once. */
async function assertWhole(file: string, target: string, { values, written }: Kept): Promise<RewrapProgress> {
  const raw = new DatabaseSync(file, { readOnly: true });
  const touched = raw
    .prepare('select count(*) as n, sum(meter_id = ?) as old, max(times) as most from touched where version = ?')
    .get(METER, target);
  assert.partialDeepStrictEqual({ ...touched }, { old: values, most: 1 });
  const all = raw.prepare('select meter_id, at, location from reading').all();
  raw.close();

  const { storage, vault } = await openGround(file);
  try {
    const sealer = await vault.fields(PLANT);
    const kept = new Set<number>();
    for (const row of all) {
      const key = { meter_id: String(row['meter_id']), at: Number(row['at']) };
      const sealed = String(row['location']);
      assert.ok(sealed.startsWith(`tk1.${target}.`), `${key.meter_id} ${key.at} is under another version`);
      assert.equal(sealer.open(placeOf(key), sealed), locationOf(key));
      if (key.meter_id === WRITTEN) kept.add(key.at);
    }
    assert.deepEqual(
      written.filter((at) => !kept.has(at)),
      [],
      'what was acknowledged is there',
    );
    return await assertDone({ storage, vault }, target, Number(touched?.['n']));
  } finally {
    await storage.close();
  }
}

/** @param count of values that were sealed anew: those from before, and what was written under earlier targets */
async function assertDone({ storage, vault }: Ground, target: string, count: number): Promise<RewrapProgress> {
  const onError = (error: unknown): never => assert.fail(String(error));
  const audit = { record: async () => undefined };
  const rewrap = createRewrap({
    vault,
    storage,
    audit,
    clock: systemClock,
    fields: sealedFields,
    holder: 'test',
    onError,
  });
  const [progress] = await rewrap.status();
  assert.ok(progress !== undefined);
  assert.partialDeepStrictEqual(progress, { target, done: count, unreadable: 0 });
  assert.notEqual(progress.finishedAt, undefined);
  for (const { version } of await vault.dataKeys.versions(PLANT)) {
    if (version !== target) assert.equal(await rewrap.countUnder(PLANT, version), 0);
  }
  return progress;
}
