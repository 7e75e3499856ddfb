import type { Route, StepUp } from '../http/index.ts';
import type { PolicyRule } from '../profiles/index.ts';

/** One row of the surface, in the words of a reviewer. */
export interface LedgerRow {
  readonly method: string;
  readonly path: string;
  readonly access: string;
  readonly limits: string;
  readonly inspection: string;
  readonly records: string;
  readonly body: string;
}

/** The whole surface as data, in the order of paths and methods. */
export function ledgerOf(
  routes: readonly Route[],
  modeOf: (route: Route) => string,
  rulesOf: (route: Route) => readonly PolicyRule[],
): readonly LedgerRow[] {
  return [...routes]
    .sort((a, b) => compare(a.host ?? '', b.host ?? '') || compare(a.path, b.path) || compare(a.method, b.method))
    .map((route) => ({
      method: route.method,
      path: `${route.host ?? ''}${route.path}`,
      access: accessText(route),
      limits: limitText(route, rulesOf(route)),
      inspection: inspectionText(route, modeOf(route)),
      records: route.records ?? 'none',
      body: bodyText(route),
    }));
}

/** How far detection looks, and what it does. */
function inspectionText({ access, inspect, relay, body }: Route, mode: string): string {
  if (access.kind === 'unlimited' || mode === 'off') return 'none';
  const isWhole = relay === undefined ? body !== undefined : inspect === 'head+body';
  return `${mode}: ${isWhole ? 'head and body' : 'head'}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function accessText({ access }: Route): string {
  switch (access.kind) {
    case 'public':
    case 'unlimited':
      return access.kind;
    case 'signed-in':
      return (access.as ?? 'signed in') + stepUpText(access);
    case 'permission':
      return access.permission + stepUpText(access);
  }
}

function stepUpText({ provedWithinMs, secondFactorWithinMs }: StepUp): string {
  const proved = provedWithinMs === undefined ? '' : `, proved within ${provedWithinMs / 60_000} min`;
  const factor =
    secondFactorWithinMs === undefined ? '' : `, second factor within ${secondFactorWithinMs / 60_000} min`;
  return proved + factor;
}

const GENERAL: ReadonlySet<string> = new Set(['address', 'principal', 'tenant']);

/** @param rules of the route's profile; those that hold for every profile are `general` */
function limitText({ access, limits }: Route, rules: readonly PolicyRule[]): string {
  if (access.kind === 'unlimited') return 'none';
  const ofProfile = rules
    .filter(({ name }) => !GENERAL.has(name))
    .map(({ per, count, windowMs, replacedByKey }) => {
      const but = replacedByKey ? ' without a key' : '';
      return `${count} per ${windowMs / 1_000} s and ${per}${but}`;
    });
  const own = (limits ?? []).map(({ per, count, windowMs }) => `${count} per ${windowMs / 1_000} s and ${per}`);
  return ['general', ...ofProfile, ...own].join('; ');
}

function bodyText({ body, maxBodyBytes, streams, relay, sockets }: Route): string {
  if (relay !== undefined) return sockets ? 'handed on, WebSockets too' : 'handed on';
  if (body === undefined) return 'none';
  const json = `JSON up to ${Math.round((maxBodyBytes ?? 1_048_576) / 1_024)} KiB`;
  return [json, ...(streams ?? []).map((type) => `stream of ${type}`)].join(', ');
}

/** The ledger as columns of text. */
export function ledgerText(rows: readonly LedgerRow[]): string {
  const heads = ['method', 'path', 'access', 'limits', 'inspection', 'records', 'body'] as const;
  const widths = heads.map((head) => Math.max(head.length, ...rows.map((row) => row[head].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heads), ...rows.map((row) => line(heads.map((head) => row[head])))].join('\n');
}
