import { readFileSync } from 'node:fs';
import { setImmediate as immediately } from 'node:timers/promises';
import type { Route } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { detectionFault } from './errors.ts';
import { createInspection, type Head, type InspectedRoute, type Inspection } from './inspection.ts';
import type { InspectionConfig } from './inspection-config.ts';
import { createEngine, createJudge, type Judge, type Rule, type SecondOpinion } from './judge/index.ts';
import { createOpinion, shippedModel } from './model/index.ts';
import { presetExceptions } from './presets.ts';
import { ALL_RULES, readRules } from './rules/index.ts';
import type { Mode, Verdict } from './verdict.ts';

/** Looks for attacks at two places of the request line. Synchronous, and bounded whatever comes. */
export interface Detection {
  /** Looks at the head: path, query, headers, cookies. @returns undefined where nothing was found */
  screen(route: Route, head: Head): Verdict | undefined;
  /**
   * Looks at a body that was read.
   *
   * @param isWhole false where more of it follows, unseen
   */
  inspect(route: Route, head: Head, body: Uint8Array, isWhole?: boolean): Verdict | undefined;
  /** The same for a large body, in slices between which others go on. */
  inspectInTurns(route: Route, head: Head, body: Uint8Array, isWhole?: boolean): Promise<Verdict | undefined>;
  /** What is done about attacks on a route. */
  modeOf(route: Route): Mode;
  /** Every rule in force, and how often each has found something since the start. */
  rules(): readonly CountedRule[];
  /**
   * Makes another configuration ready.
   *
   * @throws DETECTION_RULES; then, as until it is taken up, nothing has changed
   */
  prepare(config: InspectionConfig): Prepared;
  /**
   * Makes what is otherwise made when it is first needed, in slices between which others go on. For who listens: a
   * command that looks at nothing needs it not.
   */
  warm(): Promise<void>;
  /** Lets go of the compiled rules. */
  stop(): void;
}

export interface CountedRule extends Rule {
  readonly hits: number;
}

/** Rules that are compiled and not in force: they are taken up or let go, once. */
export interface Prepared {
  take(): void;
  drop(): void;
}

/** The most of a body that is held so that it may be looked at before it is handed on. */
export const MAX_HELD_BYTES = 131_072;

/** Held in our own routes: interpreted nowhere, and secrets that people choose may look like anything. */
const OWN_SECRETS = [
  ...['password', 'new_password', 'current_password', 'old_password', 'newpassword', 'currentpassword', 'oldpassword'],
  ...['token', 'refresh_token', 'access_token', 'code', 'secret', 'key', 'api_key', 'device_secret', 'ticket'],
].map((name) => `body.${name}`);

/**
 * @param readFile for the file of rules that the operator names
 * @throws DETECTION_RULES naming what is wrong in that file
 */
export function createDetection(
  config: InspectionConfig,
  readFile = (path: string) => readFileSync(path, 'utf8'),
): Detection {
  let now = open(config, readFile);
  const hits = new Map<string, number>();
  let isStopped = false;

  function counted(verdict: Verdict | undefined): Verdict | undefined {
    if (verdict === undefined) return undefined;
    for (const finding of verdict.findings)
      for (const { rule } of finding.hits) hits.set(rule, (hits.get(rule) ?? 0) + 1);
    return verdict;
  }

  return {
    screen: (route, head) => counted(now.inspection.head(head, now.of(route))),
    inspect: (route, head, body, isWhole) => counted(now.inspection.body(head, body, now.of(route), isWhole)),
    inspectInTurns: async (route, head, body, isWhole) => {
      const { inspection, of, judge } = now;
      const release = judge.hold(); // other rules may come into force meanwhile
      try {
        const steps = inspection.bodyInSteps(head, body, of(route), isWhole);
        for (let step = steps.next(); ; step = steps.next()) {
          if (step.done === true) return counted(step.value);
          await immediately();
        }
      } finally {
        release();
      }
    },
    modeOf: (route) => now.of(route).mode,
    rules: () => now.rules.map((rule) => ({ ...rule, hits: hits.get(rule.id) ?? 0 })),
    prepare: (next) => {
      const ready = open(next, readFile);
      return {
        take: () => {
          const before = now;
          now = ready;
          before.judge.dispose();
        },
        drop: () => ready.judge.dispose(),
      };
    },
    warm: async () => {
      const { judge } = now;
      const release = judge.hold();
      try {
        for (const _made of judge.warm()) {
          await immediately();
          if (isStopped || now.judge !== judge) return;
        }
      } finally {
        release();
      }
    },
    stop: () => {
      isStopped = true;
      now.judge.dispose();
    },
  };
}

