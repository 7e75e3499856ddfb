import { createJudge } from '../../src/detection/judge/judge.ts';
import { createOpinion } from '../../src/detection/model/opinion.ts';
import { ALL_RULES } from '../../src/detection/rules/all.ts';
import { honestKinds } from './benign/own.ts';
import { attacksOf, benignOf, type PathOf } from './corpora.ts';
import type { Probe } from './probe.ts';
import { isHeldOut, type Sample, samplesOf, train } from './training.ts';
import { WRAPPING_NAMES, wrapped } from './wrap.ts';

/** One text, and what the rules and, where they leave it undecided, each model make of it. */
interface Line {
  readonly text: string;
  readonly fold: string;
  readonly byRules: boolean;
  byBoth: boolean;
}

const ENOUGH = 5;
const EPOCHS = 6;
const WRAPPED_EVERY = 9;
/** Of our own texts those that are never learned from: the model of any fold may judge them. */
const UNSEEN = 'never learned';

/** Prints, for each class, percent refused by the rules alone and by rules and model, each source left out in turn. */
export function printLeaveOneOut(pathOf: PathOf): void {
  const rules = createJudge({ rules: ALL_RULES, remembered: 0 });
  const classes = new Map<string, Line[]>();
  for (const [name, probes] of classesOf(pathOf)) {
    const lines = probes.map(({ text, fold }) => {
      const byRules = (rules.judge(text, 'value')?.score ?? 0) >= ENOUGH;
      return { text, fold: fold ?? UNSEEN, byRules, byBoth: byRules };
    });
    classes.set(name, lines);
  }
  rules.dispose();
  judgeUndecided([...classes.values()].flat(), samplesOf(pathOf));
  for (const [name, lines] of classes) {
    const share = (is: (line: Line) => boolean): string => ((lines.filter(is).length / lines.length) * 100).toFixed(2);
    const [alone, both] = [share(({ byRules }) => byRules), share(({ byBoth }) => byBoth)];
    console.log(`${name.padEnd(22)} ${String(lines.length).padStart(6)}   rules ${alone} %   with the model ${both} %`);
  }
}

function judgeUndecided(lines: readonly Line[], samples: readonly Sample[]): void {
  const undecided = Map.groupBy(
    lines.filter(({ byRules }) => !byRules),
    ({ fold }) => fold,
  );
  for (const [fold, of] of undecided) {
    console.error(`${fold}: ${of.length} that the rules let pass`);
    const seen = samples.filter((sample) => sample.fold !== fold);
    const judge = createJudge({ rules: ALL_RULES, remembered: 0, model: createOpinion(train(seen, EPOCHS)) });
    for (const line of of) line.byBoth = (judge.judge(line.text, 'value')?.score ?? 0) >= ENOUGH;
    judge.dispose();
  }
}

type Text = Pick<Probe, 'fold'> & { readonly text: string };

const textsOf = (probes: readonly Probe[]): readonly Text[] =>
  probes.flatMap(({ input, fold, weak }) => (weak || input.kind !== 'value' ? [] : [{ text: input.text, fold }]));

function* classesOf(pathOf: PathOf): Generator<readonly [string, readonly Text[]]> {
  for (const name of ['sqli', 'xss', 'traversal', 'rce', 'ssti', 'xxe', 'nosql', 'ldap']) {
    const texts = textsOf(attacksOf(pathOf, name));
    yield [name, texts];
    const some = texts.filter((_, i) => i % WRAPPED_EVERY === 0);
    const wrappings = some.map(({ text, fold }, i) => ({
      text: wrapped(WRAPPING_NAMES[i % WRAPPING_NAMES.length] ?? 'middle', text),
      fold,
    }));
    yield [`${name}, wrapped`, wrappings];
  }
  for (const name of ['text', 'url', 'text_technical', 'text_hard']) yield [name, textsOf(benignOf(pathOf, name))];
  for (const { name, probes } of honestKinds()) {
    const texts = textsOf(probes.filter((_, i) => isHeldOut(i)));
    if (texts.length > 0 && name !== 'agents') yield [`own/${name}`, texts];
  }
}
