/** `npm run bench [-- row...] [--quick] [--json]`. Tables go to stdout, progress to stderr. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../src/testing/index.ts';
import { createChildren } from './children.ts';
import { lazily } from './contender.ts';
import { startBackEnd } from './contenders/peers.ts';
import { startRedis } from './contenders/redis.ts';
import { findCommand } from './find-command.ts';
import { describe, isInMemory, machineFacts } from './machine.ts';
import { FULL, type Line, measure, QUICK } from './measure.ts';
import { type Row, rows } from './rows.ts';
import { hasHelpers, ratiosOf, tableOf } from './table.ts';

const USAGE = `usage: npm run bench -- [ROW...] [--quick] [--json]

rows: ${rows.map(({ id }) => id).join(' ')} (the start of a name is enough: get, token)
  --quick  one short round of each, for a look; the figures are not worth quoting
  --json   all figures as JSON on stdout`;

const HELPER_NOTE = '"+ Redis" is the CPU time of the Redis server, which "x Twinkeep" leaves out.';
const CAPACITY_NOTE =
  '"capacity" is requests a second of the server\'s own CPU time, times its threads: without the load.';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const chosen = rows.filter(({ id }) => positionals.length === 0 || positionals.some((start) => id.startsWith(start)));
  const unknown = positionals.filter((start) => !rows.some(({ id }) => id.startsWith(start)));
  if (values.help === true || unknown.length > 0) {
    console.error(unknown.length > 0 ? `no such row: ${unknown.join(', ')}\n\n${USAGE}` : USAGE);
    return unknown.length > 0 ? 2 : 0;
  }
  return run(chosen, values.quick === true, values.json === true);
}

async function run(chosen: readonly Row[], quick: boolean, json: boolean): Promise<number> {
  const children = createChildren();
  const folder = mkdtempSync(join(dataRoot(), 'twinkeep-bench-'));
  process.once('exit', () => {
    children.killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.error(`\n${signal}: ending what was started`);
      children.stopAll().then(
        () => process.exit(130),
        () => process.exit(130),
      );
    });
  }

  const say = (line: string): void => console.error(line);
  const print = (text: string): void => (json ? undefined : console.log(text));
  const machine = machineFacts(folder);
  const serving = chosen.some(({ kind }) => kind !== 'micro');
  const redis = serving ? await startRedis(children, folder) : undefined;
  print(describe(machine));
  if (serving)
    print(`Express stack: its limiter counts in ${redis === undefined ? 'memory, for there is no Redis' : 'Redis'}`);
  if (quick) print('quick: figures of one short round, not worth quoting');
  print('');
  const wrk = findCommand('wrk');
  const generator = wrk === undefined ? "the bench's own generator" : 'wrk';
  const backEnd = lazily(() => startBackEnd({ children }, folder));
  const postgres = lazily(() => startPostgres({ durable: true })); // it ends with this process
  const bench = { stage: { children, redis, backEnd, postgres, wrk }, folder, effort: quick ? QUICK : FULL, say };

  const measured: { readonly row: Row; readonly lines: readonly Line[] }[] = [];
  for (const row of chosen) {
    say(row.title);
    const lines = await measure(bench, row);
    measured.push({ row, lines });
    print(`${tableOf(row, lines, generator)}\n`);
  }
  if (measured.some(({ lines }) => hasHelpers(lines))) print(HELPER_NOTE);
  if (chosen.some(({ kind }) => kind === 'scale')) print(CAPACITY_NOTE);
  if (json)
    console.log(
      JSON.stringify({ machine, redis: redis !== undefined, generator, quick, rows: measured.map(plain) }, null, 2),
    );
  await children.stopAll();
  const failures = measured.flatMap(({ lines }) => lines.filter(({ outcome }) => outcome.kind === 'failed'));
  if (failures.length > 0) console.error(`${failures.length} measurements FAILED`);
  return failures.length > 0 ? 1 : 0;
}

/** The system's folder for such things, unless it is in memory: there a durable write costs nothing. */
function dataRoot(): string {
  if (!isInMemory(tmpdir())) return tmpdir();
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  return results;
}

function plain({ row, lines }: { readonly row: Row; readonly lines: readonly Line[] }) {
  return {
    id: row.id,
    title: row.title,
    contenders: lines.map((line) => ({ name: line.label, ...line.outcome, ratios: ratiosOf(row, lines, line) })),
  };
}

process.exit(await main());
