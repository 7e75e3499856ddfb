import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askForLoad, figuresOf } from './ask-load.ts';
import type { Contender, Server, Stage } from './contender.ts';
import { measureRefresh } from './fleet/refresh.ts';
import { measureRevocation } from './fleet/revocation.ts';
import type { LoadJob } from './load/job.ts';
import { microResult } from './micro/job.ts';
import { residentMiB } from './proc.ts';
import type { Entrant, LoadRow, MicroRow, Row, ScaleRow, StartRow } from './rows.ts';
import { type Figures, medians } from './stats.ts';

export interface Effort {
  readonly rounds: number;
  readonly starts: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly bulkBodies: number;
  /** How many are live, and how many are open. */
  readonly sessions: number;
  readonly sockets: number;
}

export const FULL: Effort = {
  rounds: 3,
  starts: 5,
  warmupMs: 2_000,
  measureMs: 5_000,
  bulkBodies: 8,
  sessions: 1_000_000,
  sockets: 5_000,
};
export const QUICK: Effort = {
  rounds: 1,
  starts: 2,
  warmupMs: 700,
  measureMs: 1_500,
  bulkBodies: 2,
  sessions: 200_000,
  sockets: 600,
};

export interface Line {
  readonly label: string;
  readonly outcome:
    | { readonly kind: 'measured'; readonly figures: Figures }
    | { readonly kind: 'failed' | 'skipped'; readonly reason: string };
}

export interface Bench {
  readonly stage: Stage;
  /** A folder for the data of servers; the bench removes it at its end. */
  readonly folder: string;
  readonly effort: Effort;
  readonly say: (line: string) => void;
}

const MICRO = new URL('./micro.ts', import.meta.url);
const REST_MS = 3_000;
const SLACK_MS = 60_000;
const NO_LIMIT = 1_000_000_000;

/** Measures one row. Whatever goes wrong with one contender is its own line; the others are measured all the same. */
export function measure(bench: Bench, row: Row): Promise<readonly Line[]> {
  switch (row.kind) {
    case 'load':
      return measureLoad(bench, row, (entrant, server, seed) => load(bench, row, entrant, server, seed));
    case 'scale':
      return measureLoad(bench, row, (entrant, server) => scale(bench, row, entrant, server));
    case 'micro':
      return inRounds(bench, row.entrants, (entrant) => measureMicro(bench, entrant));
    case 'start':
      return inRounds({ ...bench, effort: { ...bench.effort, rounds: 1 } }, labelled(row), ({ contender }) =>
        measureStart(bench, contender),
      );
    case 'refresh':
      return measureRefresh(bench, row);
    case 'revocation':
      return measureRevocation(bench, row);
  }
}

const labelled = (row: StartRow) => row.entrants.map((contender) => ({ label: contender.name, contender }));

