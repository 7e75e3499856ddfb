/** Detection of whole requests and of texts: Twinkeep's inspection, and what a back end might do by itself instead. */
import { createInspection, type InspectedRoute } from '../../src/detection/inspection.ts';
import { createJudge } from '../../src/detection/judge/judge.ts';
import { ALL_RULES } from '../../src/detection/rules/all.ts';
import type { MicroCase, MicroCases } from './case.ts';

const ROUTE: InspectedRoute = { name: 'POST /v1/readings', mode: 'block', text: [], unseen: [] };

/** Meters in turn, so that no body is like the one before. */
const METERS = 5_000;
const bodyOf = (i: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      meter: `STEEL-GWANGYANG-${i % METERS}`,
      at: new Date(1_764_000_000_000 + i * 900_000).toISOString(),
      kwh: 3.17 + (i % 97),
      reactive: { lagging: 2.95, leading: 0 },
      load: 'Light_Load',
      note: 'Hall 3, line 7',
    }),
  );

const HEADERS = {
  host: 'twin.example.org',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'application/json, text/plain, */*',
  'accept-language': 'en-GB,en;q=0.7,de;q=0.3',
  'accept-encoding': 'gzip, deflate, br, zstd',
  cookie: 'theme=dark; __Host-session=c0ffee00c0ffee00c0ffee00c0ffee00',
  connection: 'keep-alive',
};
const POST = { method: 'POST', url: '/v1/readings', headers: { ...HEADERS, 'content-type': 'application/json' } };

/** Paths and pages in turn: some come again, some don't. */
const getOf = (i: number) => ({
  method: 'GET',
  url: `/v1/meters/${i % METERS}?from=2026-01-01&to=2026-02-01&page=${i % 10_007}`,
  headers: HEADERS,
});

const TEXTS = [
  'The pump of line 7 is loud since this morning (bearing?), please have a look before the shift ends.',
  "Don't forget: the valve at 3 o'clock stays shut while the sensor is calibrated; 5 bar at most.",
  'Meter replaced on 3 May, old reading 44,120.5 kWh, new one starts at 0. See https://twin.example.org/m/7?tab=log',
  'Ventil undicht, Dichtung bestellt. Rückruf an Frau Müller-Lüdenscheidt unter +49 30 901820.',
];

/** The patterns that the twin of the first study looked for, and as many more of the sort that is copied from lists. */
const FOUR = [/('|;|--|\b(or|and)\b\s+\d+=\d+)/i, /<script|javascript:|on\w+\s*=/i, /\.\.[/\\]/, /\{\{|\$\{/];
const TEN = [
  ...FOUR,
  /\bunion\b[\s\S]+\bselect\b/i,
  /\b(?:sleep|benchmark|pg_sleep)\s*\(/i,
  /\b(?:cat|wget|curl|nc)\b\s+[\w/-]/i,
  /\/etc\/(?:passwd|shadow)/i,
  /<!(?:doctype|entity)/i,
  /\$(?:ne|gt|where|regex)\b/i,
];

const matchesAny = (patterns: readonly RegExp[], text: string): boolean => patterns.some((one) => one.test(text));

/** Each text below a parsed value. */
function someMatch(patterns: readonly RegExp[], value: unknown): boolean {
  if (typeof value === 'string') return matchesAny(patterns, value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, one]) => matchesAny(patterns, name) || someMatch(patterns, one));
}

const inspection = (prefilter: boolean) => {
  const judge = createJudge({ rules: ALL_RULES, prefilter, ...(prefilter ? {} : { remembered: 0 }) });
  for (const _made of judge.warm()); // as a server does when it starts
  return createInspection({ judge, threshold: 5, exceptions: [] });
};

/** Goes round `count` things that were made before. */
function round<T>(count: number, make: (i: number) => T, look: (one: T) => unknown): MicroCase {
  const things = Array.from({ length: count }, (_, i) => make(i));
  let next = 0;
  return {
    waits: false,
    run: () => {
      const thing = things[next];
      next = next + 1 === count ? 0 : next + 1;
      return thing === undefined ? undefined : look(thing);
    },
  };
}

const MANY = 20_000;
const posts = (look: (body: Buffer) => unknown) => round(MANY, bodyOf, look);
const gets = (look: (head: ReturnType<typeof getOf>) => unknown) => round(MANY, getOf, look);
const texts = (look: (text: string) => unknown) => round(MANY, (i) => `${TEXTS[i % TEXTS.length]} Ticket ${i}.`, look);

function post(prefilter: boolean): MicroCase {
  const { body } = inspection(prefilter);
  return posts((sent) => body(POST, sent, ROUTE));
}

function get(prefilter: boolean): MicroCase {
  const { head } = inspection(prefilter);
  return gets((sent) => head(sent, ROUTE));
}

function text(prefilter: boolean): MicroCase {
  const judge = createJudge({ rules: ALL_RULES, prefilter, remembered: 0 });
  for (const _made of judge.warm());
  return texts((sent) => judge.judge(sent, 'value'));
}

const headTexts = ({ url, headers }: ReturnType<typeof getOf>): readonly string[] => [
  decodeURIComponent(url),
  ...Object.values(headers),
];

export const detectionCases: MicroCases = {
  'detect-post/twinkeep': async () => post(true),
  'detect-post/unfiltered': async () => post(false),
  'detect-post/four': async () => posts((body) => matchesAny(FOUR, body.toString())),
  'detect-post/parsed': async () => posts((body) => someMatch(TEN, JSON.parse(body.toString()))),
  'detect-get/twinkeep': async () => get(true),
  'detect-get/unfiltered': async () => get(false),
  'detect-get/four': async () => gets((head) => headTexts(head).some((one) => matchesAny(FOUR, one))),
  'detect-get/ten': async () => gets((head) => headTexts(head).some((one) => matchesAny(TEN, one))),
  'detect-text/twinkeep': async () => text(true),
  'detect-text/unfiltered': async () => text(false),
  'detect-text/four': async () => texts((one) => matchesAny(FOUR, one)),
  'detect-text/ten': async () => texts((one) => matchesAny(TEN, one)),
};
