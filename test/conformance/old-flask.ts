import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** The system's own: what apt installs is not in other Pythons. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'old-flask.py');

/** What an old Flask back end is asked; the names of `old-flask.py`. */
export type Question =
  | { readonly do: 'make_hash'; readonly password: string; readonly method: string }
  | { readonly do: 'check_hash'; readonly hash: string; readonly password: string }
  | { readonly do: 'users_db'; readonly path: string; readonly people: readonly (string | null)[][] }
  | { readonly do: 'decode_token'; readonly token: string; readonly secret: string };

/** Its answer, or the name and message of what it raised. */
export interface Answered {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly value?: any;
  readonly error?: string;
}

/** Asks the real libraries, all questions in one process. */
export function askFlask(...questions: readonly Question[]): readonly Answered[] {
  const input = JSON.stringify(questions);
  return JSON.parse(execFileSync(PYTHON, [SCRIPT], { input, encoding: 'utf8', timeout: 60_000 }));
}

/**
 * Why they can't be asked here; `false` where they can, as the `skip` of a test has it.
 *
 * @throws AssertionError in CI, where they must not be missing
 */
export function withoutFlask(): string | false {
  try {
    execFileSync(PYTHON, ['-c', 'import werkzeug.security, jwt'], { stdio: 'pipe' });
    return false;
  } catch {
    const reason = 'needs the system packages python3-werkzeug and python3-jwt';
    assert.notEqual(process.env['CI'], 'true', reason);
    return reason;
  }
}
