import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Environment, Headers } from '../contender.ts';

/** Somebody who signs in. */
export interface Person {
  readonly name: string;
  readonly password: string;
}

/** New people, each with a password of their own that no list of common ones has. */
export const makePeople = (count: number): readonly Person[] =>
  Array.from({ length: count }, (_, i) => ({ name: `person-${i}`, password: randomBytes(18).toString('base64url') }));

const PROBE = new URL('../probe.ts', import.meta.url);

/** What makes a server tell how late its event loop is, in `file`. */
export const probing = (file: string): { readonly args: readonly string[]; readonly env: Environment } => ({
  args: ['--import', fileURLToPath(PROBE)],
  env: { BENCH_PROBE: file },
});

/** Sends JSON and reads it. @returns the answer's body and cookies @throws Error for an answer other than 2xx */
export async function post(
  port: number,
  path: string,
  headers: Headers,
  body: unknown,
): Promise<{ readonly json: unknown; readonly cookies: readonly string[] }> {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`POST ${path} was answered ${reply.status}: ${text.slice(0, 500)}`);
  return { json: JSON.parse(text), cookies: reply.headers.getSetCookie() };
}
