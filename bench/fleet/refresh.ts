import { randomBytes } from 'node:crypto';
import { askForLoad, figuresOf } from '../ask-load.ts';
import type { LoadJob } from '../load/job.ts';
import type { Bench, Line } from '../measure.ts';
import { residentMiB } from '../proc.ts';
import type { RefreshRow } from '../rows.ts';
import { type Figures, medians } from '../stats.ts';
import { type Fleet, openFleet } from './processes.ts';
import { seedPeople, seedSessions } from './seed.ts';

/** More than the few can be refreshed in all rounds. */
const FEW = 50_000;
const NO_LIMIT = 1_000_000_000;

/** Sessions `first` to `first + count` of the seed. */
interface Range {
  readonly seed: string;
  readonly first: number;
  readonly count: number;
}

/** The same load on few sessions and then on many. Each session is refreshed once, for its owner by their own device. */
export async function measureRefresh(bench: Bench, row: RefreshRow): Promise<readonly Line[]> {
  const { effort, say } = bench;
  const labels = [FEW, effort.sessions].map((count) => `${count.toLocaleString('en')} live sessions`);
  const [few = '', many = ''] = labels;
  const lines: Line[] = [];
  try {
    const fleet = await openFleet(bench, {});
    if ('lacks' in fleet) return labels.map((label) => ({ label, outcome: { kind: 'skipped', reason: fleet.lacks } }));
    try {
      const seed = randomBytes(8).toString('hex');
      const importer = await fleet.start();
      await seedPeople(importer, say);
      await importer.stop();
      await seedSessions(fleet.database, seed, { from: 0, to: FEW }, say);
      lines.push(await lineOf(bench, row, few, fleet, { seed, first: 0, count: FEW }));
      await seedSessions(fleet.database, seed, { from: FEW, to: effort.sessions }, say);
      lines.push(await lineOf(bench, row, many, fleet, { seed, first: FEW, count: effort.sessions - FEW }));
    } finally {
      await fleet.stop();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    for (const label of labels.slice(lines.length)) lines.push({ label, outcome: { kind: 'failed', reason } });
  }
  return lines;
}

async function lineOf(
  { stage, effort, say }: Bench,
  { connections }: RefreshRow,
  label: string,
  fleet: Fleet,
  range: Range,
): Promise<Line> {
  const server = await fleet.start(); // a new one, for its memory to be that of refreshes alone
  const rounds: Figures[] = [];
  let used = 0;
  for (let round = 0; round < effort.rounds; round += 1) {
    say(`  round ${round + 1}: ${label}`);
    const result = await askForLoad(stage, effort, {
      port: server.port,
      pids: [server.pid],
      connections,
      ...{ method: 'POST', path: '/v1/token/refresh', headers: { 'content-type': 'application/json' } },
      ...{ body: { kind: 'refresh', ...range, used }, status: 200, says: '"refresh_token":"tkr_' },
      warmup: { ms: effort.warmupMs, requests: NO_LIMIT },
      measure: { ms: effort.measureMs, requests: NO_LIMIT },
      seed: 0,
    } satisfies LoadJob);
    rounds.push(figuresOf(result, 1));
    if (result.kind === 'measured') used += result.sent;
  }
  const memoryMiB = residentMiB(server.pid);
  await server.stop();
  return { label, outcome: { kind: 'measured', figures: { ...medians(rounds), memoryMiB } } };
}
