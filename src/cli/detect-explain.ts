import { createTrial, type Explanation, explain, MAX_HELD_BYTES, routeAsked } from '../detection/index.ts';
import type { Arguments, Run } from './command.ts';
import { changedBy } from './detect-changes.ts';
import { requestOf } from './detect-request.ts';
import { openRows } from './detect-rows.ts';
import { understood } from './detect-understood.ts';
import type { Terminal } from './terminal.ts';

/** `detect explain`: what the line would make of one request, and why. Ends with 1 for an attack. */
export const explainRequest: Run = understood(explainOne);

async function explainOne(args: Arguments, terminal: Terminal): Promise<number> {
  const request = await requestOf(args);
  const rows = await openRows();
  const named = args.text('route');
  const { host } = request.headers;
  const route = named === undefined ? rows.of({ ...request, host }) : rows.named(named);
  const settings = changedBy(args, rows.config.detection.inspection);
  for (const line of rows.stray(settings.exceptions)) terminal.say(line);
  const trial = createTrial(settings);
  try {
    const tried = trial.judge(route, request);
    const name = route.path.startsWith('/') ? `${route.method} ${route.path}` : undefined;
    const explanation = explain(tried, settings.threshold, trial.rules, routeAsked(route, request.url));
    const about = {
      route: name ?? null,
      rules_file: settings.rulesFile ?? null,
      rules: trial.rules.length,
      model: settings.model,
      body_seen: tried.bodySeen,
    };
    const isLong = route.relay !== undefined && (request.body?.length ?? 0) > MAX_HELD_BYTES;
    const text = wordsOf(explanation, about, isLong);
    terminal.answer(JSON.parse(JSON.stringify({ ...about, ...explanation })), text);
    return explanation.attack ? 1 : 0;
  } finally {
    trial.stop();
  }
}

interface About {
  readonly route: string | null;
  readonly rules_file: string | null;
  readonly rules: number;
  readonly model: boolean;
  readonly body_seen: boolean;
}

function wordsOf(explanation: Explanation, about: About, isLong: boolean): string {
  const { attack, score, threshold, mode, would, findings, excepted, exceptions, presets } = explanation;
  const where = about.route === null ? 'an address without a route' : `${about.route}, mode ${mode}`;
  const verdict = attack ? 'ATTACK' : 'clean';
  const from = about.rules_file === null ? 'as they come with Twinkeep' : `with those of ${about.rules_file}`;
  const lines = [
    `${verdict}: score ${score}, threshold ${threshold}; it would ${would} (${where}).`,
    `${about.rules} rules, ${from}; the linear model is ${about.model ? 'on' : 'off'}.`,
    ...(about.body_seen ? [] : ['The body is not looked at on this route (inspect: head).']),
    ...(mode === 'block' && isLong && about.body_seen ? [TOO_LONG] : []),
    ...findings.flatMap(({ at, class: kind, score: part, rules }) => [
      '',
      `${at}: ${kind}, ${part}`,
      ...rules.flatMap(({ rule, title, weight, view, evidence }) => [
        `  +${weight} ${rule} (${view}): ${title}`,
        ...(evidence === '' ? [] : [`     ${evidence}`]),
      ]),
    ]),
    ...excepted.map((because) => `\nAn exception applied: ${because}`),
    ...(attack ? wayOut(exceptions) : []),
    ...presets.map((name) => `\nOr, for such clients at large: detection.inspection.presets: ["${name}"]`),
  ];
  return lines.join('\n');
}

const TOO_LONG = `Its body is longer than the ${MAX_HELD_BYTES} bytes that are looked at: it is refused with 413 here (see inspect).`;

function wayOut(exceptions: Explanation['exceptions']): readonly string[] {
  if (exceptions.length === 0) return ['\nNo exception lets this pass: something was not or could not be looked at.'];
  return [
    '\nWhere this is honest, put this into the configuration, with the reason in `because` (8 to 512 characters), then: twinkeep config reload',
    JSON.stringify({ detection: { inspection: { exceptions } } }, null, 2),
  ];
}
