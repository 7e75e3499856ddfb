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
/** So many connections that a request that is due seldom waits for one. */
const OPEN_CONNECTIONS = 64;

/** Sessions `first` to `first + count` of the seed. */
interface Range {
  readonly seed: string;
  readonly first: number;
  readonly count: number;
}

/** A label, and how many refreshes are due a second; without that each connection asks as soon as it was answered. */
interface Pace {
  readonly label: string;
  readonly rate?: number;
}

/** The same load on few sessions and then on many. Each session is refreshed once, for its owner by their own device. */
export async function measureRefresh(bench: Bench, row: RefreshRow): Promise<readonly Line[]> {
  const { effort, say } = bench;
  const [few, many] = [FEW, effort.sessions].map((count) => `${count.toLocaleString('en')} live sessions`);
  const ofFew: readonly Pace[] = [{ label: `${few}` }];
  const ofMany: readonly Pace[] = [
    { label: `${many}` },
    ...row.rates.map((rate) => ({ label: `${many}, ${rate}/s are due`, rate })),
  ];
  const labels = [...ofFew, ...ofMany].map(({ label }) => label);
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
      await measureOn(bench, row, fleet, { seed, first: 0, count: FEW }, { paces: ofFew, lines });
      await seedSessions(fleet.database, seed, { from: FEW, to: effort.sessions }, say);
      const rest = { seed, first: FEW, count: effort.sessions - FEW };
      await measureOn(bench, row, fleet, rest, { paces: ofMany, lines });
    } finally {
      await fleet.stop();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    for (const label of labels.slice(lines.length)) lines.push({ label, outcome: { kind: 'failed', reason } });
  }
  return lines;
}

/** One pace after the other in one process, which is a new one, for its memory to be that of refreshes alone. */
async function measureOn(
  { stage, effort, say }: Bench,
  row: RefreshRow,
  fleet: Fleet,
  range: Range,
  { paces, lines }: { readonly paces: readonly Pace[]; readonly lines: Line[] },
): Promise<void> {
  const server = await fleet.start();
  let used = 0;
  for (const { label, rate } of paces) {
    const rounds: Figures[] = [];
    for (let round = 0; round < effort.rounds; round += 1) {
      say(`  round ${round + 1}: ${label}`);
      const measureMs = rate === undefined ? effort.measureMs : 2 * effort.measureMs; // fewer come in the same time
      const result = await askForLoad(stage, { ...effort, measureMs }, {
        port: server.port,
        pids: [server.pid],
        ...(rate === undefined ? { connections: row.connections } : { connections: OPEN_CONNECTIONS, rate }),
        ...{ method: 'POST', path: '/v1/token/refresh', headers: { 'content-type': 'application/json' } },
        ...{ body: { kind: 'refresh', ...range, used }, status: 200, says: '"refresh_token":"tkr_' },
        warmup: { ms: effort.warmupMs, requests: NO_LIMIT },
        measure: { ms: measureMs, requests: NO_LIMIT },
        seed: 0,
      } satisfies LoadJob);
      rounds.push(figuresOf(result, 1));
      if (result.kind === 'measured') used += result.sent;
    }
    const memoryMiB = residentMiB(server.pid);
    lines.push({ label, outcome: { kind: 'measured', figures: { ...medians(rounds), memoryMiB } } });
  }
  await server.stop();
}
