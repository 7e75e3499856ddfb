import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setImmediate as immediately } from 'node:timers/promises';
import type { Route } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { detectionFault } from './errors.ts';
import { fieldName, listedName } from './field-name.ts';
import { createInspection, type Head, type InspectedRoute, type Inspection } from './inspection.ts';
import type { InspectionConfig } from './inspection-config.ts';
import { createEngine, createJudge, type Judge, type Rule, type SecondOpinion, together } from './judge/index.ts';
import { unknownRules } from './known-rules.ts';
import { createOpinion, shippedModel } from './model/index.ts';
import { presetExceptions } from './presets.ts';
import { ALL_RULES, OLD_PATTERNS, placeInRules, readRules } from './rules/index.ts';
import type { Mode, Verdict } from './verdict.ts';

/** Looks for attacks at two places of the request line. Synchronous, and bounded whatever comes. */
export interface Detection {
  /** Looks at the head: path, query, headers, cookies. @returns undefined where nothing was found */
  screen(route: DetectedRoute, head: Head): Verdict | undefined;
  /**
   * Looks at a body that was read.
   *
   * @param isWhole false where more of it follows, unseen
   */
  inspect(route: DetectedRoute, head: Head, body: Uint8Array, isWhole?: boolean): Verdict | undefined;
  /** The same for a large body, in slices between which others go on. */
  inspectInTurns(route: DetectedRoute, head: Head, body: Uint8Array, isWhole?: boolean): Promise<Verdict | undefined>;
  /** What is done about attacks on a route. */
  modeOf(route: DetectedRoute): Mode;
  /** Every rule in force, and how often each has found something since the start. */
  rules(): readonly CountedRule[];
  /** SHA-256 of the operator's file of rules as it is in force; `undefined` where there is none. */
  rulesDigest(): string | undefined;
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

/** What is asked of a route that is looked at. */
export interface DetectedRoute extends Pick<Route, 'path' | 'profile' | 'detection'> {
  readonly method: string;
  /** There where the body is somebody else's; in our own some fields hold secrets, which are not looked at. */
  readonly relay?: unknown;
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
    screen: (route, head) => counted(now.eyesOn(route).head(head, now.of(route))),
    inspect: (route, head, body, isWhole) => counted(now.eyesOn(route).body(head, body, now.of(route), isWhole)),
    inspectInTurns: async (route, head, body, isWhole) => {
      const { eyesOn, of, judge } = now;
      const release = judge.hold(); // other rules may come into force meanwhile
      try {
        const steps = eyesOn(route).bodyInSteps(head, body, of(route), isWhole);
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
    rulesDigest: () => now.digest,
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
  readonly digest: string | undefined;
  readonly judge: HeldJudge;
  /** Who looks at a route: with the old patterns where its profile has them. */
  readonly eyesOn: (route: DetectedRoute) => Inspection;
  readonly of: (route: DetectedRoute) => InspectedRoute;
}

function open(config: InspectionConfig, readFile: (path: string) => string): Opened {
  let digest: string | undefined;
  const rules = rulesOf(config, (path) => {
    const text = readFile(path);
    digest = hash('sha256', text, 'hex');
    return text;
  });
  const unknown = unknownRules(config.exceptions, [...SHIPPED, ...rules.map(({ id }) => id)]);
  if (unknown.length > 0) throw detectionFault('DETECTION_RULES', { errors: unknown });
  const { threshold, oldPatterns } = config;
  const usual = judgeOf(
    rules.filter(({ id }) => !OLD.has(id)),
    config,
  );
  const old = createJudge({ rules: rules.filter(({ id }) => OLD.has(id)), threshold });
  const both = together(usual, old);
  const judge = heldJudge(both);
  const exceptions = [...config.exceptions, ...presetExceptions(config.presets)];
  const plain = createInspection({ judge: usual, threshold, exceptions });
  const strict = createInspection({ judge: both, threshold, exceptions });
  const inspected = new WeakMap<DetectedRoute, InspectedRoute>();
  return {
    rules,
    digest,
    judge,
    eyesOn: ({ profile = NATIVE }) => (oldPatterns.includes(profile) ? strict : plain),
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
  if (rulesFile === undefined) return SHIPPED_RULES;
  try {
    return readRules(readFile(rulesFile), SHIPPED_RULES, rulesFile);
  } catch (error) {
    throw isFault(error) ? error : badFile(rulesFile, 'cannot be read', error);
  }
}

const SHIPPED_RULES: readonly Rule[] = [...ALL_RULES, ...OLD_PATTERNS];
const SHIPPED: ReadonlySet<string> = new Set(SHIPPED_RULES.map(({ id }) => id));
const OLD: ReadonlySet<string> = new Set(OLD_PATTERNS.map(({ id }) => id));
/** The profile of a route that names none. */
const NATIVE = 'twinkeep';

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
  return detectionFault('DETECTION_RULES', { errors: [{ at: placeInRules(file), reason: `${what}: ${why}` }] }, error);
}

/** What a configuration does about attacks on a route. */
export const modeOf = ({ detection }: Pick<Route, 'detection'>, { mode }: Pick<InspectionConfig, 'mode'>): Mode =>
  mode === 'off' ? 'off' : (detection?.mode ?? mode);

function inspectedOf(route: DetectedRoute, config: InspectionConfig): InspectedRoute {
  const { detection = {}, relay, method, path } = route;
  const isOwn = relay === undefined;
  return {
    name: `${method} ${path}`,
    mode: modeOf(route, config),
    text: (detection.text ?? []).map(fieldName),
    unseen: [...(isOwn ? OWN_SECRETS : []), ...(detection.unseen ?? []).map(listedName)],
  };
}
