import type { Context } from './context.ts';

/** As flask-jwt-extended and our own pages call it, and as Flask-WTF does. */
const NAMES = ['x-csrf-token', 'x-csrftoken'] as const;

/** What a page says to show that it is one of ours. Of two that differ neither counts. */
export function csrfHeaderOf({ headers }: Pick<Context, 'headers'>): string | undefined {
  const said = new Set(NAMES.map((name) => headers[name]).filter((value) => value !== undefined));
  const [value] = said;
  return said.size === 1 && typeof value === 'string' ? value : undefined;
}

/** Whether anything stands in those headers, be it good or not. */
export const saysCsrf = ({ headers }: Pick<Context, 'headers'>): boolean =>
  NAMES.some((name) => headers[name] !== undefined);
