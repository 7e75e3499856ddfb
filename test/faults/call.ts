import assert from 'node:assert/strict';
import { KIT_PASSWORD } from '../../src/testing/index.ts';

export interface Ask {
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly cookie?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as a stream of lines, piece by piece. */
  readonly lines?: readonly string[] | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** What became of a request under faults: answered, or nobody knows whether it was done. */
export type Outcome =
  | { readonly kind: 'done'; readonly answer: Answer }
  | { readonly kind: 'unknown'; readonly refusal: Answer | undefined };

const PATIENCE_MS = 15_000;
const LINES_PER_PIECE = 100;

/** Asks once. @throws the error of the connection; a timeout after 15 s, for a request must never hang */
export async function call(address: string, method: string, path: string, ask: Ask = {}): Promise<Answer> {
  const { token, key, cookie, body, lines } = ask;
  const type = lines === undefined ? 'application/json' : 'application/x-ndjson';
  const response = await fetch(address + path, {
    method,
    signal: AbortSignal.timeout(PATIENCE_MS),
    duplex: 'half',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'x-api-key': key }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined && lines === undefined ? {} : { 'content-type': type }),
    },
    ...(lines === undefined ? {} : { body: ReadableStream.from(piecesOf(lines)) }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: jsonOf(text) };
}

/** Asks a server that may be dying. @throws for every answer but success and a proper 503, and for one that hangs */
export async function attempt(address: string, method: string, path: string, ask: Ask = {}): Promise<Outcome> {
  let answer: Answer;
  try {
    answer = await call(address, method, path, ask);
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') throw new Error(`${method} ${path} hung`);
    return { kind: 'unknown', refusal: undefined };
  }
  if (answer.status >= 200 && answer.status < 300) return { kind: 'done', answer };
  assertUnavailable(answer);
  return { kind: 'unknown', refusal: answer };
}

/** A 503 as it must be: a problem with a code, a hint when to come back, and nothing of what lies behind. */
export function assertUnavailable(answer: Answer): void {
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  assert.match(answer.json.code, /^[A-Z]+_[A-Z_]+$/);
  assert.doesNotMatch(
    answer.text,
    /ECONN|127\.0\.0\.1|postgres|redis|sqlite|errno|EIO|ENOSPC|node:|\.ts|select |insert /i,
  );
}

/** @returns an access token of the first administrator, or of somebody else with the password of all victims */
export async function signIn(address: string, username = 'admin'): Promise<string> {
  const answer = await call(address, 'POST', '/v1/login', { body: { username, password: KIT_PASSWORD } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.access_token;
}

/** @returns an API key that may write and delete readings */
export async function makeKey(address: string, token: string): Promise<string> {
  const body = { name: 'faults', scopes: ['read:meter_data', 'write:meter_data', 'delete:meter_data'] };
  const answer = await call(address, 'POST', '/v1/api-keys', { token, body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.key;
}

function* piecesOf(lines: readonly string[]): Generator<Uint8Array> {
  for (let from = 0; from < lines.length; from += LINES_PER_PIECE) {
    yield Buffer.from(`${lines.slice(from, from + LINES_PER_PIECE).join('\n')}\n`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
