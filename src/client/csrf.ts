import { codeIn, isProblem, type Problem } from './client-error.ts';
import type { Preset } from './paths.ts';
import type { Wire } from './wire.ts';

/** Whether a request was refused for its CSRF value, in our words or in those of older systems. */
export function isCsrf(status: number, problem: Problem): boolean {
  if (status !== 403 && status !== 422) return false;
  const code = codeIn(problem);
  return code === 'SESSION_CSRF' || (code === undefined && /csrf/i.test(String(problem['msg'] ?? problem['error'])));
}

/** The header that says a request is of our page: of the readable cookie, or of the endpoint where that was refused. */
export function createCsrf(wire: Wire, preset: Preset) {
  return async (cookie: string | undefined, anew: boolean): Promise<Readonly<Record<string, string>>> => {
    const known = anew || cookie === undefined ? undefined : wire.cookie(cookie);
    if (known !== undefined) return { 'x-csrf-token': known };
    if (preset.csrf === undefined) return {};
    const response = await wire.send(wire.urlOf(preset.csrf), {}, new Headers({ accept: 'application/json' }));
    const body: unknown = response.ok ? await response.json() : undefined;
    const value = isProblem(body) ? (body['csrf_token'] ?? body['csrf']) : undefined;
    return typeof value === 'string' ? { 'x-csrf-token': value } : {}; // without it the server says what is missing
  };
}
