/**
 * Prints which requirement lines are met: `npm run conformance -- [--json] [--profile NAME] [--root FOLDER]`.
 *
 * A line is met when at least one test under `test/conformance/<its profile>/` that starts with its id ran, and none of
 * them failed, was skipped or is a todo. Ends with 1 when a test failed, else with 0.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { type EventData, run } from 'node:test';
import { parseArgs } from 'node:util';
import { beyondLines, requirements } from './requirements.ts';

type Result = 'passed' | 'failed' | 'skipped';

interface Check {
  readonly ids: readonly string[];
  readonly name: string;
  readonly profile: string;
  readonly result: Result;
}

interface Line {
  readonly id: string;
  readonly profile: string;
  readonly title: string;
  readonly met: boolean;
  readonly tests: readonly { readonly name: string; readonly result: Result }[];
}

const IDS = /^(?:[A-Z]\d{2}(?:[\s,:]+|$))+/;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    profile: { type: 'string' },
    root: { type: 'string', default: dirname(import.meta.dirname) },
  },
});
const profiles = requirements.filter(({ profile }) => options.profile === undefined || profile === options.profile);
if (profiles.length === 0) {
  console.error(
    `conformance: no profile ${options.profile}; there are ${requirements.map((r) => r.profile).join(', ')}`,
  );
  process.exit(2);
}

const folder = join(options.root, 'test', 'conformance');
const { checks, failures } = await runChecks(globSync(`${options.profile ?? '*'}/**/*.test.ts`, { cwd: folder }));
const lines = profiles.flatMap(({ profile, lines: titles }) =>
  Object.entries(titles).map(([id, title]) => lineOf(id, profile, title)),
);
const beyond = Object.entries(beyondLines).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => lineOf(`${letter}${String(index + 1).padStart(2, '0')}`, undefined, '')),
);

if (options.json) printJson();
else printTable();
for (const stray of strays()) console.error(`conformance: ${stray}`);
for (const failure of failures) console.error(`conformance: failed: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Runs the files in processes of their own and notes every test that carries an id, itself or by what it stands in. */
async function runChecks(names: readonly string[]): Promise<{ checks: readonly Check[]; failures: readonly string[] }> {
  const found: Check[] = [];
  const failed: string[] = [];
  if (names.length === 0) return { checks: found, failures: failed };
  const files = names.toSorted().map((name) => join(folder, name));
  const above: string[] = []; // names of the tests that are open, by depth; the stream reports one file after another
  const note = (data: EventData.TestPass | EventData.TestFail, passed: boolean) => {
    const isSkipped = data.skip !== undefined || data.todo !== undefined;
    const result = isSkipped ? 'skipped' : passed ? 'passed' : 'failed';
    const where = data.file?.slice(folder.length + 1) ?? '';
    if (result === 'failed') failed.push(`${where}: ${data.name}`);
    if (data.details.type === 'suite' && result === 'passed') return; // its tests speak for it
    const ids = [...above.slice(0, data.nesting), data.name].flatMap(idsOf);
    if (ids.length > 0) found.push({ ids, name: data.name, profile: where.split('/')[0] ?? '', result });
  };
  const stream = run({ files, concurrency: Math.max(2, availableParallelism()) });
  stream.on('test:start', ({ name, nesting }) => above.splice(nesting, above.length, name));
  stream.on('test:pass', (data) => note(data, true));
  stream.on('test:fail', (data) => note(data, false));
  for await (const _ of stream); // until the last file has ended
  return { checks: found, failures: failed };
}

function idsOf(name: string): readonly string[] {
  return IDS.exec(name)?.[0].match(/[A-Z]\d{2}/g) ?? [];
}

/** `profile` is undefined for a line that any profile may hold. */
function lineOf(id: string, profile: string | undefined, title: string): Line {
  const own = checks.filter((check) => check.ids.includes(id) && (profile === undefined || check.profile === profile));
  const met = own.length > 0 && own.every(({ result }) => result === 'passed');
  return { id, profile: profile ?? '', title, met, tests: own.map(({ name, result }) => ({ name, result })) };
}

/** Tests whose id counts for nothing: a slip of the pen, or the wrong folder. */
function strays(): readonly string[] {
  const homes = new Map(requirements.flatMap(({ profile, lines: own }) => Object.keys(own).map((id) => [id, profile])));
  const known = new Set(beyond.map(({ id }) => id));
  return checks.flatMap(({ ids, name, profile }) =>
    ids
      .filter((id) => !known.has(id) && homes.get(id) !== profile)
      .map((id) => `"${name}" in ${profile}/ names ${id}, ${homes.has(id) ? `a line of ${homes.get(id)}` : 'no line'}`),
  );
}

function printJson(): void {
  const met = lines.filter((line) => line.met).length;
  console.log(JSON.stringify({ met, of: lines.length, lines, beyond: beyond.filter(isTested), failures }, null, 2));
}

function printTable(): void {
  for (const { profile, system } of profiles) {
    const own = lines.filter((line) => line.profile === profile);
    console.log(`${profile} (${system}): ${own.filter((line) => line.met).length} of ${own.length} met`);
    for (const { id, met, title } of own) console.log(`  ${id}  ${met ? 'met    ' : 'not yet'}  ${title}`);
    console.log('');
  }
  const held = beyond.filter(({ met }) => met);
  if (held.length > 0) console.log('Defects not copied (D) and disagreements resolved (X):');
  for (const { id, tests } of held) console.log(`  ${id}  met      ${tests[0]?.name.replace(IDS, '')}`);
  if (held.length > 0) console.log('');
  console.log(`${lines.filter((line) => line.met).length} of ${lines.length} lines met`);
}

function isTested({ tests }: Line): boolean {
  return tests.length > 0;
}
