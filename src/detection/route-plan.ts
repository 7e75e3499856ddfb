import type { InspectedRoute } from './inspection.ts';
import type { Exception } from './inspection-config.ts';
import type { Spared } from './judge/index.ts';

/** What of a route and its exceptions can be sorted out once. */
export interface RoutePlan {
  readonly isText: (field: string) => boolean;
  readonly isUnseen: (field: string) => boolean;
  readonly exceptions: readonly Exception[];
  /** The rules that exceptions leave out of a text at a place; undefined where they leave out none. */
  readonly sparedAt: ((field: string) => Spared | undefined) | undefined;
  readonly hasText: boolean;
  readonly hasUnseen: boolean;
  readonly hasUnseenInHead: boolean;
}

/** The plans of a route: one for all requests, or others where an exception names a path below an open route. */
export type PlanOf = (url: string) => RoutePlan;

export function plansOf(route: InspectedRoute, all: readonly Exception[]): PlanOf {
  const { name } = route;
  const [method, path] = partsOf(name);
  const isNamed = (one: Exception): boolean => one.route === undefined || isRoute(one.route, name, path);
  const usual = planWith(route, all.filter(isNamed));
  const byPath = all.filter((one) => !isNamed(one) && mayBeBelow(one.route ?? '', name));
  if (byPath.length === 0) return () => usual;
  const plans = new Map<string, RoutePlan>();
  return (url) => {
    const asked = plainPathOf(url);
    if (asked === undefined) return usual;
    const more = byPath.filter((one) => isRoute(one.route ?? '', `${method} ${asked}`, asked));
    if (more.length === 0) return usual;
    const key = more.map((one) => byPath.indexOf(one)).join();
    const known = plans.get(key);
    if (known !== undefined) return known;
    const plan = planWith(
      route,
      all.filter((one) => isNamed(one) || more.includes(one)),
    );
    plans.set(key, plan);
    return plan;
  };
}

function planWith({ text, unseen }: InspectedRoute, exceptions: readonly Exception[]): RoutePlan {
  return {
    isText: anyOf(text),
    isUnseen: anyOf(unseen),
    hasText: text.length > 0,
    hasUnseen: unseen.length > 0,
    hasUnseenInHead: unseen.some((pattern) => !pattern.startsWith('body')),
    exceptions,
    sparedAt: exceptions.length === 0 ? undefined : sparing(exceptions),
  };
}

/** Exceptions by their fields, which come by the thousand in one request. */
function sparing(exceptions: readonly Exception[]): (field: string) => Spared | undefined {
  const exact = new Map<string, number[]>();
  const others: number[] = [];
  for (const [at, { field }] of exceptions.entries()) {
    if (field === undefined || field.endsWith('*')) others.push(at);
    else exact.set(field, [...(exact.get(field) ?? []), at]);
  }
  const known = new Map<string, Spared>();
  return (field) => {
    const here = exact.get(field) ?? [];
    const below = others.filter((at) => isAt(exceptions[at]?.field, field));
    if (here.length === 0 && below.length === 0) return undefined;
    const key = `${here.join()}/${below.join()}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = sparedBy([...here, ...below].flatMap((at) => exceptions[at] ?? []));
    known.set(key, made);
    return made;
  };
}

function sparedBy(exceptions: readonly Exception[]): Spared {
  const isSpared = new Map<string, boolean>();
  return {
    isAll: exceptions.some(({ rule }) => rule === undefined || rule === '*'),
    has: (id) => {
      const known = isSpared.get(id);
      if (known !== undefined) return known;
      const is = exceptions.some(({ rule }) => rule === undefined || matches(rule, id));
      isSpared.set(id, is);
      return is;
    },
  };
}

/** What was not looked at has no exception. */
const NEVER = 'evasion-costly';

/** Whether an exception is about a rule and the field that it has found something in. */
export const isExcepted = (exception: Exception, at: string, id: string): boolean =>
  id !== NEVER && isAbout(exception, at, id);

/** The same for rules that were left out there. */
export const isAbout = ({ field, rule }: Exception, at: string, id: string): boolean =>
  isAt(field, at) && (rule === undefined || matches(rule, id));

/** Exceptions that name a route, none of which there is. @param names `GET /v1/x` of every route */
export function strayExceptions(exceptions: readonly Exception[], names: readonly string[]): readonly Exception[] {
  return exceptions.filter(
    ({ route }) =>
      route !== undefined && !names.some((name) => isRoute(route, name, partsOf(name)[1]) || mayBeBelow(route, name)),
  );
}

const isRoute = (pattern: string, name: string, path: string): boolean =>
  matches(pattern, pattern.includes(' ') ? name : path);

/** Whether requests that an open route answers (`/api/*`, `/x/:id`) may have a path that a pattern names. */
function mayBeBelow(pattern: string, name: string): boolean {
  const [method, path] = partsOf(name);
  const open = path.search(/:|\*$/);
  const asked = pattern.slice(pattern.indexOf(' ') + 1);
  if (open === -1 || (pattern.includes(' ') && !pattern.startsWith(`${method} `))) return false;
  const [fixed, named] = [path.slice(0, open), asked.replace(/\*$/, '')];
  return named.startsWith(fixed) || (asked.endsWith('*') && fixed.startsWith(named));
}

function partsOf(name: string): readonly [method: string, path: string] {
  const blank = name.indexOf(' ');
  return [name.slice(0, Math.max(0, blank)), name.slice(blank + 1)];
}

/** Attack: `/api/reports/..%2fusers`, which a back end takes for another path, comes under no path's exception. */
const OTHERWISE_READ = /[\\;]|\/\/|\/\.{1,2}(?:\/|$)|%(?:2[ef5]|5c|3b|0|[89a-f])/i;

function plainPathOf(url: string): string | undefined {
  const mark = url.search(/[?#]/);
  const path = mark === -1 ? url : url.slice(0, mark);
  return path.startsWith('/') && !OTHERWISE_READ.test(path) ? path : undefined;
}

const isAt = (field: string | undefined, at: string): boolean => field === undefined || matches(field, at);

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

const anyOf =
  (patterns: readonly string[]) =>
  (field: string): boolean =>
    patterns.some((pattern) => matches(pattern, field));