interface Opened {
  readonly rules: readonly Rule[];
  readonly judge: HeldJudge;
  readonly inspection: Inspection;
  readonly of: (route: Route) => InspectedRoute;
}

function open(config: InspectionConfig, readFile: (path: string) => string): Opened {
  const rules = rulesOf(config, readFile);
  const judge = heldJudge(judgeOf(rules, config));
  const { threshold } = config;
  const exceptions = [...config.exceptions, ...presetExceptions(config.presets)];
  const inspected = new WeakMap<Route, InspectedRoute>();
  return {
    rules,
    judge,
    inspection: createInspection({ judge, threshold, exceptions }),
    of: (route) => {
      const known = inspected.get(route);
      if (known !== undefined) return known;
      const made = inspectedOf(route, config);
      inspected.set(route, made);
      return made;
    },
  };
}

interface HeldJudge extends Judge {
  /** Until what is returned is called, it is not disposed of. */
  hold(): () => void;
}

function heldJudge(judge: Judge): HeldJudge {
  let holders = 0;
  let isOver = false;
  const disposeUnheld = (): void => {
    if (isOver && holders === 0) judge.dispose();
  };
  return {
    ...judge,
    hold: () => {
      holders++;
      return () => {
        holders--;
        disposeUnheld();
      };
    },
    dispose: () => {
      isOver = true;
      disposeUnheld();
    },
  };
}

/** @throws DETECTION_RULES */
function rulesOf({ rulesFile }: InspectionConfig, readFile: (path: string) => string): readonly Rule[] {
  if (rulesFile === undefined) return ALL_RULES;
  try {
    return readRules(readFile(rulesFile), ALL_RULES);
  } catch (error) {
    throw isFault(error) ? error : badFile(rulesFile, 'cannot be read', error);
  }
}

const SHIPPED: ReadonlySet<string> = new Set(ALL_RULES.map(({ id }) => id));

/** @throws DETECTION_RULES for expressions of the operator's that cannot be compiled */
function judgeOf(rules: readonly Rule[], { rulesFile, model, threshold }: InspectionConfig): Judge {
  try {
    const added = rules.filter((rule) => !SHIPPED.has(rule.id));
    if (added.length > 0) createEngine(added).dispose(); // the judge would find out at the first text
    return createJudge({ rules, threshold, model: model ? lateOpinion() : undefined });
  } catch (error) {
    if (rulesFile === undefined || !(error instanceof TypeError)) throw error;
    throw badFile(rulesFile, 'has rules that cannot be compiled', error);
  }
}

/** Reads the weights when the model is first asked. */
function lateOpinion(): SecondOpinion {
  let opinion: SecondOpinion | undefined;
  return (text, score, place) => {
    opinion ??= createOpinion(shippedModel());
    return opinion(text, score, place);
  };
}

function badFile(file: string, what: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : 'unknown';
  return detectionFault('DETECTION_RULES', { errors: [{ at: file, reason: `${what}: ${why}` }] }, error);
}

/** What a configuration does about attacks on a route. */
export const modeOf = ({ detection }: Pick<Route, 'detection'>, { mode }: Pick<InspectionConfig, 'mode'>): Mode =>
  mode === 'off' ? 'off' : (detection?.mode ?? mode);

function inspectedOf(route: Route, config: InspectionConfig): InspectedRoute {
  const { detection = {}, relay, method, path } = route;
  const isOwn = relay === undefined;
  return {
    name: `${method} ${path}`,
    mode: modeOf(route, config),
    text: detection.text ?? [],
    unseen: [...(isOwn ? OWN_SECRETS : []), ...(detection.unseen ?? [])],
  };
}
