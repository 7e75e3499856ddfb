import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { tableOf } from './terminal.ts';

const anomaly = z.object({
  id: z.string(),
  principal: z.string(),
  kind: z.string(),
  profile: z.string(),
  score: z.number(),
  explanation: z.string(),
  evidence: z.record(z.string(), z.json()),
  begun_at: z.string(),
  last_at: z.string(),
  ended_at: z.string().nullable(),
});
const baseline = z.object({
  principal: z.string(),
  first_at: z.string(),
  seen_at: z.string(),
  learning: z.boolean(),
  measures: z.array(
    z.object({
      measure: z.string(),
      expected: z.number().nullable(),
      limit: z.number().nullable(),
      now: z.number(),
      explanation: z.string(),
    }),
  ),
  places: z.array(z.string()),
});
const page = z.object({
  items: z.array(anomaly),
  next_cursor: z.string().nullable(),
  baseline: baseline.nullable(),
});

type Baseline = z.output<typeof baseline>;

const MOST = 1_000;

/** `anomalies`. */
export const listAnomalies: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const principal = args.text('principal');
    const query = new URLSearchParams({ which: args.flag('all') ? 'all' : 'live', limit: String(MOST) });
    if (principal !== undefined) query.set('principal', principal);
    const read = page.parse(await door.call('GET', `/v1/detection/anomalies?${query}`));
    const rows = read.items.map((one) => [
      one.principal,
      one.kind,
      String(one.score),
      one.begun_at,
      one.ended_at ?? 'goes on',
      one.explanation,
    ]);
    const table = tableOf(['who', 'kind', 'score', 'since', 'ended', 'why'], rows);
    const told = rows.length === 0 ? 'Nothing unusual.' : table;
    const more = read.next_cursor === null ? '' : `\nThere are more than ${MOST}; name one with --principal.`;
    const usual = principal === undefined ? '' : `\n\n${wordsOf(principal, read.baseline)}`;
    terminal.answer(read, `${told}${more}${usual}`);
    return 0;
  });

/** `anomalies forget <PRINCIPAL>`. */
export const forgetBaseline: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const principal = args.operand(0);
    await door.call('DELETE', `/v1/detection/baselines/${encodeURIComponent(principal)}`);
    const sentence = `What is usual for ${principal} is learned anew; meanwhile nothing of it is called unusual.`;
    terminal.answer({ principal, forgotten: true }, sentence);
    return 0;
  });

function wordsOf(principal: string, known: Baseline | null): string {
  if (known === null) return `Nothing is known of ${principal}.`;
  const { first_at: since, learning, measures, places } = known;
  const state = learning ? 'is still being learned' : 'is learned';
  const lines = measures.map(({ explanation, now }) => `  ${explanation} (now ${now.toLocaleString('en')})`);
  const from = places.length === 0 ? [] : [`  used from ${places.join('; ')}`];
  return [`What is usual for ${principal} ${state}, since ${since}:`, ...lines, ...from].join('\n');
}
