// Prints docs/config.md, docs/errors.md and docs/routes.md from the values that the program itself goes by.
// `--check` writes nothing and fails when one of them is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { CONFIG_VARIABLE, configSchema, createTwinkeep, faultTables, VARIABLES } from '../src/app/index.ts';
import { statusOf } from '../src/http/index.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { PROFILE_VARIABLES, REDIS_VARIABLES } from '../src/profiles/index.ts';
import { createSqliteStorage } from '../src/storage/index.ts';

const NOTICE = '<!-- Printed by `npm run docs`; change the source, not this page. -->';

const pages: Readonly<Record<string, string>> = {
  'docs/config.md': configPage(),
  'docs/errors.md': errorsPage(),
  'docs/routes.md': await routesPage(),
};

const stale = Object.entries(pages).filter(([path, text]) => readOrNothing(path) !== text);
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is stale; run: npm run docs`);
  if (stale.length > 0) process.exit(1);
  console.log(`docs: ${Object.keys(pages).length} pages are fresh`);
} else {
  mkdirSync('docs', { recursive: true });
  for (const [path, text] of stale) writeFileSync(path, text);
  console.log(stale.length === 0 ? 'docs: nothing to do' : `docs: wrote ${stale.map(([path]) => path).join(', ')}`);
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function configPage(): string {
  const rows = settingsOf(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }), []);
  return page('Configuration', [
    'Settings come from `twinkeep.config.ts` (`defineConfig`), `.js` or `.json` in the working folder, or the file that',
    `\`${CONFIG_VARIABLE}\` names, and from the environment, which wins. An unknown name or a bad value stops the start, with the`,
    'fix in the message. A variable marked * may also come as a file: `NAME_FILE` names it.',
    '',
    table(['setting', 'variable', 'default', 'bounds', 'what it does'], rows),
    '',
    '## Variables of the older systems',
    '',
    "Read for the profiles that are served, and nobody else's. With the profile before it (`EMS_JWT_SECRET_KEY`) a variable is",
    'meant for that one alone, and wins. Two that say different things stop the start. See [profiles.md](profiles.md).',
    '',
    table(
      ['variable', 'setting'],
      PROFILE_VARIABLES.map(({ name, key, secret }) => [
        code(name) + (secret ? '*' : ''),
        code(`profile.<name>.${key}`),
      ]),
    ),
    '',
    `${REDIS_VARIABLES.map(code).join(', ')} (each *) stand for \`redisUrl\` where a profile is served.`,
  ]);
}

type Schema = Readonly<Record<string, unknown>>;

function settingsOf(schema: Schema, path: readonly string[]): string[][] {
  return Object.entries(Object(schema['properties'])).flatMap(([name, value]) => {
    const own: Schema = Object(value);
    const here = [...path, name];
    if (own['properties'] !== undefined) return settingsOf(own, here);
    const variable = VARIABLES.find((known) => known.path.join('.') === here.join('.'));
    return [
      [
        code(here.join('.')),
        variable === undefined ? '' : code(variable.name) + (variable.secret ? '*' : ''),
        own['default'] === undefined ? '' : code(JSON.stringify(own['default'])),
        boundsOf(own),
        String(own['description'] ?? ''),
      ],
    ];
  });
}

function boundsOf(own: Schema): string {
  if (Array.isArray(own['enum'])) return own['enum'].map((value) => code(String(value))).join(', ');
  const [low, high] = [own['minimum'] ?? own['minLength'], own['maximum'] ?? own['maxLength']];
  if (low === undefined && high === undefined) return '';
  const unit = own['type'] === 'string' ? ' characters' : '';
  if (high === undefined) return `at least ${low}${unit}`;
  return low === undefined ? `at most ${high}${unit}` : `${low} to ${high}${unit}`;
}

function errorsPage(): string {
  const parts = Object.entries(faultTables).flatMap(([room, faults]) => {
    const rows = Object.entries(faults).map(([name, [kind, title]]) => [
      code(name),
      String(kind === 'internal' ? '500, without its code' : statusOf(kind)),
      title,
    ]);
    return [`## ${room}`, '', table(['code', 'status', 'title'], rows), ''];
  });
  return page('Errors', [
    'Every error is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `code` and `instance`; facts of the',
    'fault stand beside them, as `errors` with `at` and `reason` for each flaw of an input. Codes are never renamed or reused.',
    '',
    ...parts,
  ]);
}

async function routesPage(): Promise<string> {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const config = configSchema.parse({ logLevel: 'silent' });
  const twinkeep = await createTwinkeep(config, { storage, ownFolder: false });
  const summaries = new Map(twinkeep.routes.map(({ method, path, summary }) => [`${method} ${path}`, summary]));
  const rows = twinkeep.ledger.map((row) => [
    row.method,
    code(row.path),
    row.access,
    row.limits,
    row.inspection,
    row.records,
    row.body,
    summaries.get(`${row.method} ${row.path}`) ?? '',
  ]);
  await twinkeep.close();
  return page('Routes', [
    'The whole surface, as `twinkeep routes` prints it.',
    '',
    table(['method', 'path', 'access', 'limits', 'detection', 'records', 'body', 'what it does'], rows),
  ]);
}

function code(text: string): string {
  return `\`${text}\``;
}

function page(title: string, lines: readonly string[]): string {
  return `# ${title}\n\n${NOTICE}\n\n${lines.join('\n').trimEnd()}\n`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}