/** One contender after the other, round after round and each round in another order; the medians of the rounds count. */
async function inRounds<E extends { readonly label: string }>(
  { effort, say }: Bench,
  entrants: readonly E[],
  once: (entrant: E) => Promise<Figures>,
): Promise<readonly Line[]> {
  const measured = entrants.map((): Figures[] => []);
  const failures: (string | undefined)[] = entrants.map(() => undefined);
  for (let round = 0; round < effort.rounds; round += 1) {
    for (let turn = 0; turn < entrants.length; turn += 1) {
      const i = (turn + round) % entrants.length;
      const entrant = entrants[i];
      if (entrant === undefined || failures[i] !== undefined) continue;
      say(`  round ${round + 1}: ${entrant.label}`);
      try {
        measured[i]?.push(await once(entrant));
      } catch (error) {
        failures[i] = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return entrants.map(({ label }, i): Line => {
    const reason = failures[i];
    if (reason !== undefined) return { label, outcome: { kind: 'failed', reason } };
    return { label, outcome: { kind: 'measured', figures: medians(measured[i] ?? []) } };
  });
}

/** All contenders of the row run at once, and only one is under load; those that the machine lacks are left out. */
async function measureLoad<E extends Entrant>(
  bench: Bench,
  { entrants }: { readonly entrants: readonly E[] },
  loadOnce: (entrant: E, server: Server, seed: number) => Promise<Figures>,
): Promise<readonly Line[]> {
  const servers = new Map<Contender, Promise<Server>>();
  const nextSeed = seeds();
  const serverOf = (contender: Contender): Promise<Server> => {
    const known = servers.get(contender);
    if (known !== undefined) return known;
    const started = contender.start(bench.stage, mkdtempSync(join(bench.folder, 'server-')));
    servers.set(contender, started);
    return started;
  };
  const present = entrants.filter(({ contender }) => contender.lacks?.() === undefined);
  try {
    const lines = await inRounds(bench, present, async (entrant) =>
      loadOnce(entrant, await serverOf(entrant.contender), nextSeed()),
    );
    return entrants.map(
      ({ label, contender }): Line =>
        lines[present.findIndex((one) => one.label === label)] ?? {
          label,
          outcome: { kind: 'skipped', reason: contender.lacks?.() ?? 'nothing is known of it' },
        },
    );
  } finally {
    for (const started of await Promise.allSettled(servers.values())) {
      if (started.status === 'fulfilled') await started.value.stop();
    }
  }
}

function seeds(): () => number {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}

async function load(
  { stage, effort }: Bench,
  row: LoadRow,
  entrant: Entrant,
  server: Server,
  seed: number,
): Promise<Figures> {
  const byCount = row.lines > 1 && row.repeats !== true;
  const limit = (ms: number, requests: number) => (byCount ? { ms: NO_LIMIT, requests } : { ms, requests: NO_LIMIT });
  const job: LoadJob = {
    ...jobOf(entrant, server),
    wrk: row.byWrk === true ? stage.wrk : undefined,
    connections: row.connections,
    warmup: limit(effort.warmupMs, 1),
    measure: limit(effort.measureMs, effort.bulkBodies),
    seed,
    ...(server.loopFile === undefined ? {} : { loopFile: server.loopFile }),
  };
  return figuresOf(await askForLoad(stage, effort, job), row.lines);
}

/** `capacity` is what the threads reach where nobody takes their cores: the load does, on a machine with few. */
async function scale(
  { stage, effort }: Bench,
  row: ScaleRow,
  entrant: ScaleRow['entrants'][number],
  server: Server,
): Promise<Figures> {
  const job: LoadJob = {
    ...jobOf(entrant, server),
    wrk: stage.wrk,
    connections: row.connections,
    warmup: { ms: effort.warmupMs, requests: NO_LIMIT },
    measure: { ms: effort.measureMs, requests: NO_LIMIT },
    seed: 0,
  };
  const figures = figuresOf(await askForLoad(stage, effort, job), 1);
  return { ...figures, capacity: (1_000_000 / (figures['cpuUs'] ?? Number.NaN)) * entrant.threads };
}

const jobOf = (entrant: Entrant, server: Server) => ({
  ...entrant.request(server, entrant.contender),
  port: server.port,
  pids: [server.pid, ...server.helpers.map(({ pid }) => pid)],
});

async function measureMicro({ stage, effort }: Bench, { name }: MicroRow['entrants'][number]): Promise<Figures> {
  const job = { name, warmupMs: effort.warmupMs / 2, measureMs: effort.measureMs / 2 };
  const timeoutMs = effort.warmupMs + effort.measureMs + SLACK_MS;
  const result = await stage.children.ask(MICRO, job, { timeoutMs, parse: (answer) => microResult.parse(answer) });
  if (result.kind === 'failed') throw new Error(result.reason);
  return { perSecond: result.perSecond, p50: result.p50Us, p99: result.p99Us, cpuUs: result.cpuUs };
}

async function measureStart({ stage, folder, effort }: Bench, contender: Contender): Promise<Figures> {
  const place = mkdtempSync(join(folder, 'start-'));
  const startOnce = async (restMs: number): Promise<Figures> => {
    const server = await contender.start(stage, place);
    try {
      await delay(restMs);
      return { readyMs: server.readyMs, memoryMiB: residentMiB(server.pid) };
    } finally {
      await server.stop();
    }
  };
  const first = await startOnce(0); // makes the folder, keys and caches that later starts find
  const later: Figures[] = [];
  for (let i = 0; i < effort.starts; i += 1) later.push(await startOnce(REST_MS));
  return { ...medians(later), firstMs: first['readyMs'] ?? Number.NaN };
}
