import { createInspection, type InspectedRoute } from '../../src/detection/inspection.ts';
import { inspectionConfig } from '../../src/detection/inspection-config.ts';
import { createJudge } from '../../src/detection/judge/judge.ts';
import type { Hit, Judgement } from '../../src/detection/judge/types.ts';
import { createOpinion, shippedModel } from '../../src/detection/model/opinion.ts';
import { ALL_RULES } from '../../src/detection/rules/all.ts';
import type { Verdict as Found } from '../../src/detection/verdict.ts';
import type { PathOf } from './corpora.ts';
import type { Channel, Subject, Verdict, WholeRequest } from './subject.ts';
import { samplesOf, train } from './training.ts';

/** As an operator has it who sets nothing. */
const { threshold, model: asksModel } = inspectionConfig.parse({});
const CLEAN: Verdict = { attack: false, score: 0 };
const ROUTE: InspectedRoute = { name: 'POST /v1/notes', mode: 'block', text: [], unseen: [] };
/** Half of what the shipped model has: the last ones change little, and there are many folds. */
const FOLD_EPOCHS = 6;

type Opinion = ReturnType<typeof createOpinion>;

/**
 * Twinkeep's inspection as the server puts it together, on the texts of this process.
 *
 * @param trainOn Where the corpora are, for a model of each fold; without it every line is judged by the shipped model,
 *   which has seen it.
 */
export function openTwinkeep(trainOn?: PathOf): Subject {
  const shipped = createOpinion(shippedModel());
  let opinion: Opinion = shipped;
  const model: Opinion | undefined = asksModel ? (...asked) => opinion(...asked) : undefined;
  const judge = createJudge({ rules: ALL_RULES, model, remembered: 0 });
  const unfiltered = createJudge({ rules: ALL_RULES, model, prefilter: false, remembered: 0 });
  const inspection = createInspection({ judge, threshold, exceptions: [] });

  function judgeRequest({ method, uri, headers, body }: WholeRequest): Verdict {
    const head = { method, url: uri, headers };
    const [worst = CLEAN] = [inspection.head(head, ROUTE), inspection.body(head, body, ROUTE)]
      .flatMap((found) => (found === undefined ? [] : [ofRequest(found)]))
      .toSorted((one, other) => other.score - one.score);
    return worst;
  }

  const subject: Subject = {
    name: `Twinkeep, ${ALL_RULES.length} rules${asksModel ? ' and the linear model' : ''}`,
    judgeValue: (text, channel) => ofText(judge.judge(text, channel)),
    judgeRequest,
    isProvenClean: (text, channel) => {
      const before = judge.looks();
      judge.judge(text, channel);
      return judge.looks() === before;
    },
    judgeUnfiltered: (text, channel) => ofText(unfiltered.judge(text, channel)),
    dispose: () => {
      judge.dispose();
      unfiltered.dispose();
    },
  };
  if (trainOn === undefined || !asksModel) return subject;

  const samples = samplesOf(trainOn);
  const without = (fold: string): Subject => {
    const unseen = createOpinion(
      train(
        samples.filter((sample) => sample.fold !== fold),
        FOLD_EPOCHS,
      ),
    );
    const judgeValue = (text: string, channel: Channel): Verdict => {
      opinion = unseen;
      try {
        return subject.judgeValue(text, channel);
      } finally {
        opinion = shipped;
      }
    };
    return { ...subject, judgeValue };
  };
  return { ...subject, without };
}

function ofText(judgement: Judgement | undefined): Verdict {
  if (judgement === undefined) return CLEAN;
  const { score, hits } = judgement;
  return { attack: score >= threshold, score, ...toldBy(hits) };
}

/** What can't be read is refused, though as no attack. */
function ofRequest({ attack: isAttack, unreadable, score, findings }: Found): Verdict {
  const attack = isAttack || unreadable !== undefined;
  const at = findings.map((finding) => finding.at).join(', ');
  return { attack, score, at, ...toldBy(findings.flatMap(({ hits }) => hits)) };
}

function toldBy(hits: readonly Hit[]): Pick<Verdict, 'rule' | 'why'> {
  const why = hits.map(
    ({ rule, weight, view, evidence }) => `${rule}+${weight} (${view}: ${JSON.stringify(evidence)})`,
  );
  return { rule: hits[0]?.rule, why: why.join(' ') };
}
