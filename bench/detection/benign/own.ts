import { jsonInput } from '../corpora.ts';
import { atMost, type Bar, type Probe, valueProbe } from '../probe.ts';
import { agents } from './agents.ts';
import { comments, names, searches } from './everyday.ts';
import { form } from './form.ts';
import { hard } from './hard.ts';
import { languages } from './languages.ts';
import { logs, markup, notation } from './notation.ts';
import { prose } from './prose.ts';
import { isStatement, queries } from './queries.ts';
import { earlyShift } from './shift-early.ts';
import { lateShift } from './shift-late.ts';
import { technical } from './technical.ts';
import { passwords, tokens } from './tokens.ts';
import { twins } from './twins.ts';
import { uploads } from './uploads.ts';

/** One kind of honest text, and how much of it may be refused. */
export interface HonestKind {
  readonly name: string;
  readonly bar: Bar | undefined;
  readonly probes: readonly Probe[];
}

const kind = (name: string, bar: Bar | undefined, texts: readonly string[], channel?: 'user-agent'): HonestKind => ({
  name,
  bar,
  probes: distinct(texts).map((text, i) => valueProbe(`${name}-${i}`, 'own', text, channel)),
});

/** Our own honest texts; the bars are those of the shared kind that each is most like. */
export const honestKinds = (): readonly HonestKind[] => [
  kind('form', atMost(0.1), form),
  kind('prose', atMost(0.1), prose),
  kind('languages', atMost(0.1), languages),
  kind('technical', atMost(1.5), technical),
  kind('hard', atMost(4), hard),
  {
    name: 'twin-json',
    bar: atMost(0),
    probes: twins.map((text, i) => ({ id: `twin-json-${i}`, source: 'own', weak: false, input: jsonInput(text) })),
  },
  kind(
    'queries',
    atMost(1.5),
    queries.filter((text) => !isStatement(text)),
  ),
  kind('queries-sql', undefined, queries.filter(isStatement)),
  kind('tokens', atMost(0.1), tokens),
  kind('passwords', atMost(1.5), passwords),
  kind('names', atMost(0.1), names),
  kind('comments', atMost(0.1), comments),
  kind('searches', atMost(4), searches),
  kind('markup', atMost(1.5), markup),
  kind('notation', atMost(1.5), notation),
  kind('logs', atMost(1.5), logs),
  kind('shifts', atMost(6), [...earlyShift, ...lateShift]),
  { name: 'uploads', bar: atMost(0), probes: uploads },
  kind('agents', atMost(0.05), agents, 'user-agent'),
];

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
